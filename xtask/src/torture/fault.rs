//! The faults that are injected at a system call.

use nix::errno::Errno;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL, before the call.
    Kill,
    /// The call is not made, and gives this error.
    Error(Errno),
}

impl Fault {
    pub(super) const ERRORS: [Self; 5] = [
        Self::Error(Errno::EIO),
        Self::Error(Errno::EPERM),
        Self::Error(Errno::ENOMEM),
        Self::Error(Errno::EINTR),
        Self::Error(Errno::EMFILE),
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => formatter.write_str("KILL"),
            Self::Error(errno) => write!(formatter, "{errno:?}"),
        }
    }
}
