//! The mounts of mount namespaces, read from outside.
//!
//! The kernel writes `/proc/PID/mountinfo` from its own memory, as the process sees the mounts, so
//! that no file system is asked: a hung FUSE mount does not stall the reader.

use crate::{
    error::Error,
    query::{names, system::System},
    text,
};
use nsx_core::{
    census::{Census, Sources},
    ns::{NsId, NsKind, NsSet},
    pid::Process,
    proc::{MountEntry, NsLink, ProcError},
};
use nsx_target::{Found, Subject};
use std::ffi::OsStr;

/// The mounts that a process or mount namespace has.
pub(super) struct MountTable {
    pub(super) ns: NsId,
    pub(super) mounts: Vec<MountEntry>,
}

impl MountTable {
    /// Reads the mounts of the process or mount namespace that a word names, or else of the caller.
    pub(super) fn read(word: Option<&OsStr>, system: &System) -> Result<Self, Error> {
        let Some(word) = word else {
            let own = system.proc.own_ns(NsLink::Own(NsKind::Mnt));
            let read = own.and_then(|ns| {
                let mounts = MountEntry::parse_all(&system.proc.read_own("mountinfo")?)?;
                Ok(Self { ns, mounts })
            });
            return read.map_err(|error| Error::failed("read your own mounts", error));
        };
        let act = format!("read the mounts of {}", text::shown(word));
        match crate::target::look_up(word)? {
            Found::Process(Subject { process, .. }) => {
                of_process(&process, system).map_err(|error| Error::unread(act, &process, error))
            }
            Found::Namespace(ns) if ns.id().kind != NsKind::Mnt => Err(Error::usage(format!(
                "{} is not a mount namespace but {}",
                text::shown(word),
                ns.id()
            ))),
            Found::Namespace(ns) => {
                let text = ns.mountinfo(&system.proc).map_err(ProcError::from);
                let mounts = text.and_then(|text| MountEntry::parse_all(&text));
                let mounts = mounts.map_err(|error| Error::failed(act, error))?;
                Ok(Self {
                    ns: ns.id(),
                    mounts,
                })
            }
        }
    }
}

fn of_process(process: &Process, system: &System) -> Result<MountTable, ProcError> {
    let pid = process.pid_in(&system.proc)?;
    let read = system
        .proc
        .ns(pid, NsLink::Own(NsKind::Mnt))
        .and_then(|ns| {
            let mounts = MountEntry::parse_all(&system.proc.read(pid, "mountinfo")?)?;
            Ok(MountTable { ns, mounts })
        });
    process.runs(&system.proc, pid)?;
    read
}

/// The mounts of all mount namespaces that are seen.
pub(super) struct AllTables {
    /// The mount namespaces with their names, in the order of `nsx ls`.
    pub(super) tables: Vec<(Vec<u8>, MountTable)>,
    /// The number of mount namespaces whose mounts could not be read.
    pub(super) unread: usize,
    pub(super) census: Census,
}

impl AllTables {
    /// Reads the mounts of each mount namespace that a process is in, or that a file in the caller's
    /// mount namespace holds.
    pub(super) fn read(system: &System) -> Result<Self, Error> {
        let sources = Sources::PINS.with(Sources::MEMBERS);
        let census = system.census_with_leaders(NsSet::ALL, sources)?;
        let (mut tables, mut unread) = (Vec::new(), 0);
        for (ns, name) in names::of_kind(NsKind::Mnt, &census, system) {
            match of_namespace(ns, &census, system) {
                Ok(mounts) => tables.push((name, MountTable { ns, mounts })),
                // It ended meanwhile.
                Err(ProcError::Vanished) => {}
                Err(_) => unread += 1,
            }
        }
        unread += census.unseen.hidden();
        Ok(Self {
            tables,
            unread,
            census,
        })
    }

    /// Returns a note on what was not seen.
    pub(super) fn note(&self) -> Option<String> {
        match self.unread {
            0 => None,
            1 => Some("the mounts of 1 process or mount namespace could not be read".to_owned()),
            count => Some(format!(
                "the mounts of {count} processes or mount namespaces could not be read"
            )),
        }
    }
}

fn of_namespace(ns: NsId, census: &Census, system: &System) -> Result<Vec<MountEntry>, ProcError> {
    let proc = &system.proc;
    let leader = census.entry(ns).and_then(|entry| entry.leader);
    let Some(pid) = leader else {
        let text = census.open(proc, ns)?.mountinfo(proc)?;
        return MountEntry::parse_all(&text);
    };
    let text = proc.read(pid, "mountinfo")?;
    if proc.ns(pid, NsLink::Own(NsKind::Mnt))? != ns {
        return Err(ProcError::Vanished);
    }
    MountEntry::parse_all(&text)
}
