//! Descriptors: those that the caller gave, and a second descriptor of an open file.

pub use crate::sys::descriptor::{has_now, hold_closed, take};

use crate::trouble;
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

/// Writes all bytes to a descriptor.
///
/// # Errors
/// The errno of `write(2)`, but never `EINTR`.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Opens for reading the file that `fd`, an `O_PATH` descriptor, refers to.
///
/// # Errors
/// The errno of `openat(2)`; `ENOENT` if `/proc` is not mounted.
pub fn reopen(fd: impl AsFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(trouble::met)
}
