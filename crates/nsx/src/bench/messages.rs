//! Messages between the stage and its actors.

use rustix::{
    fd::OwnedFd,
    io::{Errno, read, retry_on_intr},
    net::{SendFlags, send},
};

/// The most numbers of an answer.
pub(super) const LONGEST: usize = 1000;

/// Waits for a message, or until the other end is gone, for which it returns 0.
pub(super) fn wait(socket: &OwnedFd) -> usize {
    retry_on_intr(|| read(socket, &mut [0])).unwrap_or(0)
}

/// Sends an errno, or 0 and numbers.
pub(super) fn answer(socket: &OwnedFd, outcome: Result<Vec<u64>, Errno>) {
    let (errno, numbers) = match outcome {
        Ok(numbers) => (0, numbers),
        Err(errno) => (errno.raw_os_error().unsigned_abs().into(), Vec::new()),
    };
    let numbers = std::iter::once(errno).chain(numbers);
    let bytes: Vec<u8> = numbers.flat_map(u64::to_ne_bytes).collect();
    let _ = send(socket, &bytes, SendFlags::NOSIGNAL);
}
