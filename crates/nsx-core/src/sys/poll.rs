//! `poll(2)` without waiting.

use crate::trouble;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::AsFd,
};

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
