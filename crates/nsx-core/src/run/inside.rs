//! A child's walk: from the step after the fork to the exec.

use super::{
    child::Inherited,
    link::{Link, Message},
    perform::Hands,
    reaper,
};
use crate::{
    plan::{Actor, Plan, Step},
    sys::process::{Forked, exit_now, fork_sibling},
};
use rustix::io::Errno;

/// What a child ends with that did not become the program; nsx has the reason from the link.
pub(super) const NOT_RUN: i32 = 125;

/// Takes the steps from `first` on but the one that is `done`, in a new child, once nsx says so. Failures go over the
/// link; the last step does not return.
pub(super) fn walk(
    plan: &Plan,
    first: usize,
    done: Option<usize>,
    hands: &Hands<'_>,
    link: &Link,
    inherited: &Inherited,
) -> ! {
    if link.receive() != Some(Message::Go) {
        exit_now(NOT_RUN);
    }
    let mut to_init = None;
    for (place, task) in plan.tasks().iter().enumerate().skip(first) {
        // Outside nsx sees to it, and then lets go on.
        if task.actor == Actor::Outside || Some(place) == done {
            continue;
        }
        let outcome = match &task.step {
            Step::ForkSibling => go_on_as_sibling(link, inherited),
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

/// Makes the process that walks on, as a child of nsx; the one that calls, the joiner, has done its part.
fn go_on_as_sibling(link: &Link, inherited: &Inherited) -> Result<(), Errno> {
    match fork_sibling()? {
        Forked::Parent(pid) => {
            link.send(Message::Started(pid));
            exit_now(0)
        }
        Forked::Child => inherited.restore(),
    }
}
