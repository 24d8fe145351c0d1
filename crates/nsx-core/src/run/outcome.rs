//! The results of a run: how the program ended, or the step that failed.

use crate::{
    pid::Pid,
    plan::{PlannedStep, Step},
    sys::signal::Signal,
};
use rustix::io::Errno;
use std::sync::Arc;

/// The way the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Exited(u8),
    /// By this signal, or as if by it: nsx kills a PID 1 that would ignore a signal which ends
    /// other processes.
    Killed(Signal),
}

/// An event on the way, reported as it happens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The kernel refused an optional step, and the rest goes on.
    Skipped(Failure),
    /// All namespaces exist, and the process that becomes the program, with this id, is about to
    /// take its steps.
    Created(Pid),
    /// The process has become the program. Not reported for a process that a joiner has made.
    Running,
}

/// A step that could not be taken. The steps before it left nothing behind.
#[derive(Clone, Debug, thiserror::Error)]
#[error("failed to {}", step.act())]
pub struct Failure {
    step: Arc<Step>,
    /// The kernel's answer, or the one that a filter would give.
    #[source]
    pub errno: Errno,
    /// The system call that the target's filters do not allow, though nsx needs it under them.
    pub forbidden: Option<&'static str>,
}

impl Failure {
    pub(super) fn new(planned: &PlannedStep, errno: Errno) -> Self {
        Self {
            step: planned.shared_step(),
            errno,
            forbidden: None,
        }
    }

    /// Returns the system call of the step that failed, see [`PlannedStep::call`].
    pub fn call(&self) -> String {
        self.step.call()
    }

    /// Returns what failed: reads after "failed to".
    pub fn act(&self) -> String {
        self.step.act()
    }

    /// Returns the step that failed, for the program `nsx`.
    #[doc(hidden)]
    pub fn step(&self) -> &Step {
        &self.step
    }
}

/// An error that kept the program of a plan from running.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step failed.
    #[error(transparent)]
    Step(#[from] Failure),
    /// The process has several threads, and what it was to do requires a process with one.
    #[error("the process has several threads")]
    SeveralThreads,
    /// The process could not be made ready.
    #[error("failed to {act}")]
    Os {
        /// The act that failed.
        act: &'static str,
        /// The kernel's answer.
        #[source]
        errno: Errno,
    },
    /// The helper process has ended without a report, or another part of the caller's process has
    /// waited for it.
    #[error("the status of the helper process is lost")]
    HelperEnded,
}
