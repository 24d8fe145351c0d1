//! The links in `/proc/PID/ns`.

use super::{ProcError, ProcRoot, entry_path::EntryPath};
use crate::{
    ns::{Namespace, NsId, NsKind},
    pid::Pid,
};
use rustix::fs::{Mode, OFlags};
use std::mem::MaybeUninit;

/// A link in `/proc/PID/ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NsLink {
    /// The namespace that the process itself is in.
    Own(NsKind),
    /// The PID namespace that its next children will be in (4.12). Between an unshare and the first
    /// child it is empty.
    PidForChildren,
    /// The time namespace that its next children will be in (5.6).
    TimeForChildren,
}

impl NsLink {
    /// Returns the link's file name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own(kind) => kind.name(),
            Self::PidForChildren => "pid_for_children",
            Self::TimeForChildren => "time_for_children",
        }
    }
}

/// No link in a process's `ns` is longer.
pub(crate) const LONGEST_LINK: usize = 64;

impl ProcRoot {
    /// Returns the namespace that a process's link leads to.
    ///
    /// # Errors
    /// [`ProcError`]; reading another user's process requires `ptrace(2)` access.
    pub fn ns(&self, pid: Pid, link: NsLink) -> Result<NsId, ProcError> {
        self.ns_links(pid).id(link)
    }

    /// Returns the links of one process, to read several of them.
    pub fn ns_links(&self, pid: Pid) -> NsLinks<'_> {
        NsLinks {
            root: self,
            directory: EntryPath::of(pid).file("ns"),
        }
    }

    /// Returns the links of one thread of a process.
    pub fn thread_ns_links(&self, pid: Pid, tid: Pid) -> NsLinks<'_> {
        NsLinks {
            root: self,
            directory: EntryPath::of(pid).file("task").number(tid).file("ns"),
        }
    }

    /// Returns the namespace that the caller's own link leads to.
    ///
    /// # Errors
    /// [`ProcError`]; `Vanished` if the kernel does not have that kind.
    pub fn own_ns(&self, link: NsLink) -> Result<NsId, ProcError> {
        NsLinks {
            root: self,
            directory: EntryPath::of_caller().file("ns"),
        }
        .id(link)
    }

    /// Opens the namespace that a process's link leads to.
    ///
    /// # Errors
    /// [`ProcError`]; requires the same access as [`ProcRoot::ns`].
    pub fn open_ns(&self, pid: Pid, link: NsLink) -> Result<Namespace, ProcError> {
        self.ns_links(pid).open(link)
    }

    /// Opens the namespace that the caller's own link leads to.
    ///
    /// # Errors
    /// As [`ProcRoot::own_ns`].
    pub fn open_own_ns(&self, link: NsLink) -> Result<Namespace, ProcError> {
        NsLinks {
            root: self,
            directory: EntryPath::of_caller().file("ns"),
        }
        .open(link)
    }
}

/// The links in a process's `ns` directory.
#[derive(Debug)]
pub struct NsLinks<'a> {
    root: &'a ProcRoot,
    directory: EntryPath,
}

impl NsLinks<'_> {
    /// Returns the namespace that a link leads to.
    ///
    /// # Errors
    /// As [`ProcRoot::ns`].
    pub fn id(&mut self, link: NsLink) -> Result<NsId, ProcError> {
        let mut target = [MaybeUninit::uninit(); LONGEST_LINK];
        NsId::parse(self.target(link, &mut target)?)
            .map_err(|_| ProcError::Malformed("a link in ns"))
    }

    /// Like [`NsLinks::id`], but returns the text of the link, which a scan compares before reading
    /// it. The text is put into `buffer`.
    ///
    /// # Errors
    /// As [`ProcRoot::ns`].
    pub(crate) fn target<'b>(
        &mut self,
        link: NsLink,
        buffer: &'b mut [MaybeUninit<u8>; LONGEST_LINK],
    ) -> Result<&'b [u8], ProcError> {
        let path = self.directory.entry(link.name());
        Ok(self.root.read_link(path, buffer)?)
    }

    /// Opens the namespace that a link leads to.
    ///
    /// # Errors
    /// As [`ProcRoot::ns`].
    pub fn open(&mut self, link: NsLink) -> Result<Namespace, ProcError> {
        if self.root.is_copy() {
            return Err(ProcError::Vanished);
        }
        let path = self.directory.entry(link.name());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Namespace::from_fd(rustix::fs::openat(
            self.root,
            path,
            flags,
            Mode::empty(),
        )?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_namespaces_are_read() {
        let proc = ProcRoot::system().unwrap();
        for kind in NsKind::ALL {
            let id = proc.own_ns(NsLink::Own(kind)).unwrap();
            let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
            assert_eq!(id.to_string(), link.to_str().unwrap());
        }
    }
}
