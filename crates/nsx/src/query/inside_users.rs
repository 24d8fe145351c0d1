//! Users as a process sees them: their ids in its user namespace, and their names in the
//! /etc/passwd of its mount namespace.

use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdKind, IdMap},
    ns::NsKind,
    pid::Pid,
    proc::{NsLink, ProcRoot},
};
use rustix::fs::OFlags;

/// User names by id.
type Names = HashMap<u32, Vec<u8>>;

/// Translates users to ids and names inside. What the processes of a container share is read once.
pub(crate) struct InsideUsers<'a> {
    proc: &'a ProcRoot,
    /// The id mapping of each user namespace, by inode number.
    maps: HashMap<u64, Option<IdMap>>,
    /// The user names in each mount namespace, by inode number.
    names: HashMap<u64, Names>,
}

impl<'a> InsideUsers<'a> {
    pub(crate) fn new(proc: &'a ProcRoot) -> Self {
        Self {
            proc,
            maps: HashMap::default(),
            names: HashMap::default(),
        }
    }

    /// Returns the id and the name that the caller's user `uid` has for the process `pid` of the
    /// procfs.
    pub(crate) fn user(&mut self, pid: Pid, uid: u32) -> (Option<u32>, Option<Vec<u8>>) {
        let inside = self.uid(pid, uid);
        (
            inside,
            inside.and_then(|uid| self.names(pid)?.get(&uid).cloned()),
        )
    }

    fn uid(&mut self, pid: Pid, uid: u32) -> Option<u32> {
        let proc = self.proc;
        let ns = proc.ns(pid, NsLink::Own(NsKind::User)).ok()?;
        if proc.own_ns(NsLink::Own(NsKind::User)) == Ok(ns) {
            // The map of the caller's own user namespace would translate to the parent's ids.
            return Some(uid);
        }
        let read = || IdMap::read(pid, IdKind::User, proc).ok();
        self.maps
            .entry(ns.inode)
            .or_insert_with(read)
            .as_ref()?
            .to_inside(uid)
    }

    fn names(&mut self, pid: Pid) -> Option<&Names> {
        let proc = self.proc;
        let ns = proc.ns(pid, NsLink::Own(NsKind::Mnt)).ok()?;
        let read = || {
            let root = proc
                .open_entry(pid, "root", OFlags::PATH | OFlags::DIRECTORY)
                .ok()?;
            accounts::user_names_below(root).ok()
        };
        Some(
            self.names
                .entry(ns.inode)
                .or_insert_with(|| read().unwrap_or_default()),
        )
    }
}
