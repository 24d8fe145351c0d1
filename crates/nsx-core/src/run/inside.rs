//! A child's walk: from the step after the fork to the exec.

use super::{
    board::Board,
    child::Inherited,
    link::{Link, Message},
    perform::Hands,
    reaper,
};
use crate::{
    plan::{Actor, Plan, Step},
    sys::process::exit_now,
};

/// The exit status of a child that did not become the program; nsx has the reason from the board.
pub(super) const NOT_RUN: i32 = 125;

/// Takes the steps from `first` on but the one that is `done`, in a new child, once nsx says so.
/// What fails is told on the board; the last step does not return.
pub(super) fn walk(
    plan: &Plan,
    first: usize,
    done: Option<usize>,
    hands: &Hands<'_>,
    link: &Link,
    board: Board,
    inherited: &Inherited,
) -> ! {
    match link.receive() {
        Ok(Some(Message::Go)) => {}
        Ok(_) => exit_now(NOT_RUN),
        Err(errno) => {
            board.fail(first.saturating_sub(1), errno, 0);
            exit_now(NOT_RUN)
        }
    }
    // PID 1 sees by the end of its link that the program runs, or will not.
    let mut _to_init = None;
    for (place, task) in plan.tasks().iter().enumerate().skip(first) {
        // To what is not the child's nsx sees, and then lets it go on.
        if task.actor() != Actor::Inside || Some(place) == done {
            continue;
        }
        let outcome = match task.step() {
            Step::StayAsInit => reaper::stay(link, inherited, board, place, hands.thread)
                .map(|link| _to_init = Some(link)),
            Step::DieWithParent(_) => hands.perform(task.step()).and_then(|()| {
                // nsx may have ended before it was asked for.
                if link.is_cut() {
                    exit_now(NOT_RUN)
                } else {
                    Ok(())
                }
            }),
            step => hands.perform(step),
        };
        if !board.settle(place, task, outcome) {
            break;
        }
    }
    exit_now(NOT_RUN)
}
