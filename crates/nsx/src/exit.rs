//! Exit statuses: every number that nsx ends with.

use nsx_core::{
    plan::Step,
    run::Failure,
    signal::{self, Signal},
};
use rustix::io::Errno;

/// The way in which nsx ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// nsx exits with this number.
    Code(u8),
    /// nsx is killed by this signal, as the program that it ran was.
    Signal(Signal),
}

impl ExitStatus {
    /// Success; `ls`, `pidmap` and `idmap`: found.
    pub const SUCCESS: Self = Self::Code(0);
    /// `ls`, `pidmap` and `idmap`: nothing, or not all, was found.
    pub const NO_MATCH: Self = Self::Code(1);
    /// All commands but `unshare` and `enter`: wrong usage or a failure.
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

    /// Returns the status of `unshare` and `enter` after a step of the plan failed.
    pub(crate) fn of_step(failure: &Failure) -> Self {
        match (failure.step(), failure.errno) {
            (Step::Exec { .. }, errno) => Self::of_exec(errno),
            _ => Self::NOT_RUN,
        }
    }

    /// Returns the status after `execve(2)` of the program failed.
    pub(crate) fn of_exec(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NOT_FOUND,
            _ => Self::NOT_EXECUTABLE,
        }
    }

    /// Returns the number for `main` to return. Does not return if a signal ends nsx.
    pub fn finish(self) -> i32 {
        match self {
            Self::Code(code) => code.into(),
            Self::Signal(signal) => signal::die_of(signal),
        }
    }
}
