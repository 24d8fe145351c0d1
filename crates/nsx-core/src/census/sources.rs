//! The sources of a census: those that cost more than the one pass over the processes are looked at
//! only on request.

use std::fmt;

/// A set of sources to find namespaces in, and of facts to learn about them. The processes
/// themselves are always looked at.
///
/// | source | what it costs |
/// |---|---|
/// | [`PINS`](Self::PINS) | one file to read |
/// | [`MEMBERS`](Self::MEMBERS) | 36 bytes of memory a process |
/// | [`CHILDREN`](Self::CHILDREN) | two `readlinkat(2)` a process |
/// | [`THREADS`](Self::THREADS) | one `stat(2)` a process, and eight `readlinkat(2)` for each thread but its first |
/// | [`MOUNTS`](Self::MOUNTS) | one file to read for each mount namespace |
/// | [`RELATIONS`](Self::RELATIONS) | an open file and some ten system calls for each namespace |
/// | [`DESCRIPTORS`](Self::DESCRIPTORS) | one `readlinkat(2)` for each open descriptor of the host |
/// | [`SOCKETS`](Self::SOCKETS) | the same, and three system calls for each socket |
/// | [`LISTED`](Self::LISTED) | an open file for each namespace that nothing else shows |
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sources(u16);

impl Sources {
    /// No source beside the processes.
    pub const NONE: Self = Self(0);
    /// Namespaces that are bound to files in the caller's own mount namespace, as those of `ip
    /// netns` are.
    pub const PINS: Self = Self(1);
    /// The namespaces that each process is in, kept: [`Census::members`](super::Census::members).
    pub const MEMBERS: Self = Self(1 << 1);
    /// Namespaces that only the next children of a process will be in: `pid_for_children`,
    /// `time_for_children`.
    pub const CHILDREN: Self = Self(1 << 2);
    /// Namespaces that single threads are in, and how many threads are in each.
    pub const THREADS: Self = Self(1 << 3);
    /// Namespaces that are bound to files in any mount namespace, also in those that no process is
    /// in.
    pub const MOUNTS: Self = Self(1 << 4);
    /// The namespaces above each namespace, its parent and its owner, and its never-reused id; and
    /// with that the namespaces above that nothing else shows.
    pub const RELATIONS: Self = Self(1 << 5);
    /// Namespaces that processes have open.
    pub const DESCRIPTORS: Self = Self(1 << 6);
    /// Network namespaces that sockets of processes elsewhere are in.
    pub const SOCKETS: Self = Self(1 << 7);
    /// Namespaces that the kernel lists (6.19; before, this finds nothing). It leaves out those
    /// that only sockets keep.
    pub const LISTED: Self = Self(1 << 8);
    /// Every source.
    pub const ALL: Self = Self(0x1ff);

    /// Returns whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether any of `other` is in this set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the union of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sources({:#011b})", self.0)
    }
}
