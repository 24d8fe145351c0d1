//! [`NoNamespace`]: the reason why a file or a link does not lead to a namespace.

use crate::unread::ReadError;
use nsx_core::pid::Pid;
use rustix::io::Errno;
use std::path::PathBuf;

/// An error that keeps a file or a link from leading to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoNamespace {
    /// A file on which no namespace is mounted, such as `ip netns` leaves behind.
    #[error("it is a plain file, on which no namespace is mounted")]
    Plain,
    /// A link to a process that has ended.
    #[error("it is a link to {}, whose process has ended", .0.display())]
    Ended(PathBuf),
    /// A link to a process's id that another process has by now.
    #[error("it is a link to {}, but process {pid} started after the link was made", link.display())]
    Reused {
        /// The text of the link.
        link: PathBuf,
        /// The other process.
        pid: Pid,
    },
    /// A link to something that is not there.
    #[error("it is a link to {}, which does not exist", .0.display())]
    Dangling(PathBuf),
    /// A link to a file that is not a namespace's.
    #[error("it is a link to {}, which is not the file of a namespace", .0.display())]
    Elsewhere(PathBuf),
    /// A link to something that cannot be reached.
    #[error("it is a link to {}: {why}", link.display())]
    Unread {
        /// The text of the link.
        link: PathBuf,
        /// The cause.
        why: ReadError,
    },
    /// The file itself is not a namespace's, or the kernel refused to open it.
    #[error("{}", reason(*.0))]
    Os(Errno),
}

fn reason(errno: Errno) -> String {
    match errno {
        Errno::INVAL => "this is not the file of a namespace in this mount namespace".to_owned(),
        Errno::NOTTY => "this kernel gives namespaces no ids; that came with Linux 6.18".to_owned(),
        errno => ReadError::from(errno).to_string(),
    }
}

impl NoNamespace {
    /// Returns whether the name is right, and what it named is gone.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::Ended(_) | Self::Reused { .. } | Self::Dangling(_) => true,
            Self::Os(errno) => matches!(*errno, Errno::NOENT | Errno::NOTDIR),
            Self::Plain | Self::Elsewhere(_) | Self::Unread { .. } => false,
        }
    }

    /// Returns whether a link shows that a namespace was meant.
    pub(crate) fn is_link(&self) -> bool {
        !matches!(self, Self::Plain | Self::Os(_))
    }
}
