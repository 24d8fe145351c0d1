//! A child's walk: from the step after the fork to the exec.

use super::{
    link::{Link, Message},
    perform::Hands,
    reaper,
};
use crate::{
    plan::{Actor, Plan, Step},
    sys::process::exit_now,
};

/// What a child ends with that did not become the program; nsx has the reason from the link.
pub(super) const NOT_RUN: i32 = 125;

/// Takes the steps from `first` on but the one that is `done`, in a new child, once nsx says so. Failures go over the
/// link; the last step does not return.
pub(super) fn walk(plan: &Plan, first: usize, done: Option<usize>, hands: &Hands<'_>, link: &Link) -> ! {
    if link.receive() != Some(Message::Go) {
        exit_now(NOT_RUN);
    }
    let mut to_init = None;
    for (place, task) in plan.tasks().iter().enumerate().skip(first) {
        // To what is not the child's nsx sees, and then lets it go on.
        if task.actor != Actor::Inside || Some(place) == done {
            continue;
        }
        let outcome = match &task.step {
            Step::StayAsInit => reaper::stay(link).map(|link| to_init = Some(link)),
            Step::DieWithParent(_) => hands.perform(&task.step).and_then(|()| {
                // nsx may have ended before it was asked for.
                if link.is_cut() { exit_now(NOT_RUN) } else { Ok(()) }
            }),
            step => hands.perform(step),
        };
        if let Err(errno) = outcome {
            to_init.as_ref().unwrap_or(link).send(Message::Took(place, Err(errno)));
            if !task.may_fail(errno) {
                break;
            }
        }
    }
    exit_now(NOT_RUN)
}
