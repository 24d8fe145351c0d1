//! The files in /etc that belong to a network. A program that joins the network but keeps the
//! caller's files sees them instead of the caller's: those that `ip-netns(8)` has for a named
//! network namespace, and a container's own.

use super::Findings;
use crate::namespace::NETNS;
use nsx_core::{
    message,
    ns::{Namespace, NsId, NsKind},
    plan::{Contents, Mount, enter::TargetProcess},
};
use rustix::{fs::CWD, io::Errno, mount::MountFlags};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The directory with a directory for each named network namespace, whose files `ip netns` mounts
/// over those in /etc.
const NETNS_FILES: &str = "/etc/netns";

/// The files of a container that say how names are looked up in its network.
const OF_CONTAINERS: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// The longest of these files that is shown.
const MOST: usize = 4 << 20;

/// Returns the mounts that show the files of a network: those of `ip netns`, and for the network of
/// the target the target's files.
pub(super) fn mounts(
    network: NsId,
    target: Option<&TargetProcess<'_>>,
    findings: &mut Findings,
) -> Vec<Mount> {
    let mut mounts = of_named(network);
    let is_targets =
        |target: &&TargetProcess<'_>| target.ns(NsKind::Net).is_ok_and(|own| own == network);
    if let Some(target) = target.filter(is_targets) {
        for path in OF_CONTAINERS.map(Path::new) {
            if mounts.iter().all(|mount| mount.at != path) {
                mounts.extend(of_target(target, path, findings));
            }
        }
    }
    mounts
}

/// Returns a mount with a copy of a file of the target, if the file differs from the caller's. The
/// file itself is not mounted: the target may have put anything there, and what the program writes
/// to it would be the target's.
fn of_target(target: &TargetProcess<'_>, path: &Path, findings: &mut Findings) -> Option<Mount> {
    let why = match target.file(path, MOST) {
        Ok(Ok(text)) if fs::read(path).is_ok_and(|own| own == text) => return None,
        Ok(Ok(text)) => {
            return Some(Mount {
                at: path.to_owned(),
                contents: Contents::Copy {
                    of: path.to_owned(),
                    text,
                },
            });
        }
        Ok(Err(Errno::NOENT | Errno::NOTDIR)) => "is not there".to_owned(),
        Ok(Err(Errno::INVAL)) => "is not a regular file".to_owned(),
        Ok(Err(Errno::FBIG)) => format!("is longer than {} MiB", MOST >> 20),
        Ok(Err(errno)) => format!("cannot be read: {}", message::reason(&errno)),
        Err(error) => message::chain(&error),
    };
    findings.skipped(
        format!("its {}", path.display()),
        format!("{why}; the program sees yours"),
    );
    None
}

/// Returns the mounts with the files that `ip netns` has for a network, if the network has a name.
fn of_named(network: NsId) -> Vec<Mount> {
    let is_its_name = |name: &OsString| {
        Namespace::open(CWD, Path::new(NETNS).join(name))
            .is_ok_and(|namespace| namespace.id() == network)
    };
    let Some(name) = entries(Path::new(NETNS_FILES))
        .into_iter()
        .find(is_its_name)
    else {
        return Vec::new();
    };
    let directory = Path::new(NETNS_FILES).join(name);
    let files = entries(&directory).into_iter();
    files
        .filter(|file| directory.join(file).exists())
        .map(|file| bind(directory.join(&file), Path::new("/etc").join(file)))
        .collect()
}

fn bind(source: PathBuf, at: PathBuf) -> Mount {
    Mount {
        at,
        contents: Contents::Bind {
            source,
            recursive: true,
            flags: MountFlags::empty(),
        },
    }
}

/// Returns the names in a directory, sorted; none if it is missing or may not be read.
fn entries(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    names
}
