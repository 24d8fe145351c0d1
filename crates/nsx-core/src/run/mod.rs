//! Carries a plan out.
//!
//! A process walks the plan from its first step on. If a step says so, the process splits: the
//! child walks on, and the parent waits for the child, see `child` and `wait`. An `outside` is
//! split off before the first step if any step needs an outside. If a PID namespace is entered, the
//! child is a `joiner`, which makes the program's process, the `sibling`, last. A child reports
//! over its `link` what it could not do, a joiner on its `board`, so the one place that hears of a
//! failure is the caller of [`run`].
//!
//! The process that calls [`run`] must have one thread, because the plan may fork and the kernel
//! refuses some namespaces to a process with several threads.

mod board;
mod capabilities;
mod cgroups;
mod child;
mod copy_up;
mod filters;
mod init;
mod inside;
mod join;
mod joiner;
mod link;
mod listen;
mod mounter;
mod mounts;
mod netns;
mod outside;
mod perform;
mod pins;
mod pty;
mod reaper;
mod relay;
mod remount;
mod restorer;
mod seal;
mod sibling;
mod suspension;
mod terminal;
pub mod unpin;
mod verdict;
mod wait;

pub use pins::pin_all;
pub use seal::{seal, seal_early};

use crate::{
    ns::NsKind,
    pid::Pid,
    plan::{Actor, Pin, Plan, Step, Task},
    proc::ProcRoot,
    sys::{process::SingleThread, signal::Signal},
};
use outside::Outside;
use perform::Hands;
use pty::Side;
use rustix::io::Errno;
use std::{path::Path, sync::Arc};

/// The way the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Exited(u8),
    /// By this signal, or as if by it: PID 1 of a namespace that does not handle a signal is ended
    /// in its stead.
    Killed(Signal),
}

/// An event on the way, reported as it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'p> {
    /// The kernel refused an optional step, and the rest goes on.
    Skipped(&'p Step, Errno),
    /// All namespaces are there, and the process that becomes the program, with this id, is about
    /// to take its steps.
    Created(Pid),
    /// The process has become the program. Of one that a joiner has made nsx does not learn when.
    Running,
}

/// A step that could not be taken. The steps before it left nothing behind.
#[derive(Debug, thiserror::Error)]
#[error("failed to {}", step.act())]
pub struct Failure {
    step: Arc<Step>,
    /// The kernel's answer, or the one that a filter would give.
    #[source]
    pub errno: Errno,
    /// The system call that the target's filters do not allow, though nsx needs it under them.
    pub forbidden: Option<&'static str>,
}

impl Failure {
    fn new(task: &Task, errno: Errno) -> Self {
        Self {
            step: task.shared_step(),
            errno,
            forbidden: None,
        }
    }

    /// The step that failed.
    pub fn step(&self) -> &Step {
        &self.step
    }
}

/// Carries out `plan` with the caller's `proc`, which only some steps need, and tells `observer` of
/// it.
///
/// If no step of the plan forks, this process becomes the program and the call returns only on
/// failure; `observer` is then told of skipped steps alone. Otherwise the call returns when the
/// program has ended, and this process is then in the new namespaces, with every signal blocked:
/// there is nothing left to do but to end as the program did.
///
/// # Errors
/// [`Failure`]; the program did not run.
pub fn run<'p>(
    plan: &'p Plan,
    proc: Option<&ProcRoot>,
    observer: &mut dyn FnMut(Event<'p>),
) -> Result<Ended, Failure> {
    let Some(first) = plan.tasks().first() else {
        return Ok(Ended::Exited(0));
    };
    let at_start = |errno| Failure::new(first, errno);
    let thread = SingleThread::check().map_err(at_start)?;
    let hands = Hands::new(proc, thread);
    let outside = Outside::start(plan, &hands).map_err(at_start)?;

    let mut leader = None;
    for (place, task) in plan.tasks().iter().enumerate() {
        if let Step::OwnTerminal(pty) = task.step() {
            match pty::split(pty, thread).map_err(|errno| Failure::new(task, errno))? {
                Side::Leader(itself) => leader = Some(itself),
                Side::Ended(ended) => return Ok(ended),
            }
            continue;
        }
        match task.step() {
            Step::Fork { signals, .. } => {
                return child::run_child(plan, place, *signals, &hands, outside, leader, observer);
            }
            Step::ForkJoiner => return joiner::run_joiner(plan, place, &hands, leader, observer),
            _ => {}
        }
        if let (Step::Exec { .. } | Step::LoginShell { .. }, Some(outside)) =
            (task.step(), &outside)
        {
            // The exec is also what lets go of the outside.
            outside.keep().map_err(|errno| Failure::new(task, errno))?;
        }
        match take(plan, place, &hands, outside.as_ref()) {
            Ok(()) => {}
            Err(errno) if task.may_fail(errno) => observer(Event::Skipped(task.step(), errno)),
            Err(errno) => {
                outside.inspect(Outside::undo);
                return Err(Failure::new(task, errno));
            }
        }
    }
    Ok(Ended::Exited(0))
}

/// Returns whether the directory of a pin keeps no mount namespace, because what is mounted there
/// already is shared or would be covered.
pub(crate) fn keeps_no_mount_namespace(pin: &Pin) -> bool {
    pin.ip_netns().is_some() || netns::has_mounts(pin.directory())
}

/// Returns whether nothing is at `at`, as seen below `root`.
pub(crate) fn is_missing(root: Option<&Path>, at: &Path) -> bool {
    matches!(mounts::beneath(root, at), Err(Errno::NOENT))
}

/// Takes the step at `place`, oneself or by the outside.
fn take(
    plan: &Plan,
    place: usize,
    hands: &Hands<'_>,
    outside: Option<&Outside>,
) -> Result<(), Errno> {
    match (&plan.tasks()[place], outside) {
        (task, Some(outside)) if task.actor() == Actor::Outside => {
            match (outside.take(place), task.step()) {
                (Err(Errno::INVAL), Step::Pin(pin)) if pin.kind == NsKind::Mnt => {
                    pins::from_elsewhere(|| outside.take(place))
                }
                (outcome, _) => outcome,
            }
        }
        (task, _) => hands.perform(task.step()),
    }
}
