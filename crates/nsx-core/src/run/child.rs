//! Making the program's process, and what it tells.
//!
//! Signals are held back and SIGCHLD has its default effect from before the fork, so that none is
//! lost and the child's status is kept; the child gives itself back what the caller had set. It
//! waits until the steps outside are taken, and then walks on by itself.

use super::{
    Ended, Event, Failure,
    board::Board,
    inside,
    link::{Link, Message},
    outside::Outside,
    perform::Hands,
    pty::Leader,
    take,
    terminal::Terminal,
    wait::{Program, Waiter},
};
use crate::{
    pid::Pid,
    plan::{Actor, Plan, Signals, Step},
    sys::{
        process::{Forked, Group, SingleThread, exit_now, fork, fork_into},
        signal::{DefaultEffect, Disposition, Mask, Signal, SignalFd, default_effect},
    },
};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    process::{WaitOptions, waitpid},
};

/// Takes the step at `place`, which makes a child that walks on from there, and waits for the
/// program to end.
pub(super) fn run_child<'p>(
    plan: &'p Plan,
    place: usize,
    rule: Signals,
    hands: &Hands<'_>,
    outside: Option<Outside>,
    leader: Option<Leader>,
    observer: &mut dyn FnMut(Event<'p>),
) -> Result<Ended, Failure> {
    let fork = &plan.tasks()[place];
    let failed = |errno| Failure::new(fork, errno);
    let terminal = if rule == Signals::PassOn {
        Terminal::open()
    } else {
        None
    };
    let inherited = Inherited::take(rule).map_err(failed)?;
    let signals = match rule {
        Signals::PassOn => Some(SignalFd::new()),
        Signals::PassOnEnding => Some(SignalFd::of(&ENDING)),
        Signals::HoldBackEnding => None,
    };
    let signals = signals.transpose().map_err(failed)?;
    let (ours, theirs) = Link::pair().map_err(failed)?;
    let board = Board::new().map_err(failed)?;

    let (forked, done) = make(plan, place, hands.thread).map_err(failed)?;
    let child = match forked {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            drop(ours);
            // PID 1 loses what comes before it holds signals back itself.
            let stays = plan
                .tasks()
                .iter()
                .any(|task| matches!(task.step(), Step::StayAsInit));
            if !stays && let Err(errno) = inherited.restore() {
                board.fail(place, errno, 0);
                exit_now(inside::NOT_RUN);
            }
            inside::walk(plan, place + 1, done, hands, &theirs, board, &inherited)
        }
    };
    drop(theirs);

    for (later, task) in plan.tasks().iter().enumerate().skip(place) {
        let outcome = match (task.actor(), task.step()) {
            (Actor::Outside, _) => take(plan, later, hands, outside.as_ref()),
            (_, Step::TakeForeground(terminal)) => give_foreground(terminal, child),
            _ => Ok(()),
        };
        if let Err(errno) = outcome {
            drop(ours); // the child ends
            outside.inspect(Outside::undo);
            let _ = waitpid(Some(child), WaitOptions::empty());
            return Err(Failure::new(task, errno));
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
    let proc = hands.proc.filter(|proc| is_init && proc.is_callers());
    let mut waiter = Waiter::new(Program(child), rule, proc, terminal, outside, leader);
    let ended = told.and_then(|()| match &signals {
        Some(signals) => waiter.wait(signals, Some(&ours), &mut report),
        None => waiter.wait_for_end(&ours, &mut report),
    });
    match (report.failure(), ended) {
        (Some(failure), _) => Err(failure),
        (None, Ok(ended)) => Ok(ended),
        (None, Err(errno)) => {
            waiter.give_up();
            Err(failed(errno))
        }
    }
}

/// Makes a child, which waits until nsx lets it go on, a job of its own that has the foreground of
/// `terminal`. Signals must be held back: whoever asks for the foreground from the background would
/// be stopped.
pub(super) fn give_foreground(terminal: &OwnedFd, child: Pid) -> Result<(), Errno> {
    Group::make_leader(child)?.set_foreground(terminal)
}

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

/// The child's reports on its steps.
pub(super) struct Report<'p, 's> {
    pub(super) plan: &'p Plan,
    pub(super) observer: &'s mut dyn FnMut(Event<'p>),
    /// The page with its reports, unless that was read before.
    pub(super) board: Option<Board>,
}

impl<'p> Report<'p, '_> {
    /// Tells the observer that the program has set off, or what the child went on without. Returns
    /// whether the child failed.
    pub(super) fn settle(&mut self) -> bool {
        for skipped in self
            .board
            .map(|board| board.skipped(self.plan))
            .unwrap_or_default()
        {
            (self.observer)(Event::Skipped(
                self.plan.tasks()[skipped.step].step(),
                skipped.errno,
            ));
        }
        let failed = self.failure().is_some();
        if !failed {
            (self.observer)(Event::Running);
        }
        failed
    }

    /// Why the program did not run, or PID 1 could not go on.
    pub(super) fn failure(&self) -> Option<Failure> {
        let told = self.board?.failure(self.plan)?;
        Some(Failure::new(&self.plan.tasks()[told.step], told.errno))
    }
}

/// The signal settings of the caller, which the program must get.
pub(super) struct Inherited {
    mask: Mask,
    child_ended: Disposition,
}

impl Inherited {
    /// Holds signals back, and has the status of children kept, which an ignored SIGCHLD would
    /// throw away.
    pub(super) fn take(rule: Signals) -> Result<Self, Errno> {
        let mask = match rule {
            Signals::PassOn => Mask::block_all()?,
            Signals::PassOnEnding | Signals::HoldBackEnding => Mask::block(&ENDING)?,
        };
        Ok(Self {
            mask,
            child_ended: Disposition::default_for(libc::SIGCHLD)?,
        })
    }

    /// The signals that would end the program if it had set nothing for them.
    pub(super) fn ending(&self) -> Vec<Signal> {
        // The C library keeps those between for itself.
        let all = (1..32).chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        all.filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal))
            .filter(|signal| default_effect(*signal) == DefaultEffect::End)
            .filter(|signal| !self.mask.holds_back(*signal) && !Disposition::ignores(*signal))
            .collect()
    }

    /// Sets what the caller had set.
    pub(super) fn restore(&self) -> Result<(), Errno> {
        self.child_ended.restore(libc::SIGCHLD)?;
        self.mask.restore()
    }
}

/// The signals that nsx holds back when other signals act on nsx itself; by the last, nsx learns of
/// the program's end.
const ENDING: [Signal; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD];
