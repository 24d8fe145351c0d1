//! Filters of system calls, see `seccomp(2)`: how a process's are read, and what they let through.

pub(crate) mod filters;
pub(crate) mod judge;
pub(crate) mod program;

pub use judge::{Answer, Effect, judge};

use crate::{pid::Process, plan::Filter, sys::process::SingleThread};
use rustix::io::Errno;

/// Returns the filters of a process, the oldest first. The kernel shows them only of a process that
/// is stopped, so a short-lived child stops it for a moment.
///
/// # Errors
/// `EACCES` without CAP_SYS_ADMIN on the host, or if this process has a filter itself; `EPERM` if
/// the process may not be traced or is traced; `ETIMEDOUT` if it does not stop in time; `EINVAL` if
/// this process has several threads.
pub fn read(process: &Process) -> Result<Vec<Filter>, Errno> {
    filters::read(process, SingleThread::check()?)
}
