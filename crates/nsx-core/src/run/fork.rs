//! The fork that makes the program's process, or the joiner.

use crate::{
    pid::Pid,
    plan::{Plan, Step},
    sys::process::{Forked, Group, SingleThread, fork, fork_into},
};
use rustix::{fd::OwnedFd, io::Errno};

/// Makes the child, in the cgroup that it is to go to where that can be; then also says at which
/// place that step is, which is done with it.
pub(super) fn make(
    plan: &Plan,
    place: usize,
    thread: SingleThread,
) -> Result<(Forked, Option<usize>), Errno> {
    let joins =
        plan.tasks()
            .iter()
            .enumerate()
            .skip(place + 1)
            .find_map(|(place, task)| match task.step() {
                Step::JoinCgroup(cgroup) => Some((place, cgroup.directory.as_ref()?)),
                _ => None,
            });
    match joins.map(|(place, directory)| (place, fork_into(thread, directory))) {
        Some((place, Ok(forked))) => Ok((forked, Some(place))),
        // Whatever is in the way, going there by itself says it better.
        Some((_, Err(_))) | None => Ok((fork(thread)?, None)),
    }
}

/// Makes a child, which waits until nsx lets it go on, a job of its own that has the foreground of
/// `terminal`. Signals must be held back: whoever asks for the foreground from the background would
/// be stopped.
pub(super) fn give_foreground(terminal: &OwnedFd, child: Pid) -> Result<(), Errno> {
    Group::make_leader(child)?.set_foreground(terminal)
}
