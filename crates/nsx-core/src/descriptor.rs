//! Descriptors: those that the caller gave, and a second descriptor of an open file.

pub use crate::sys::descriptor::{has_now, hold_closed, take};

use crate::trouble;
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

/// Opens for reading the file that `fd`, an `O_PATH` descriptor, refers to.
///
/// # Errors
/// The errno of `openat(2)`; `ENOENT` if `/proc` is not mounted.
pub fn reopen(fd: impl AsFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(trouble::met)
}
