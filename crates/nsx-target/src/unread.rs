//! Records that could not be read, and the reasons.

use crate::engine::Engine;
use nsx_core::trouble;
use rustix::io::Errno;
use std::{fmt, path::PathBuf};

/// The longest file that is read, in bytes. Docker keeps a container's whole configuration in one
/// file, Podman all containers of a store.
pub(crate) const LONGEST: u64 = 16 << 20;

/// A record, or all of a store, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// The engine that the record or store belongs to.
    pub engine: Engine,
    /// The path of the record or store.
    pub path: PathBuf,
    /// The reason why the record or store could not be read.
    pub why: ReadError,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

/// An error that keeps a record from being read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not exist.
    #[error("no such file")]
    Absent,
    /// The caller may not read the file.
    #[error("permission denied")]
    Denied,
    /// The file is a link, a FIFO or anything else that is not a regular file.
    #[error("not a plain file")]
    Irregular,
    /// The file is longer than the limit.
    #[error("longer than {} MiB", LONGEST >> 20)]
    TooLong,
    /// The content is not as expected.
    #[error("unexpected content: {0}")]
    Malformed(String),
    /// More than one user can write to the file, or can replace it, because of this file or
    /// directory.
    #[error("not believed: more than one user could have written it, through {}", .0.display())]
    Shared(PathBuf),
    /// The file is on a file system that another user than the caller serves (FUSE).
    #[error("on a file system that user {0} serves (FUSE)")]
    Served(u32),
    /// Reading the store of another user has reached its limit.
    #[error("cut off after {after}")]
    CutOff {
        /// The user.
        uid: u32,
        /// The amount.
        after: String,
    },
    /// Any other failure of the system.
    #[error(transparent)]
    Os(Errno),
}

impl ReadError {
    /// Returns whether the record was left unread because of its claim.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(
            self,
            Self::Shared(_) | Self::Served(_) | Self::CutOff { .. }
        )
    }
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Absent,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::LOOP | Errno::XDEV | Errno::NXIO => Self::Irregular,
            errno => Self::Os(trouble::met(errno)),
        }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
