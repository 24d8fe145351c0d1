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
mod fork;
mod inherited;
mod init;
mod inside;
mod join;
mod joiner;
mod link;
mod listen;
mod mounter;
mod mounts;
mod netns;
mod outcome;
mod outside;
mod part;
mod perform;
mod pins;
mod program;
mod pty;
mod ready;
mod reaper;
mod relay;
mod remount;
mod report;
mod restorer;
mod seal;
mod sibling;
mod suspension;
mod terminal;
pub mod unpin;
mod verdict;
mod wait;

pub(crate) use mounts::is_missing;
pub use outcome::{Ended, Event, Failure};
pub(crate) use pins::keeps_no_mount_namespace;
pub use pins::pin_all;
pub use seal::{seal, seal_early};

use crate::{
    plan::{Plan, Step},
    proc::ProcRoot,
    sys::process::SingleThread,
};
use outside::Outside;
use perform::Performer;
use pty::Side;

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
    let performer = Performer::new(proc, thread);
    let outside = Outside::start(plan, &performer).map_err(at_start)?;

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
                return child::run_child(
                    plan, place, *signals, &performer, outside, leader, observer,
                );
            }
            Step::ForkJoiner => {
                return joiner::run_joiner(plan, place, &performer, leader, observer);
            }
            _ => {}
        }
        if let (Step::Exec { .. } | Step::LoginShell { .. }, Some(outside)) =
            (task.step(), &outside)
        {
            // The exec is also what lets go of the outside.
            outside.keep().map_err(|errno| Failure::new(task, errno))?;
        }
        match outside::take(plan, place, &performer, outside.as_ref()) {
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
