//! The fork that makes the program's process, or the joiner.

use crate::{
    pid::Pid,
    plan::{Plan, Step},
    sys::process::{Forked, Group, SingleThread, fork, fork_into},
};
use rustix::{fd::OwnedFd, io::Errno};

/// Makes the child, in the cgroup that it is to join if the kernel can do that. Returns then the
/// index of the step that this has done.
pub(super) fn make(
    plan: &Plan,
    index: usize,
    thread: SingleThread,
) -> Result<(Forked, Option<usize>), Errno> {
    let joins = plan
        .steps()
        .iter()
        .enumerate()
        .skip(index + 1)
        .find_map(|(index, planned)| match planned.step() {
            Step::JoinCgroup(cgroup) => Some((index, cgroup.directory.as_ref()?)),
            _ => None,
        });
    match joins.map(|(index, directory)| (index, fork_into(thread, directory))) {
        Some((index, Ok(forked))) => Ok((forked, Some(index))),
        // Whatever is in the way, going there by itself says it better.
        Some((_, Err(_))) | None => Ok((fork(thread)?, None)),
    }
}

/// Makes a child, which waits until nsx lets it go on, a job of its own that has the foreground of
/// `terminal`. Signals must be held back: the kernel stops a process in the background that takes
/// the foreground.
pub(super) fn give_foreground(terminal: &OwnedFd, child: Pid) -> Result<(), Errno> {
    Group::make_leader(child)?.set_foreground(terminal)
}
