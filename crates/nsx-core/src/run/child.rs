//! Making the program's process, and what it tells.
//!
//! Signals are held back and SIGCHLD has its default effect from before the fork, so that none is
//! lost and the child's status is kept; the child gives itself back what the caller had set. It
//! waits until the steps outside are taken, and then walks on by itself.

use super::{
    Ended, Event, Failure,
    board::{Board, NOT_RUN},
    fork::{give_foreground, make},
    inherited::ENDING,
    inside,
    link::{Link, Message},
    outside::{self, Outside},
    perform::Performer,
    program::Program,
    pty::SessionLeader,
    report::Report,
    terminal::Terminal,
    wait::Waiter,
};
use crate::{
    plan::{Actor, Plan, Signals, Step},
    sys::{
        process::{Forked, collect, exit_now},
        signal::SignalFd,
    },
};

/// Takes the step at `index`, which makes a child that walks on from there, and waits for the
/// program to end.
pub(super) fn run_child(
    plan: &Plan,
    index: usize,
    rule: Signals,
    performer: &Performer<'_>,
    outside: Option<Outside>,
    leader: Option<SessionLeader>,
    observer: &mut dyn FnMut(Event),
) -> Result<Ended, Failure> {
    let fork = &plan.steps()[index];
    let failed = |errno| Failure::new(fork, errno);
    let terminal = if rule == Signals::PassOn {
        Terminal::open()
    } else {
        None
    };
    let inherited = performer.hold_signals_back(rule).map_err(failed)?;
    let signals = match rule {
        Signals::PassOn => Some(SignalFd::new()),
        Signals::PassOnEnding => Some(SignalFd::of(&ENDING)),
        Signals::HoldBackEnding => None,
    };
    let signals = signals.transpose().map_err(failed)?;
    let (ours, theirs) = Link::pair().map_err(failed)?;
    let board = Board::new().map_err(failed)?;

    let (forked, done) = make(plan, index, performer.thread).map_err(failed)?;
    let child = match forked {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            drop(ours);
            // PID 1 loses what comes before it holds signals back itself.
            let stays = plan
                .steps()
                .iter()
                .any(|planned| matches!(planned.step(), Step::StayAsInit));
            if !stays && let Err(errno) = inherited.restore() {
                board.fail(index, errno, 0);
                exit_now(NOT_RUN);
            }
            inside::walk(plan, index + 1, done, performer, &theirs, board, inherited)
        }
    };
    drop(theirs);

    for (later, planned) in plan.steps().iter().enumerate().skip(index) {
        let outcome = match (planned.actor(), planned.step()) {
            (Actor::Outside, _) => {
                outside::take(plan, later, Some(child), performer, outside.as_ref())
            }
            (_, Step::TakeForeground(terminal)) => give_foreground(terminal, child),
            _ => Ok(()),
        };
        if let Err(errno) = outcome {
            drop(ours); // the child ends
            outside.inspect(Outside::undo);
            let _ = collect(child);
            return Err(Failure::new(planned, errno));
        }
    }
    let mut report = Report {
        plan,
        observer,
        board: Some(board),
    };
    (report.observer)(Event::Created(child));
    let told = ours.send(Message::Go);
    // A number means the same to the procfs and to a system call, or nothing is looked up by it.
    let is_init = matches!(
        fork.step(),
        Step::Fork {
            init: true,
            signals: Signals::PassOn
        }
    );
    let proc = performer.proc.filter(|proc| is_init && proc.is_callers());
    let mut waiter = Waiter::new(Program(child), rule, proc, terminal, outside, leader);
    let ended = told.and_then(|()| match &signals {
        Some(signals) => waiter.wait(signals, Some(&ours), &mut report),
        None => waiter.wait_for_end(&ours, &mut report),
    });
    match (report.failure(), ended) {
        (Some(failure), _) => Err(failure),
        (None, Ok(ended)) => {
            waiter.finish();
            Ok(ended)
        }
        (None, Err(errno)) => {
            waiter.give_up();
            Err(failed(errno))
        }
    }
}
