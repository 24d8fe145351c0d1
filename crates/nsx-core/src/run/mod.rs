//! Carries a plan out.
//!
//! A process walks the plan from its first step on. If a step says so, the process splits: the
//! child walks on, and the parent waits for the child, see `child` and `wait`. An `outside` is
//! split off before the first step if any step needs an outside. If a PID namespace is entered, the
//! child is a `joiner`, which makes the program's process, the `sibling`, last. A child reports
//! over its `link` what it could not do, a joiner on its `board`, so that the process that began
//! hears of every failure.
//!
//! [`run`] and [`spawn()`] begin in a helper process of their own: the caller's process stays as it
//! is, and may have any number of threads. [`in_place()`] begins in the caller's process, as the
//! program `nsx` does so that the PID that its own caller knows is in the new namespaces.

mod board;
mod capabilities;
mod cgroups;
mod child;
mod complaint;
mod copy_up;
mod fork;
mod inherited;
mod init;
mod inside;
mod join;
mod joiner;
mod journal;
mod keeper;
mod link;
mod listen;
mod mounter;
mod mounts;
mod netns;
mod network;
mod new_links;
mod outcome;
mod outside;
mod part;
mod perform;
mod pins;
mod program;
mod pty;
mod ready;
mod reaper;
mod record;
mod record_file;
mod relay;
mod remount;
mod report;
mod report_link;
mod restorer;
mod seal;
mod sibling;
mod spawn;
mod streams;
mod suspension;
mod table;
mod terminal;
pub mod unpin;
mod uplink;
mod verdict;
mod wait;

pub(crate) use mounts::is_missing;
pub use network::{fetch, open_in, remove_bridge, remove_in, remove_link};
pub use outcome::{Ended, Event, Failure, RunError};
pub(crate) use pins::keeps_no_mount_namespace;
pub use pins::pin_all;
pub use record_file::{draft as record_draft, edit_record};
pub use seal::{seal, seal_early};
pub use spawn::{Child, run, spawn};
pub use streams::{Stream, Streams};
pub use table::remove_table;
pub use uplink::remove_socket;

use crate::{
    plan::{Plan, Step},
    proc::ProcRoot,
    sys::process::SingleThread,
};
use outside::Outside;
use perform::Performer;
use pty::Side;
use rustix::io::Errno;

/// Carries out `plan` in this process, as the program `nsx` does, and tells `observer` of it. `proc`
/// is the caller's procfs, which only some steps need.
///
/// If no step of the plan forks, this process becomes the program and the call returns only on
/// failure; `observer` then gets skipped steps alone. Otherwise the call returns when the
/// program has ended, and this process is then in the new namespaces, with every signal blocked:
/// nothing is left to do but to end as the program did.
///
/// After a failure the signal mask, the disposition of SIGCHLD and the namespaces of later children
/// are as before. What this process itself has joined, changed or given up before the failed step
/// is not undone, because the kernel gives no way back from most of it. A program that goes on
/// after a failure calls [`run`] or [`spawn()`], which change nothing of its process.
///
/// # Errors
/// [`RunError`]; the program did not run. [`RunError::SeveralThreads`]: the kernel refuses some
/// namespaces to a process with several threads, and a forked child has only one of them.
pub fn in_place(
    plan: &Plan,
    proc: Option<&ProcRoot>,
    observer: &mut dyn FnMut(Event),
) -> Result<Ended, RunError> {
    let thread = SingleThread::check().map_err(|errno| match errno {
        Errno::INVAL => RunError::SeveralThreads,
        errno => RunError::Os {
            act: "count the threads of the process",
            errno,
        },
    })?;
    let performer = Performer::new(proc, thread);
    let outcome = walk(plan, &performer, observer);
    if outcome.is_err() {
        performer.restore_signals();
        join::own_for_children(proc);
    }
    Ok(outcome?)
}

/// Takes the steps from the first on.
fn walk(
    plan: &Plan,
    performer: &Performer<'_>,
    observer: &mut dyn FnMut(Event),
) -> Result<Ended, Failure> {
    let Some(first) = plan.steps().first() else {
        return Ok(Ended::Exited(0));
    };
    let at_start = |errno| Failure::new(first, errno);
    let outside = Outside::start(plan, performer).map_err(at_start)?;

    let mut leader = None;
    for (index, planned) in plan.steps().iter().enumerate() {
        if let Step::OwnTerminal(pty) = planned.step() {
            match pty::split(pty, performer).map_err(|errno| Failure::new(planned, errno))? {
                Side::Leader(itself) => leader = Some(itself),
                Side::Ended(ended) => return Ok(ended),
            }
            continue;
        }
        match planned.step() {
            Step::Fork { signals, .. } => {
                return child::run_child(
                    plan, index, *signals, performer, outside, leader, observer,
                );
            }
            Step::ForkJoiner => {
                return joiner::run_joiner(plan, index, performer, leader, observer);
            }
            _ => {}
        }
        if let (Step::Exec { .. } | Step::LoginShell { .. }, Some(outside)) =
            (planned.step(), &outside)
        {
            // The exec is also what lets go of the outside.
            outside
                .keep()
                .map_err(|errno| Failure::new(planned, errno))?;
        }
        match outside::take(plan, index, None, performer, outside.as_ref()) {
            Ok(()) => {}
            Err(errno) if planned.may_fail(errno) => {
                observer(Event::Skipped(Failure::new(planned, errno)))
            }
            Err(errno) => {
                outside.inspect(Outside::undo);
                return Err(Failure::new(planned, errno));
            }
        }
    }
    // Without a program, what was made stays.
    if let (Some(outside), Some(last)) = (outside, plan.steps().last()) {
        outside.keep().map_err(|errno| Failure::new(last, errno))?;
    }
    Ok(Ended::Exited(0))
}
