//! The program's process: made last by the joiner, in the PID namespace that was joined.
//!
//! The target sees it from its birth, and may take it over if it has CAP_SYS_PTRACE. It has nothing
//! that the program will not have: neither a right nor a descriptor, nor the caller's environment.
//! All that it does is to tie its life to nsx's, to wait for nsx, to give itself back the signals
//! as the caller had set them, and to become the program.

use super::{
    board::{Board, NOT_RUN},
    inherited::Inherited,
    ready::Ready,
};
use crate::{
    pid::Pid,
    plan::{Plan, Step},
    sys::{
        process::{Forked, SingleThread, exit_now, fork_sibling, set_death_signal},
        signal::{self, Signal},
    },
};
use rustix::io::Errno;
use std::time::Duration;

/// The longest wait for nsx, so that it ends though both nsx and the joiner were killed before it
/// was tied to either.
const PATIENCE: Duration = Duration::from_secs(10);

/// The interval at which the joiner checks that nsx still lives.
const LOOK: Duration = Duration::from_millis(500);

/// Returns the tie of a plan to nsx: its index and the signal.
pub(super) fn tie(plan: &Plan) -> Option<(usize, Signal)> {
    plan.steps()
        .iter()
        .enumerate()
        .find_map(|(index, planned)| match planned.step() {
            Step::DieWithParent(signal) => Some((index, *signal)),
            _ => None,
        })
}

/// Makes the process, as the step `index` of the plan, tied as `tie` says. The one that calls, the
/// joiner, ends with this.
pub(super) fn make(
    plan: &Plan,
    index: usize,
    tie: Option<(usize, Signal)>,
    board: Board,
    inherited: &Inherited,
    nsx: Pid,
    thread: SingleThread,
) -> ! {
    let fail = |errno| {
        board.fail(index, errno, 0);
        exit_now(NOT_RUN)
    };
    let last = plan.steps().len().saturating_sub(1);
    let Some(ready) = plan
        .steps()
        .last()
        .and_then(|planned| Ready::of(planned.step(), None, thread))
    else {
        fail(Errno::INVAL)
    };
    if let Err(errno) = board.keep_joiners_page() {
        fail(errno);
    }
    match fork_sibling(thread, board.pid_word()) {
        Err(errno) => fail(errno),
        Ok(Forked::Child) => {
            let (step, errno) = become_program(index, tie, board, inherited, (last, &ready));
            board.fail_as_program(step, errno);
            exit_now(NOT_RUN)
        }
        Ok(Forked::Parent(program)) => {
            // nsx may end before the process is tied to it, and the target may keep the process
            // from ever being.
            let nsx_is_there = || rustix::process::getppid() == Some(nsx);
            while !board.wait_until_ready(LOOK) && nsx_is_there() {}
            if !nsx_is_there() {
                let _ = signal::send(program, libc::SIGKILL);
            }
            exit_now(0)
        }
    }
}

/// Returns on failure only: which step of the plan failed, and why.
fn become_program(
    index: usize,
    tie: Option<(usize, Signal)>,
    board: Board,
    inherited: &Inherited,
    (last, ready): (usize, &Ready<'_>),
) -> (usize, Errno) {
    if let Some((tie, signal)) = tie
        && let Err(errno) = set_death_signal(signal)
    {
        return (tie, errno);
    }
    board.is_ready();
    if !board.wait_for_go(PATIENCE) {
        return (index, Errno::TIMEDOUT);
    }
    match inherited.restore() {
        Ok(()) => (last, ready.execute()),
        Err(errno) => (index, errno),
    }
}
