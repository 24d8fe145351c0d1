//! Descriptors that the caller gave: standard ones that are closed, and one that is named by its number.

use rustix::{
    fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd},
    fs::{CWD, Mode, OFlags},
    io::{Errno, FdFlags},
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

/// Keeps the program from every descriptor from this number on, though the caller meant it to have them. What nsx does with
/// them itself it can go on doing.
pub fn close_at_exec(from: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: a call without memory, after which each descriptor is as usable as before.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, from, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
    match super::check(libc::c_int::try_from(answer).unwrap_or(-1)) {
        // Before 5.11: one by one.
        Err(Errno::NOSYS | Errno::INVAL) => {}
        outcome => return outcome.map(drop),
    }
    for entry in rustix::fs::Dir::new(rustix::fs::openat(
        CWD,
        "/proc/self/fd",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)? {
        let number =
            crate::proc::decimal(entry?.file_name().to_bytes()).and_then(|number| RawFd::try_from(number).ok());
        if let Some(number) = number.filter(|number| number.cast_unsigned() >= from) {
            // SAFETY: it is open, as it was listed, and is only marked.
            rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// A descriptor of ours for what the caller gave as `number`. The program does not get it, unless it is a standard one.
///
/// `EBADF` where it is not open.
pub fn take(number: RawFd) -> Result<OwnedFd, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the kernel says whether it is open; nothing of ours is used under a number that the caller gave.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    let ours = rustix::io::fcntl_dupfd_cloexec(given, 3)?;
    if number > 2 {
        rustix::io::fcntl_setfd(given, FdFlags::CLOEXEC)?;
    }
    Ok(ours)
}
