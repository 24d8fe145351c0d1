//! Entering a PID namespace: nsx waits outside while a joiner takes the steps.
//!
//! The joiner stays in the caller's PID namespace, out of sight of the target, and takes every step
//! that needs more than the program will have. The last one makes the program's process, see
//! `sibling`. Both tell of themselves on a `board`.
//!
//! Signals are held back meanwhile, as they are while the program runs. One that would end the
//! program ends nsx at once, and the joiner with it: a target may keep a joiner for ever in a
//! cgroup that is frozen.

use super::{
    Ended, Event, Failure,
    board::{Board, NOT_RUN, Told},
    fork::{self, give_foreground},
    inherited::Inherited,
    perform::Performer,
    program::Program,
    pty::SessionLeader,
    report::Report,
    sibling,
    terminal::Terminal,
    verdict::{self, Call},
    wait::Waiter,
};
use crate::{
    pid::Pid,
    plan::{Actor, Plan, Signals, Step},
    sys::{
        process::{Forked, exit_now},
        signal::{self, Signal, SignalFd},
    },
};
use rustix::{
    io::Errno,
    process::{WaitId, WaitIdOptions, WaitOptions, waitid, waitpid},
};

/// Takes the step at `index`, which makes a joiner that walks on from there, and waits for the
/// program to end.
pub(super) fn run_joiner(
    plan: &Plan,
    index: usize,
    performer: &Performer<'_>,
    leader: Option<SessionLeader>,
    observer: &mut dyn FnMut(Event),
) -> Result<Ended, Failure> {
    let failed = |errno| Failure::new(&plan.steps()[index], errno);
    let terminal = Terminal::open();
    let inherited = performer
        .hold_signals_back(Signals::PassOn)
        .map_err(failed)?;
    let signals = SignalFd::new().map_err(failed)?;
    let early =
        SignalFd::of(&[&inherited.ending()[..], &[libc::SIGCHLD]].concat()).map_err(failed)?;
    let board = Board::new().map_err(failed)?;
    let nsx = rustix::process::getpid();
    let (forked, done) = fork::make(plan, index, performer.thread).map_err(failed)?;
    let joiner = match forked {
        Forked::Parent(joiner) => joiner,
        Forked::Child => walk(plan, index + 1, done, performer, board, inherited, nsx),
    };

    let mut ignored = Vec::new();
    let outcome = wait_for(joiner, board, &early, inherited, &mut ignored).map_err(failed)?;
    let failure = |Told {
                       step,
                       errno,
                       detail,
                   }| {
        let mut failure = Failure::new(&plan.steps()[step], errno);
        failure.forbidden = verdict::name(detail);
        failure
    };
    for skipped in board.skipped(plan) {
        let planned = &plan.steps()[skipped.step];
        observer(Event::Skipped(Failure::new(planned, skipped.errno)));
    }
    let program = match outcome {
        Outcome::Signalled(signal) => {
            let _ = signal::send(joiner, libc::SIGKILL);
            end_program(board);
            return Ok(Ended::Killed(signal));
        }
        Outcome::Ended(true) => board.pid().filter(|program| is_child(*program)),
        Outcome::Ended(false) => None,
    };
    let Some(program) = program else {
        end_program(board);
        let told = board.failure(plan).or_else(|| board.programs_failure(plan));
        return Err(told.map_or_else(|| failed(Errno::CHILD), failure));
    };
    // What came before the program's process was there has reached nobody. The process holds back
    // what it has twice.
    for signal in ignored {
        let _ = signal::send(program, signal);
    }
    while signals.has_one() {
        match signals.read().map_err(failed)?.signal {
            libc::SIGCHLD => {}
            signal if inherited.ends(signal) => {
                end_program(board);
                return Ok(Ended::Killed(signal));
            }
            signal => drop(signal::send(program, signal)),
        }
    }
    for planned in plan.steps() {
        if let Step::TakeForeground(terminal) = planned.step()
            && let Err(errno) = give_foreground(terminal, program)
        {
            end_program(board);
            return Err(Failure::new(planned, errno));
        }
    }
    observer(Event::Created(program));
    board.go();
    let mut report = Report {
        plan,
        observer,
        board: None,
    };
    let mut waiter = Waiter::new(
        Program(program),
        Signals::PassOn,
        None,
        terminal,
        None,
        leader,
    );
    let ended = waiter.wait(&signals, None, &mut report).map_err(failed)?;
    // The page may be anybody's by now. All that it is believed is why there is the status that
    // there is.
    match board
        .programs_failure(plan)
        .filter(|_| ended == Ended::Exited(NOT_RUN as u8))
    {
        Some(told) => Err(failure(told)),
        None => Ok(ended),
    }
}

/// The outcome of waiting for a joiner.
enum Outcome {
    /// The joiner has ended, and whether it has done all that it was to do.
    Ended(bool),
    /// A signal came that ends nsx.
    Signalled(Signal),
}

/// Waits for the joiner. Of the signals that may end nsx, those that the caller ignores are added to
/// `ignored`: the program may set something for them.
fn wait_for(
    joiner: Pid,
    board: Board,
    signals: &SignalFd,
    inherited: &Inherited,
    ignored: &mut Vec<Signal>,
) -> Result<Outcome, Errno> {
    loop {
        if let Some((_, status)) = waitpid(Some(joiner), WaitOptions::NOHANG)? {
            return Ok(Outcome::Ended(status.exit_status() == Some(0)));
        }
        // The joiner waits for that process but does not learn of its end.
        if board.pid().is_some_and(has_ended) {
            let _ = signal::send(joiner, libc::SIGKILL);
        }
        match signals.read()?.signal {
            libc::SIGCHLD => {}
            signal if inherited.ends(signal) => return Ok(Outcome::Signalled(signal)),
            signal => ignored.push(signal),
        }
    }
}

/// Ends what there is of the program.
fn end_program(board: Board) {
    if let Some(program) = board.pid().filter(|program| is_child(*program)) {
        // Not waited for: in a frozen cgroup it ends much later.
        let _ = signal::send(program, libc::SIGKILL);
    }
}

const STAYS: WaitIdOptions = WaitIdOptions::EXITED
    .union(WaitIdOptions::NOHANG)
    .union(WaitIdOptions::NOWAIT);

/// Returns whether `process` is a child of this process. A child keeps its id until it was waited
/// for.
fn is_child(process: Pid) -> bool {
    waitid(WaitId::Pid(process), STAYS).is_ok()
}

/// Returns whether a child has ended. Its status can still be collected.
fn has_ended(process: Pid) -> bool {
    matches!(waitid(WaitId::Pid(process), STAYS), Ok(Some(_)))
}

/// Takes the steps from `first` on but the one that is `done`, in the joiner. The last of them does
/// not return.
fn walk(
    plan: &Plan,
    first: usize,
    done: Option<usize>,
    performer: &Performer<'_>,
    board: Board,
    inherited: &Inherited,
    nsx: Pid,
) -> ! {
    let mut tie = sibling::tie(plan);
    performer.open_descriptors();
    for (index, planned) in plan.steps().iter().enumerate().skip(first) {
        if planned.actor() != Actor::Joiner || Some(index) == done {
            continue;
        }
        let outcome = match planned.step() {
            Step::ForkSibling => {
                sibling::make(plan, index, tie, board, inherited, nsx, performer.thread)
            }
            Step::InstallFilters => {
                let rest = plan.steps()[index..].iter().map(|planned| planned.step());
                for (call, errno) in verdict::forbidden(&performer.filters(), rest) {
                    match (call, tie) {
                        // The program goes without the tie.
                        (Call::Tie, Some((index, _))) => {
                            board.skip(index, errno);
                            tie = None;
                        }
                        (call, _) => {
                            board.fail(index, errno, call.number());
                            exit_now(NOT_RUN)
                        }
                    }
                }
                performer.perform(planned.step())
            }
            step => performer.perform(step),
        };
        if !board.settle(index, planned, outcome) {
            break;
        }
    }
    exit_now(NOT_RUN)
}
