//! A child's walk: from the step after the fork to the exec.

use super::{
    board::{Board, NOT_RUN},
    inherited::Inherited,
    keeper,
    link::{Link, Message},
    perform::Performer,
    reaper,
};
use crate::{
    plan::{Actor, Plan, Step},
    sys::process::exit_now,
};

/// Takes the steps from `first` on but the one that is `done`, in a new child, once nsx says so. A
/// failure is reported on the board; the last step does not return.
pub(super) fn walk(
    plan: &Plan,
    first: usize,
    done: Option<usize>,
    performer: &Performer<'_>,
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
    for (index, planned) in plan.steps().iter().enumerate().skip(first) {
        // To what is not the child's nsx sees, and then lets it go on.
        if planned.actor() != Actor::Inside || Some(index) == done {
            continue;
        }
        let outcome = match planned.step() {
            Step::StayAsInit => reaper::stay(link, inherited, board, index, performer.thread)
                .map(|link| _to_init = Some(link)),
            Step::Keep => keeper::stay(link),
            Step::DieWithParent(_) => performer.perform(planned.step()).and_then(|()| {
                // nsx may have ended before the signal was set.
                if link.is_cut() {
                    exit_now(NOT_RUN)
                } else {
                    Ok(())
                }
            }),
            step => performer.perform(step),
        };
        if !board.settle(index, planned, outcome) {
            break;
        }
    }
    exit_now(NOT_RUN)
}
