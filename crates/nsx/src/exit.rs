//! Exit statuses: every number that nsx ends with, in one place.

use nsx_core::signal::{self, Signal};

/// The way in which nsx ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this number.
    Code(u8),
    /// By this signal, as the program that nsx ran did.
    Signal(Signal),
}

impl ExitStatus {
    /// All went well; `ls` and `pidmap`: found.
    pub const SUCCESS: Self = Self::Code(0);
    /// `ls` and `pidmap`: nothing matched, or not all of it.
    pub const NO_MATCH: Self = Self::Code(1);
    /// `ls`, `pidmap` and `nsx` itself: wrong usage or a failure.
    pub const FAILURE: Self = Self::Code(2);
    /// The strict personalities: wrong usage or a failure.
    pub const COMPLAINT: Self = Self::Code(1);
    /// The strict `lsns`: the kernel has no such relations between namespaces.
    pub const NOT_SUPPORTED: Self = Self::Code(2);
    /// The strict `lsns`: the table of mounts cannot be read.
    pub const NO_MOUNTS: Self = Self::Code(32);
    /// `enter --all-of`: the program failed in one container or more.
    pub const SOME_FAILED: Self = Self::Code(1);
    /// `unshare` and `enter`: nsx itself failed, wrong usage included, and the program did not run.
    pub const NOT_RUN: Self = Self::Code(125);
    /// `unshare` and `enter`: the program was found but could not be run.
    pub const NOT_EXECUTABLE: Self = Self::Code(126);
    /// `unshare` and `enter`: the program was not found.
    pub const NOT_FOUND: Self = Self::Code(127);

    /// The number for `main` to return. Does not return where a signal is to end nsx.
    pub fn finish(self) -> i32 {
        match self {
            Self::Code(code) => code.into(),
            Self::Signal(signal) => signal::die_of(signal),
        }
    }
}
