//! Holders: the things that keep a namespace alive.

use crate::{
    ns::{Namespace, NsId},
    pid::Pid,
    proc::{Mount, ProcError, ProcRoot},
};
use rustix::fs::OFlags;

/// Something other than a process in it that keeps a namespace alive. Ids are as the procfs that
/// was looked at counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Holder {
    /// A thread is in it, while its process as a whole is in another one or its first thread has
    /// ended.
    Thread {
        /// The process.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        pid: Pid,
        /// The thread.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        tid: Pid,
    },
    /// The next children of a thread will be in it: `pid_for_children` or `time_for_children`.
    ForChildren {
        /// The process.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        pid: Pid,
        /// The thread; the same number for the first one of the process.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        tid: Pid,
    },
    /// A process has the namespace open.
    Descriptor {
        /// The process.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        pid: Pid,
        /// The descriptor.
        fd: u32,
    },
    /// A mount: the namespace is bound to a file.
    Mount(NamespaceMount),
    /// A network namespace: a process in another one has a socket in it.
    Socket {
        /// The process.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
        pid: Pid,
        /// The descriptor.
        fd: u32,
        /// The socket's inode number, as in `socket:[…]`.
        inode: u64,
    },
    /// A PID or user namespace: it is the parent of this one.
    Child(NsId),
    /// A user namespace: it owns this one, which is not its child.
    Owned(NsId),
}

/// A bind mount of a namespace on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NamespaceMount {
    /// The mount, as seen from the root directory of the viewer. Its id is that of `mountinfo`, or
    /// its unique id if it has no viewer.
    pub mount: Mount,
    /// The mount namespace that the mount is in; `None` if unknown.
    pub inside: Option<NsId>,
    /// The viewer of the mount.
    pub viewer: Viewer,
}

/// The viewer of a mount, for whom its mount point is a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Viewer {
    /// The caller.
    Caller,
    /// This process, whose mounts were read.
    Process(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))] Pid),
    /// No process is in that mount namespace.
    Nobody,
}

impl NamespaceMount {
    /// Opens the namespace, in a way that never waits, see [`Namespace::open_mount`].
    ///
    /// # Errors
    /// As there; `Vanished` too if the viewer has ended or is unknown.
    pub fn open(&self, proc: &ProcRoot) -> Result<Namespace, ProcError> {
        match self.viewer {
            _ if proc.is_copy() => Err(ProcError::Vanished),
            Viewer::Caller => Ok(Namespace::open_mount(&self.mount)?),
            Viewer::Process(pid) => {
                let root = proc.open_entry(pid, "root", OFlags::PATH)?;
                Ok(Namespace::open_mount_below(root, &self.mount)?)
            }
            Viewer::Nobody => Err(ProcError::Vanished),
        }
    }
}

impl Holder {
    /// Returns the process that holds the namespace, if a process does.
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Self::Thread { pid, .. }
            | Self::ForChildren { pid, .. }
            | Self::Descriptor { pid, .. }
            | Self::Socket { pid, .. } => Some(*pid),
            Self::Mount(_) | Self::Child(_) | Self::Owned(_) => None,
        }
    }

    /// Returns the order of holders: by kind, then by ids.
    pub(super) fn key(&self) -> (u8, u64, u64) {
        let number = |pid: &Pid| u64::from(pid.as_raw_nonzero().get().unsigned_abs());
        match self {
            Self::Thread { pid, tid } => (0, number(pid), number(tid)),
            Self::ForChildren { pid, tid } => (1, number(pid), number(tid)),
            Self::Descriptor { pid, fd } => (2, number(pid), (*fd).into()),
            Self::Mount(pin) => {
                let viewer = match &pin.viewer {
                    Viewer::Caller => 0,
                    Viewer::Process(pid) => number(pid),
                    Viewer::Nobody => u64::MAX,
                };
                (3, viewer, pin.mount.id)
            }
            Self::Socket { pid, fd, .. } => (4, number(pid), (*fd).into()),
            Self::Child(ns) => (5, ns.kind as u64, ns.inode),
            Self::Owned(ns) => (6, ns.kind as u64, ns.inode),
        }
    }
}
