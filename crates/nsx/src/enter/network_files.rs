//! The files in /etc that belong to a network, and stand over the caller's for a program that joins
//! it: those that `ip-netns(8)` has for a named one, and a container's own.

use super::findings::Findings;
use crate::{out, pin::NETNS};
use nsx_core::{
    ns::{Namespace, NsId, NsKind},
    plan::{Contents, Mount, enter::TargetProcess},
};
use rustix::{fs::CWD, io::Errno, mount::MountFlags};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The directory of files that `ip netns` shows over those in /etc, one directory for each named
/// network.
const NETNS_FILES: &str = "/etc/netns";

/// The files of a container that say how names are looked up in its network.
const OF_CONTAINERS: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// The longest of these files that is shown.
const MOST: usize = 4 << 20;

/// The mounts that show the files of a network. The files of the target are shown too if that is
/// the target's network, as far as `ip netns` has no other.
pub(super) fn mounts(
    network: NsId,
    target: Option<&TargetProcess<'_>>,
    findings: &mut Findings,
) -> Vec<Mount> {
    let mut mounts = of_named(network);
    if let Some(target) =
        target.filter(|target| target.ns(NsKind::Net).is_ok_and(|own| own == network))
    {
        for path in OF_CONTAINERS.map(Path::new) {
            if mounts.iter().all(|mount| mount.at != path) {
                mounts.extend(of_target(target, path, findings));
            }
        }
    }
    mounts
}

/// A file of the target's, if it differs from the caller's. The target may have made it anything,
/// and nothing of it is bound: what the program writes would be the target's.
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
        Ok(Err(errno)) => format!("cannot be read: {}", out::reason(&errno)),
        Err(error) => out::chain(&error),
    };
    findings.skipped(
        &format!("its {}", path.display()),
        &format!("{why}; the program sees yours"),
    );
    None
}

/// The files that `ip netns` has for a network, if that is a named one.
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
    let there = entries(&directory)
        .into_iter()
        .filter(|file| directory.join(file).exists());
    there
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

/// The names in a directory, sorted; none if it is missing or may not be read.
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
