//! Sets of namespaces that `nsx unshare --name` keeps: `<directory>/<name>`, with a line each for the
//! keeper's process id, the time of its start, the inode number of its pidfd, and the kinds of
//! namespaces.

use super::{Findings, Query, Record, value_of};
use crate::{
    claim::Location,
    container::{Container, State},
    engine::Engine,
    files::part,
    host::Host,
    person::Person,
    unread::ReadError,
};
use nsx_core::{
    ns::{NsKind, NsSet},
    pid,
    proc::decimal,
};
use std::path::{Path, PathBuf};

/// The directory of the system's sets, which root makes.
const SYSTEM: &str = "/run/nsx";

/// A keeper as its record describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keeper {
    /// The keeper's process.
    pub pid: Option<pid::Pid>,
    /// The start of that process in clock ticks since the boot.
    pub start: Option<u64>,
    /// The inode of the process's pidfd.
    pub inode: Option<u64>,
    /// The kinds of namespaces that are the set's own.
    pub kinds: NsSet,
    /// The inode of the set's network namespace, if that is its own.
    pub net: Option<u64>,
}

/// Returns the path of the record of a set that the caller makes, or nothing if the caller is not
/// root and has no runtime directory.
pub fn record_of(name: &str) -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(Path::new(SYSTEM).join(name));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime
        .filter(|path| path.is_absolute())
        .map(|path| path.join("nsx").join(name))
}

/// Reads a record: lines of `key=value`.
pub fn parse(text: &[u8]) -> Keeper {
    let value = |key: &[u8]| value_of(text, key);
    Keeper {
        pid: pid::parse(value(b"pid")).ok(),
        start: decimal(value(b"start")),
        inode: decimal(value(b"inode")).filter(|inode| *inode > 0),
        kinds: value(b"kinds")
            .split(|&byte| byte == b',')
            .filter_map(|word| str::from_utf8(word).ok()?.parse::<NsKind>().ok())
            .collect(),
        net: decimal(value(b"net")),
    }
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    let system = [Location::system(SYSTEM)];
    let users = people.iter().map(|person| person.runtime("nsx"));
    for location in system.into_iter().chain(users) {
        if let Err(error) = look_in(host, &location, query, findings) {
            findings.note(Engine::Lab, location.path(), error);
        }
    }
}

fn look_in(
    host: &Host,
    location: &Location,
    query: &Query<'_>,
    findings: &mut Findings,
) -> Result<(), ReadError> {
    let directory = host.dir(location)?;
    for name in directory.names()? {
        // A file beside the records: no set has such a name.
        if name.first() == Some(&b'.') {
            continue;
        }
        let mut container = Container::new(Engine::Lab, name.clone());
        container.name = Some(part(&name).to_owned());
        if !matches!(query, Query::All) && !query.wants_container(&container) {
            continue;
        }
        match directory.content(part(&name)) {
            Ok(content) => {
                let keeper = parse(&content.bytes);
                let mut record = Record::new(container, content.claim);
                record.pid = keeper.pid;
                record.start = keeper.start;
                record.inode = keeper.inode;
                record.once_ended = Some(State::Stopped("ended"));
                findings.records.push(record);
            }
            Err(error) => findings.note(Engine::Lab, location.path().join(part(&name)), error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_is_read() {
        assert_eq!(
            parse(b"pid=4711\nstart=99\ninode=12\nkinds=net,uts,x\nnet=7\n"),
            Keeper {
                pid: pid::Pid::from_raw(4711),
                start: Some(99),
                inode: Some(12),
                kinds: [NsKind::Net, NsKind::Uts].into_iter().collect(),
                net: Some(7),
            }
        );
        assert_eq!(parse(b"pid=x\nxpid=7\nstart=\ninode=0"), Keeper::default());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
