//! A search for a namespace that is named, by whatever keeps the namespace alive.

use super::{Census, Entry, Query, Sources, Unseen};
use crate::{
    hash::HashSet,
    ns::{Namespace, NsId, NsKind, NsSet, Related},
    proc::{Mount, NsLink, ProcError, ProcRoot},
};
use rustix::{fs::CWD, io::Errno};
use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt};

/// The identity of a namespace that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its kind and inode number.
    Full(NsId),
    /// Its inode number: no two namespaces have the same, of whatever kind.
    Inode(u64),
    /// The id that no other namespace gets before the next boot (6.18).
    Id64(u64),
}

/// The reason why a namespace could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing that the caller can see keeps it alive. Counts what the caller could not see.
    Absent(Unseen),
    /// The kernel refused.
    Os(Errno),
}

impl From<Errno> for Lost {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

impl Wanted {
    /// Returns the namespace's entry in a census that has [`Sources::RELATIONS`].
    pub fn entry(self, census: &Census) -> Option<&Entry> {
        match self {
            Self::Full(ns) => census.entry(ns),
            Self::Inode(inode) => census
                .namespaces
                .iter()
                .find(|entry| entry.ns.inode == inode),
            Self::Id64(id) => census
                .namespaces
                .iter()
                .find(|entry| entry.relation.and_then(|relation| relation.id64) == Some(id)),
        }
    }

    /// Opens the namespace, wherever the caller can see it. Processes and the caller's own mounts
    /// are asked first, and the search ends there for most namespaces. Then everything that a
    /// census knows is looked at, [`Sources::ALL`].
    ///
    /// The namespace that is returned has the identity that is wanted, whatever showed the way to
    /// it. The process must have one thread, see [`Census::open`].
    ///
    /// # Errors
    /// [`Lost`]; `Os(ENOTTY)` if an id is wanted and the kernel gives none (before 6.18).
    pub fn open(self, proc: &ProcRoot) -> Result<Namespace, Lost> {
        if let Self::Id64(id) = self
            && let Ok(namespace) = Namespace::open_by_id(id, None)
        {
            return Ok(namespace);
        }
        if let Some(found) = self.of_processes(proc)? {
            return Ok(found);
        }
        if let Some(found) = self.of_own_mounts(proc)? {
            return Ok(found);
        }
        let census = Census::take(
            proc,
            Query {
                kinds: NsSet::ALL,
                sources: Sources::ALL,
            },
        )?;
        let entry = self.entry(&census).ok_or(Lost::Absent(census.unseen))?;
        match census.open(proc, entry.ns) {
            Ok(namespace) if self.is_open(&namespace)? => Ok(namespace),
            Err(ProcError::Denied) => Err(Lost::Os(Errno::ACCESS)),
            Err(ProcError::Os(errno)) => Err(Lost::Os(errno)),
            // The process ended meanwhile.
            Ok(_) | Err(_) => Err(Lost::Absent(census.unseen)),
        }
    }

    /// Looks among the namespaces that processes are in, those that their children will be in, and
    /// those above.
    fn of_processes(self, proc: &ProcRoot) -> Result<Option<Namespace>, Errno> {
        let own = NsKind::ALL.map(NsLink::Own);
        let links: Vec<NsLink> = own
            .into_iter()
            .chain([NsLink::PidForChildren, NsLink::TimeForChildren])
            .collect();
        let mut seen = HashSet::default();
        for pid in proc.pids()? {
            let mut directory = proc.ns_links(pid);
            for &link in &links {
                let Ok(ns) = directory.id(link) else { continue };
                // A user or PID namespace may be the child of the one that is wanted.
                let has_parent = matches!(ns.kind, NsKind::User | NsKind::Pid);
                if (self.may_be(ns) || has_parent)
                    && seen.insert(ns)
                    && let Ok(namespace) = proc.open_ns(pid, link)
                    && let Some(found) = self.climb(namespace)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Looks among the namespaces that are bound to files that the caller sees.
    fn of_own_mounts(self, proc: &ProcRoot) -> Result<Option<Namespace>, Errno> {
        // Without mountinfo, no further mounts are visible.
        let mounts = proc
            .read_own("mountinfo")
            .and_then(|text| Mount::parse_all(&text));
        for mount in mounts
            .unwrap_or_default()
            .iter()
            .filter(|mount| mount.namespace().is_some())
        {
            let opened = Namespace::open_mount(mount)
                .or_else(|_| Namespace::open(CWD, OsStr::from_bytes(&mount.point)));
            if let Ok(namespace) = opened
                && let Some(found) = self.climb(namespace)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Returns whether a namespace of this name may be the wanted one.
    fn may_be(self, ns: NsId) -> bool {
        match self {
            Self::Full(wanted) => ns == wanted,
            Self::Inode(inode) => ns.inode == inode,
            Self::Id64(_) => true,
        }
    }

    /// Returns whether an open namespace is the wanted one.
    fn is_open(self, namespace: &Namespace) -> Result<bool, Errno> {
        match self {
            Self::Id64(id) => Ok(namespace.id64()? == id),
            wanted => Ok(wanted.may_be(namespace.id())),
        }
    }

    /// Returns this namespace or the first above it that is wanted.
    fn climb(self, namespace: Namespace) -> Result<Option<Namespace>, Errno> {
        let mut next = Some(namespace);
        while let Some(namespace) = next {
            if self.is_open(&namespace)? {
                return Ok(Some(namespace));
            }
            next = match namespace.parent() {
                Ok(Related::Is(parent)) => Some(parent),
                _ => None,
            };
        }
        Ok(None)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(ns) => ns.fmt(f),
            Self::Inode(inode) => inode.fmt(f),
            Self::Id64(id) => write!(f, "id:{id}"),
        }
    }
}
