//! The proc file system, read as bytes.
//!
//! Any name that a process gives itself reaches these parsers, so each takes `&[u8]`, accepts
//! anything and never panics. The world changes while it is read: every answer is a value or a reason
//! why it is missing, see [`ProcError`].

pub mod cmdline;
mod credentials;
mod entry_path;
mod events;
mod ids;
mod mount_entry;
mod mountinfo;
mod ns_links;
#[cfg(test)]
mod recording;
mod root;
mod scan;
pub mod stat;
mod statmount;
mod status;
mod sysctl;

pub use crate::bytes::{decimal, unescape};
pub use credentials::Credentials;
pub use events::ProcEvents;
pub use ids::TaskIds;
pub use mount_entry::MountEntry;
pub use mountinfo::Mount;
pub(crate) use ns_links::LONGEST_LINK;
pub use ns_links::{NsLink, NsLinks};
#[cfg(test)]
pub(crate) use recording::Recording;
pub use root::ProcRoot;
pub(crate) use root::hides_reader;
pub use scan::socket_inode;
pub(crate) use status::Lines;
pub use status::Status;

use crate::trouble;
use rustix::io::Errno;

/// The reason why something about a process could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcError {
    /// The process is gone, or never was. So are the namespaces of a zombie, but for its PID and
    /// user namespace.
    #[error("no such process")]
    Vanished,
    /// The kernel does not let the caller see it: another user's process, `hidepid`, a security
    /// module.
    #[error("permission denied")]
    Denied,
    /// The process is there, and the procfs does not show it to the caller at all:
    /// `hidepid=invisible`, see `proc(5)`. Only [`Process::unseen`](crate::pid::Process::unseen),
    /// which has the process pinned, can tell.
    #[error("it is there, but /proc does not show it (hidepid)")]
    Unshown,
    /// The process is there, but not in the PID namespace of the procfs, nor below that.
    #[error("it is there, but /proc belongs to another PID namespace and does not show it")]
    Elsewhere,
    /// The process is there, but its main thread has exited, and the other threads do not show as a
    /// process.
    #[error("its main thread has exited, and only other threads of it run")]
    WithoutMainThread,
    /// The process is a thread of the kernel, which has no environment, no program and no memory of
    /// its own.
    #[error("it is a thread of the kernel")]
    KernelThread,
    /// The text is not what the kernel writes; the name is what was read.
    #[error("unexpected text in {0}")]
    Malformed(&'static str),
    /// Any other failure of the system.
    #[error(transparent)]
    Os(Errno),
}

impl From<Errno> for ProcError {
    fn from(errno: Errno) -> Self {
        match errno {
            // ESRCH comes from reading a file whose process ended after it was opened.
            Errno::NOENT | Errno::SRCH => Self::Vanished,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            errno => Self::Os(trouble::met(errno)),
        }
    }
}
