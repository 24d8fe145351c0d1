//! Standard descriptors that the caller closed.

use rustix::{
    fd::{BorrowedFd, IntoRawFd},
    fs::{CWD, Mode, OFlags},
};

/// Holds the places of descriptors 0 to 2 that are closed, so that nothing of ours is opened there and written to as if
/// it were a terminal. Whoever uses them gets `EBADF` as before, and the exec closes them again.
pub fn hold_closed() {
    for number in 0..=2 {
        // SAFETY: the descriptor is only asked whether it is open.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        if rustix::io::fcntl_getfd(fd).is_err()
            && let Ok(place) = rustix::fs::openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        {
            // The kernel gives the lowest number that is free, which is this one. It stays open until the exec.
            let _ = place.into_raw_fd();
        }
    }
}
