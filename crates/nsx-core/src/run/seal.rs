//! Running from a copy in memory that nobody can write to, see `memfd_create(2)`.

use crate::sys::process::{exec_file, set_name};
use rustix::{
    fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags},
    io::Errno,
};
use std::{ffi::CString, os::unix::ffi::OsStringExt};

/// The seals that leave a file as it is, themselves included.
const SEALS: SealFlags = SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Starts this program over from a sealed copy of its file, with the same arguments. Returns where it runs from one, or on
/// failure.
///
/// # Errors
/// That of `memfd_create(2)`, `fcntl(2)` or `execveat(2)`; `EINVAL` where an argument has a zero byte.
pub fn seal() -> Result<(), Errno> {
    let own = rustix::fs::openat(CWD, "/proc/self/exe", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if rustix::fs::fcntl_get_seals(&own).is_ok_and(|seals| seals.contains(SEALS)) {
        // The kernel has named this process after the copy.
        return set_name(c"nsx");
    }
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = match rustix::fs::memfd_create("nsx", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("nsx", flags)?, // before 6.3
        copy => copy?,
    };
    while rustix::fs::sendfile(&copy, &own, None, 1 << 30)? > 0 {}
    rustix::fs::fcntl_add_seals(&copy, SEALS)?;
    let arguments: Result<Vec<_>, _> = std::env::args_os().map(|word| CString::new(word.into_vec())).collect();
    Err(exec_file(&copy, &arguments.map_err(|_| Errno::INVAL)?))
}
