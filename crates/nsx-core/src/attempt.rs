//! Attempts that a child makes, such as to create namespaces: it ends at once and leaves nothing.

use crate::{
    ns::NsSet,
    sys::{
        process::{Forked, SingleThread, exit_now, fork, unshare},
        signal::Disposition,
    },
};
use rustix::{
    io::Errno,
    process::{WaitOptions, waitpid},
};

/// Creates these namespaces in a child, one set after the other, each by one `unshare(2)`.
///
/// # Errors
/// That of the first set that the kernel refuses; those of `fork(2)`; `EINVAL` if the process has
/// several threads.
pub fn create(sets: &[NsSet]) -> Result<(), Errno> {
    let status = in_child(|| {
        let refused = sets.iter().find_map(|set| unshare(set.flags()).err());
        refused.map_or(0, Errno::raw_os_error)
    });
    match status? {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(errno)),
        // A filter of system calls may kill the caller for the call.
        None => Err(Errno::PERM),
    }
}

/// Calls `attempt` in a child, and returns the child's exit status, which is what `attempt` returned;
/// none if a signal killed the child.
pub(crate) fn in_child(attempt: impl FnOnce() -> i32) -> Result<Option<i32>, Errno> {
    let alone = SingleThread::check()?;
    // Else there is no status if the caller ignores SIGCHLD.
    let disposition = Disposition::default_for(libc::SIGCHLD)?;
    let status = match fork(alone) {
        Ok(Forked::Child) => exit_now(attempt()),
        Ok(Forked::Parent(child)) => waitpid(Some(child), WaitOptions::empty()),
        Err(errno) => Err(errno),
    };
    disposition.restore(libc::SIGCHLD)?;
    Ok(status?.and_then(|(_, status)| status.exit_status()))
}
