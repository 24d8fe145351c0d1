//! A child of this process, made without an exec.

pub use crate::sys::{
    exit::exit_now,
    process::{Forked, set_death_signal},
};

use crate::{
    ns::NsSet,
    sys::process::{self, SingleThread},
};
use rustix::io::Errno;

/// Makes a child of this process, see `fork(2)`.
///
/// # Errors
/// `EINVAL` if this process has several threads, because the child could wait for ever for a lock
/// that another thread holds. Any errno of `fork(2)`.
pub fn fork() -> Result<Forked, Errno> {
    process::fork(SingleThread::check()?)
}

/// Moves this process into new namespaces of these kinds; for PID and time namespaces, only its later
/// children move. See `unshare(2)`.
///
/// # Errors
/// Any errno of `unshare(2)`.
pub fn unshare(kinds: NsSet) -> Result<(), Errno> {
    process::unshare(kinds.flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_is_not_forked() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || wait.recv());
        assert!(matches!(fork(), Err(Errno::INVAL)));
        drop(done);
        let _ = other.join();
    }
}
