//! Descriptors by their numbers: those that the caller gave, and those that the program gets.

use crate::trouble;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    fs::{CWD, Mode, OFlags},
    io::{Errno, FdFlags},
};

/// Occupies those of the descriptors 0 to 2 that are closed, so that no file of nsx gets such a
/// number and is written to as if it were a terminal. Their use fails with `EBADF` as before, and
/// the exec closes them again.
pub fn hold_closed() {
    for number in 0..=2 {
        // SAFETY: the descriptor is only asked whether it is open.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        if rustix::io::fcntl_getfd(fd).is_err()
            && let Ok(file) =
                rustix::fs::openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        {
            // The kernel gives the lowest number that is free, which is this one. It stays open
            // until the exec.
            let _ = file.into_raw_fd();
        }
    }
}

/// Keeps the program from every descriptor from this number on, though the caller meant it to have
/// them. What nsx does with them itself it can go on doing.
pub(crate) fn close_at_exec(from: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    match close_range(from, CLOSE_RANGE_CLOEXEC) {
        // Before 5.11: one by one.
        Err(Errno::NOSYS | Errno::INVAL) => {}
        outcome => return outcome,
    }
    let directory = rustix::fs::openat(
        CWD,
        "/proc/self/fd",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    for number in listed(directory)?
        .into_iter()
        .filter(|number| number.cast_unsigned() >= from)
    {
        // SAFETY: the descriptor is only marked.
        match rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC) {
            Err(Errno::BADF) => {} // that of the listing
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Closes what the next exec would close, and everything from the number `from` on if there is one.
/// Nothing of this process's may be used afterwards. `directory` is its own `/proc/self/fd`;
/// without one, numbers beyond 65535 are not found.
pub(crate) fn close_now(from: Option<u32>, directory: Option<OwnedFd>) -> Result<(), Errno> {
    let directory = directory.map(IntoRawFd::into_raw_fd); // closed with the others, as the exec would close it
    // Before 5.9 one by one.
    let ranged = from.filter(|from| close_range(*from, 0).is_ok());
    let numbers = match (ranged, directory) {
        (Some(from), _) => (0..from.cast_signed()).collect(),
        // SAFETY: it is open, and nothing else owns it.
        (None, Some(directory)) => listed(unsafe { OwnedFd::from_raw_fd(directory) })?,
        (None, None) => (0..=0xffff).collect::<Vec<_>>(),
    };
    for number in numbers {
        let beyond = from.is_some_and(|from| number.cast_unsigned() >= from);
        // SAFETY: the descriptor is only asked whether it is open.
        let flags = rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
        if flags.is_ok_and(|flags| beyond || flags.contains(FdFlags::CLOEXEC)) {
            // SAFETY: its owner uses it no more, as this function's does not.
            unsafe { rustix::io::close(number) };
        }
    }
    Ok(())
}

/// Closes what the next exec would close, except the descriptors in `kept`. Their owners must not
/// use them afterwards.
pub(crate) fn close_others(kept: &[RawFd]) -> Result<(), Errno> {
    let directory = rustix::fs::openat(
        CWD,
        "/proc/self/fd",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let numbers = match directory {
        Ok(directory) => listed(directory)?,
        Err(_) => (0..=0xffff).collect(),
    };
    for number in numbers.into_iter().filter(|number| !kept.contains(number)) {
        // SAFETY: the descriptor is only asked whether it is open.
        let flags = rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
        if flags.is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC)) {
            // SAFETY: its owner uses it no more.
            unsafe { rustix::io::close(number) };
        }
    }
    Ok(())
}

fn close_range(from: u32, flags: libc::c_uint) -> Result<(), Errno> {
    // SAFETY: a call without memory. A caller that has descriptors closed uses them no more.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, from, libc::c_uint::MAX, flags) };
    super::check(libc::c_int::try_from(answer).unwrap_or(-1)).map(drop)
}

/// Returns the numbers in a directory of descriptors.
fn listed(directory: OwnedFd) -> Result<Vec<RawFd>, Errno> {
    let mut numbers = Vec::new();
    for entry in rustix::fs::Dir::new(directory)? {
        let number = crate::bytes::decimal(entry?.file_name().to_bytes());
        numbers.extend(number.and_then(|number| RawFd::try_from(number).ok()));
    }
    Ok(numbers)
}

/// Returns a descriptor of ours for what the caller gave as `number`. The program does not get it,
/// unless it is a standard one.
///
/// `EBADF` if it is not open.
pub fn take(number: RawFd) -> Result<OwnedFd, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the kernel says whether it is open; nothing of ours is used under a number that the
    // caller gave.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    let ours = rustix::io::fcntl_dupfd_cloexec(given, 3)?;
    if number > 2 {
        rustix::io::fcntl_setfd(given, FdFlags::CLOEXEC)?;
    }
    Ok(ours)
}

/// Returns whether `fd` has one of these events now; errors and hang-ups always count, as the
/// kernel has it.
pub fn has_now(fd: impl AsFd, events: PollFlags) -> bool {
    let mut fds = [PollFd::new(&fd, events)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A failure of the call says nothing about the descriptor.
    matches!(
        rustix::event::poll(&mut fds, Some(&at_once)).map_err(trouble::met),
        Ok(1)
    )
}
