//! [`act`] and [`Delegate`]: a child that acts for its parent where the parent cannot, such as in
//! another namespace, and ends with the outcome as its status.

use crate::pid::Pid;
use crate::sys::{
    process::{Forked, SingleThread, collect, exit_now, fork},
    signal::Disposition,
};
use rustix::io::Errno;

/// Acts in a child, and returns the outcome as [`Delegate::outcome`] does. This process must have one
/// thread.
///
/// # Errors
/// The error of `fork(2)`; `EINVAL` if the process has several threads.
pub(crate) fn act(act: impl FnOnce() -> Result<(), Errno>) -> Result<Result<(), Errno>, Errno> {
    match Delegate::fork()? {
        None => end_with(act()),
        Some(child) => Ok(child.outcome()),
    }
}

/// A child that acts for this process while that talks to it. It ends by [`end_with`].
pub(crate) struct Delegate {
    pid: Pid,
    /// The effect that SIGCHLD had: if the caller ignores it, the kernel keeps no status.
    child_ended: Disposition,
}

impl Delegate {
    /// Makes the child, in which this returns none. This process must have one thread.
    pub(crate) fn fork() -> Result<Option<Self>, Errno> {
        let thread = SingleThread::check()?;
        let child_ended = Disposition::default_for(libc::SIGCHLD)?;
        match fork(thread) {
            Ok(Forked::Child) => Ok(None),
            Ok(Forked::Parent(pid)) => Ok(Some(Self { pid, child_ended })),
            Err(errno) => {
                child_ended.restore(libc::SIGCHLD)?;
                Err(errno)
            }
        }
    }

    /// Returns the child's id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for the child, and returns the outcome of its act.
    ///
    /// # Errors
    /// The error of the act; `EPERM` if a filter of system calls killed the child for the act; `ECHILD`
    /// if anything else did.
    pub(crate) fn outcome(self) -> Result<(), Errno> {
        let status = collect(self.pid);
        self.child_ended.restore(libc::SIGCHLD)?;
        let status = status?;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(0), _) => Ok(()),
            (Some(errno), _) => Err(Errno::from_raw_os_error(errno)),
            (_, Some(libc::SIGSYS)) => Err(Errno::PERM),
            _ => Err(Errno::CHILD),
        }
    }
}

/// Ends the child with the outcome of its act.
pub(crate) fn end_with(outcome: Result<(), Errno>) -> ! {
    exit_now(outcome.map_or_else(Errno::raw_os_error, |()| 0))
}
