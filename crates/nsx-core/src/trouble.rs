//! Failures of the system itself, remembered until the end of a command.
//!
//! Reading about processes meets errors all the time, and nearly all of them are answers: the
//! process has ended, the caller may not see it, the kernel has no such call. A listing takes them
//! into account, or leaves the one cell empty. An error of the disk, of memory or of a limit is not
//! an answer: with what is then missing, a listing must not look whole.

use rustix::io::Errno;
use std::sync::atomic::{AtomicI32, Ordering};

/// The first one, or 0.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// Remembers an error if it is not an answer; returns it.
pub fn met(errno: Errno) -> Errno {
    if matches!(
        errno,
        Errno::IO | Errno::INTR | Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    ) {
        let _ = FIRST.compare_exchange(
            0,
            errno.raw_os_error(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
    errno
}

/// As [`met`], for an error of the standard library.
pub fn met_in(error: std::io::Error) -> std::io::Error {
    if let Some(errno) = Errno::from_io_error(&error) {
        met(errno);
    }
    error
}

/// Returns the errno of an error of the standard library; `EIO` if it has none.
pub fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// Returns the first error that was not an answer.
pub fn first() -> Option<Errno> {
    Some(FIRST.load(Ordering::Relaxed))
        .filter(|errno| *errno != 0)
        .map(Errno::from_raw_os_error)
}
