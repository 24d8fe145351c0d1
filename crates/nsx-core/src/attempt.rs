//! Attempts to create namespaces, each in a child that ends at once and leaves nothing.

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
    // Else there is no status if the caller ignores SIGCHLD.
    let disposition = Disposition::default_for(libc::SIGCHLD)?;
    let outcome = in_child(sets);
    disposition.restore(libc::SIGCHLD)?;
    outcome
}

fn in_child(sets: &[NsSet]) -> Result<(), Errno> {
    match fork(SingleThread::check()?)? {
        Forked::Child => {
            let refused = sets.iter().find_map(|set| unshare(set.flags()).err());
            exit_now(refused.map_or(0, Errno::raw_os_error))
        }
        Forked::Parent(child) => {
            let status = waitpid(Some(child), WaitOptions::empty())?;
            match status.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(()),
                Some(errno) => Err(Errno::from_raw_os_error(errno)),
                // A filter of system calls may kill the caller for the call.
                None => Err(Errno::PERM),
            }
        }
    }
}
