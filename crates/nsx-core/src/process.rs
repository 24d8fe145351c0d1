//! A child of this process, made without an exec.

pub use crate::sys::{
    exit::exit_now,
    process::{Forked, set_death_signal},
};

use crate::sys::process::{self, SingleThread};
use rustix::io::Errno;

/// Makes a child of this process, see `fork(2)`.
///
/// # Errors
/// `EINVAL` if this process has several threads, because the child could wait for ever for a lock
/// that another thread holds. Any errno of `fork(2)`.
pub fn fork() -> Result<Forked, Errno> {
    process::fork(SingleThread::check()?)
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
