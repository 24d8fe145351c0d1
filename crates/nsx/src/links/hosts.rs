//! Names of sets on one bridge, as a file that all of them have as /etc/hosts.
//!
//! The file follows from the records of the sets, so a file that was half written is whole again
//! when the next set is made or ended. It is written in place: sets see it through a bind mount.

use nsx_core::plan::{Contents, Link, LinkKind, Mount, Record};
use nsx_net::{InterfaceName, IpNet};
use rustix::{
    fs::{FlockOperation, flock},
    mount::MountFlags,
};
use std::{
    fs::{self, File},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The host's file. The file of a bridge is a copy of it, with the names of sets appended.
const HOSTS: &str = "/etc/hosts";

/// The key of the lines about a bridge.
pub(super) const KEY: &str = "host";

/// Returns the lines of a set's record about the addresses that a link has on a bridge.
pub(super) fn lines(link: &Link, bridge: &InterfaceName) -> Vec<String> {
    let line = |net: &IpNet| format!("{KEY}={} {bridge} {}", link.name, net.addr());
    link.addresses.iter().map(line).collect()
}

/// Returns the mount that shows the names on the first bridge that the links are on. `record` is the
/// path of the set's record.
pub(crate) fn mount(links: &[Link], record: &Path) -> Option<Mount> {
    let bridge = links.iter().find_map(|link| match &link.kind {
        LinkKind::Veth { bridge, .. } if !link.addresses.is_empty() => bridge.as_ref(),
        _ => None,
    })?;
    Path::new(HOSTS).exists().then(|| Mount {
        at: HOSTS.into(),
        contents: Contents::Bind {
            source: file(record, bridge.as_str()),
            recursive: false,
            flags: MountFlags::RDONLY,
        },
    })
}

/// Makes the files that a new set mounts, if they are missing.
pub(crate) fn prepare(record: &Record) -> io::Result<()> {
    refresh(&record.path, &record.lines.join("\n"), true)
}

/// Brings the files of those bridges up to date that a record names. The record is or was at `path`.
/// Call when the set was made or ended.
pub(crate) fn update(path: &Path, record: &str) -> io::Result<()> {
    refresh(path, record, false)
}

fn refresh(path: &Path, record: &str, is_needed: bool) -> io::Result<()> {
    let mut bridges: Vec<_> = entries(record).map(|(bridge, _)| bridge).collect();
    bridges.dedup();
    bridges
        .iter()
        .try_for_each(|bridge| refresh_one(path, bridge, is_needed))
}

fn refresh_one(record: &Path, bridge: &str, is_needed: bool) -> io::Result<()> {
    let path = file(record, bridge);
    let directory = record.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory)?;
    let mut hosts = loop {
        let mut options = File::options();
        let hosts = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        flock(&hosts, FlockOperation::LockExclusive)?;
        // Another nsx may have removed it meanwhile.
        if hosts.metadata()?.nlink() > 0 {
            break hosts;
        }
    };
    let mut is_needed = is_needed;
    let mut text = fs::read(HOSTS).unwrap_or_default();
    for entry in fs::read_dir(directory)?.flatten() {
        let name = entry.file_name();
        let (Some(name), Ok(record)) = (name.to_str(), fs::read_to_string(entry.path())) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        for (_, address) in entries(&record).filter(|(on, _)| *on == bridge) {
            text.extend_from_slice(format!("{address} {name}\n").as_bytes());
            is_needed = true;
        }
    }
    if !is_needed {
        return fs::remove_file(&path);
    }
    hosts.set_len(0)?;
    hosts.write_all(&text)
}

/// Returns the bridges and addresses in a record.
fn entries(record: &str) -> impl Iterator<Item = (&str, IpAddr)> {
    record.lines().filter_map(|line| {
        let (_, entry) = line.strip_prefix(KEY)?.strip_prefix('=')?.split_once(' ')?;
        let (bridge, address) = entry.split_once(' ')?;
        // A name of a bridge is a name of a file here.
        bridge.parse::<InterfaceName>().ok()?;
        Some((bridge, address.parse().ok()?))
    })
}

/// The file of a bridge, beside the records. No set has a name that begins with a dot.
fn file(record: &Path, bridge: &str) -> PathBuf {
    record.with_file_name(format!(".hosts-{bridge}"))
}
