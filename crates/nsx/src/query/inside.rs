//! Users as a process's own user namespace counts them and as the /etc/passwd that it sees names
//! them.

use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdKind, IdMap},
    ns::NsKind,
    pid::Pid,
    proc::{NsLink, ProcRoot},
};
use rustix::fs::OFlags;

/// The names of ids.
type Names = HashMap<u32, Vec<u8>>;

/// Finds out about users inside, with what is the same for all processes of a container read once.
pub(crate) struct Insiders<'a> {
    proc: &'a ProcRoot,
    /// By user namespace.
    maps: HashMap<u64, Option<IdMap>>,
    /// By mount namespace.
    names: HashMap<u64, Names>,
}

impl<'a> Insiders<'a> {
    pub(crate) fn new(proc: &'a ProcRoot) -> Self {
        Self {
            proc,
            maps: HashMap::default(),
            names: HashMap::default(),
        }
    }

    /// Returns the number and the name that the user `uid` here has inside, for the process that
    /// the procfs calls `pid`.
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
            // In the caller's own, where the map would lead a level further up.
            return Some(uid);
        }
        let read = || {
            let mut text = Vec::new();
            proc.read(pid, IdKind::User.file(), &mut text).ok()?;
            IdMap::parse(&text).ok()
        };
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
