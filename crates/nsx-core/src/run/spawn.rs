//! Running a program in a helper process, so that the caller's process stays as it is.
//!
//! A plan changes the process that carries it out: its namespaces, its user, its working directory,
//! its signals. Much of that cannot be undone. So [`spawn`] forks a helper, which carries the plan
//! out [in place](super::in_place()) and reports to the caller over a socket pair.
//!
//! The caller may have any number of threads. The helper has one, the copy of the thread that
//! called, and:
//!
//! - takes no lock but the allocator's. A thread that held a lock at the fork is missing in the
//!   helper, so the lock would be held for ever. The C libraries of GNU and musl (1.2.2) take their
//!   allocator's locks for the fork and release them in the helper. A program with another global
//!   allocator needs one that does the same with `pthread_atfork(3)`, as jemalloc does. To run
//!   newuidmap(1) the helper also reads the environment, which another thread locks against readers
//!   only within `std::env::set_var`.
//! - runs no code of the caller. Signals are blocked from before the fork until the helper has
//!   replaced every handler by the default disposition, as the exec would.
//! - closes every descriptor that the exec would close, except those of the plan, before it waits
//!   for the program. No pipe of the caller stays open in the helper.

use super::{
    Ended, Event, Failure, RunError, in_place,
    report_link::{Report, ReportLink},
    streams::{CallerEnds, ProgramEnds, Streams},
    verdict,
};
use crate::{
    environment::Environment,
    pid::Pid,
    plan::{Plan, PlannedStep, Step},
    proc::ProcRoot,
    sys::{
        descriptor,
        process::{
            ForkedBeside, SingleThread, exit_now, fork_beside_threads, kill, set_environment,
        },
        signal::{Disposition, Mask, die_of},
    },
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::Errno,
    process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid},
};
use std::{
    ffi::CString,
    io::{PipeReader, PipeWriter},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A program that was started by [`spawn`].
///
/// Dropping a child neither kills the program nor waits for it, as with `std::process::Child`.
#[derive(Debug)]
pub struct Child {
    /// The write end of the program's standard input, if that is [piped](super::Stream::Piped).
    pub stdin: Option<PipeWriter>,
    /// The read end of the program's standard output, likewise.
    pub stdout: Option<PipeReader>,
    /// The read end of the program's standard error, likewise.
    pub stderr: Option<PipeReader>,
    plan: Plan,
    link: ReportLink,
    helper: OwnedFd,
    /// The program's id, and its pidfd if the helper has not become the program.
    program: (Pid, Option<OwnedFd>),
    skipped: Vec<Failure>,
    outcome: Option<Result<Ended, RunError>>,
}

/// Starts the program of a plan and returns as soon as the program runs.
///
/// The program gets what the caller has, as with `std::process::Command`: the environment, the
/// working directory, descriptors that are not close-on-exec, the signal mask of the calling
/// thread. SIGPIPE, which Rust ignores, has its default effect.
///
/// If a [joiner](crate::plan::Actor::Joiner) makes the program's process, the call returns when the
/// process exists. The outcome of the exec is then that of [`Child::wait`].
///
/// # Errors
/// [`RunError`]; the program did not run, and nothing is left of it. `EINVAL` for a plan that
/// [seals](crate::plan::enter::Guard::seal) the file that this process runs from.
pub fn spawn(plan: &Plan, streams: Streams) -> Result<Child, RunError> {
    let os = |act| move |errno| RunError::Os { act, errno };
    if let Some(planned) = plan
        .steps()
        .iter()
        .find(|planned| matches!(planned.step(), Step::Seal))
    {
        return Err(Failure::new(planned, Errno::INVAL).into());
    }
    let environment = Environment::of_caller().into_variables();
    let (program, caller) = streams.open().map_err(os("open the standard streams"))?;
    let (ours, theirs) = ReportLink::pair().map_err(os("open a socket pair"))?;
    let mask = Mask::block_all().map_err(os("block signals"))?;
    let forked = fork_beside_threads();
    if let Ok(ForkedBeside::Child(thread)) = forked {
        let work = || help(plan, &theirs, program, &mask, &environment, thread);
        exit_now(catch_unwind(AssertUnwindSafe(work)).unwrap_or(NOT_RUN))
    }
    let restored = mask.restore();
    drop((theirs, program));
    let pid = match forked.map_err(os("make a child process"))? {
        ForkedBeside::Parent(pid) => pid,
        ForkedBeside::Child(_) => exit_now(NOT_RUN),
    };
    restored.map_err(os("restore the signal mask"))?;
    // The helper waits for the word to go, so the number is its own.
    let helper = pidfd_open(pid, PidfdFlags::empty()).map_err(os("open a pidfd"))?;
    ours.send(&Report::Go);
    let CallerEnds {
        stdin,
        stdout,
        stderr,
    } = caller;
    let mut child = Child {
        stdin,
        stdout,
        stderr,
        plan: plan.clone(),
        link: ours,
        helper,
        program: (pid, None),
        skipped: Vec::new(),
        outcome: None,
    };
    child.wait_until_running()?;
    Ok(child)
}

/// Runs the program of a plan in the caller's standard streams and waits for it.
///
/// This is [`spawn`] and [`Child::wait`]: the calling process stays as it is, whether the plan
/// succeeds or fails, and may have any number of threads.
///
/// # Errors
/// [`RunError`]; the program did not run.
pub fn run(plan: &Plan) -> Result<Ended, RunError> {
    spawn(plan, Streams::default())?.wait()
}

impl Child {
    /// Returns the program's process id in the caller's PID namespace.
    pub fn id(&self) -> Pid {
        self.program.0
    }

    /// Returns a pidfd that becomes readable when [`Self::wait`] returns at once, for `poll(2)`,
    /// `epoll(7)` and the reactors of async programs. It is that of the process that waits for the
    /// program, or of the program.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.helper.as_fd()
    }

    /// Returns the optional steps that the kernel refused.
    pub fn skipped(&self) -> &[Failure] {
        &self.skipped
    }

    /// Kills the program with SIGKILL. A program that has ended stays as it is.
    ///
    /// # Errors
    /// The errno of `pidfd_send_signal(2)`: `EPERM` if the program runs as another user.
    pub fn kill(&mut self) -> Result<(), Errno> {
        if self.outcome.is_some() {
            return Ok(());
        }
        let program = self.program.1.as_ref().unwrap_or(&self.helper);
        kill(program)
    }

    /// Waits for the program to end, once its standard input is closed.
    ///
    /// # Errors
    /// [`RunError`] if the program did not run after all.
    pub fn wait(&mut self) -> Result<Ended, RunError> {
        drop(self.stdin.take());
        self.collect(WaitIdOptions::EXITED);
        self.outcome.clone().unwrap_or(Err(RunError::HelperEnded))
    }

    /// Returns how the program ended, or none while it runs.
    ///
    /// # Errors
    /// [`RunError`] if the program did not run after all.
    pub fn try_wait(&mut self) -> Result<Option<Ended>, RunError> {
        self.collect(WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        self.outcome.clone().transpose()
    }

    /// Reads reports until the program runs.
    fn wait_until_running(&mut self) -> Result<(), RunError> {
        let is =
            |step: fn(&Step) -> bool| self.plan.steps().iter().any(|planned| step(planned.step()));
        let by_joiner = is(|step| matches!(step, Step::ForkJoiner));
        let forks =
            by_joiner || is(|step| matches!(step, Step::Fork { .. } | Step::OwnTerminal(_)));
        loop {
            match self.link.receive() {
                Ok(Some(Report::Running)) => return Ok(()),
                // The exec has closed the other end. A helper that was killed instead tells so by
                // its status.
                Ok(None) if !forks => return Ok(()),
                Ok(Some(report)) => {
                    let is_created = matches!(report, Report::Created(..));
                    self.hear(report);
                    if is_created && by_joiner {
                        return Ok(());
                    }
                }
                Ok(None) => {
                    let outcome = self.wait();
                    return outcome.and(Err(RunError::HelperEnded));
                }
                Err(errno) => {
                    let _ = self.kill();
                    return Err(RunError::Os {
                        act: "hear of the program",
                        errno,
                    });
                }
            }
            if matches!(self.outcome, Some(Err(_))) {
                return self.wait().map(drop);
            }
        }
    }

    /// Takes the helper's status if it is there.
    fn collect(&mut self, options: WaitIdOptions) {
        if matches!(self.outcome, Some(Ok(_))) {
            return;
        }
        let status = loop {
            match waitid(WaitId::PidFd(self.helper.as_fd()), options) {
                Err(Errno::INTR) => {}
                Ok(None) => return,
                // Another part of the program has collected it, or ignores SIGCHLD.
                Err(_) => break None,
                Ok(status) => break status,
            }
        };
        // All that the helper told is there to be read.
        while let Ok(Some(report)) = self.link.receive_now() {
            self.hear(report);
        }
        if self.outcome.is_none() {
            let exited =
                |status: i32| Ended::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX));
            self.outcome = status.map(|status| match status.terminating_signal() {
                Some(signal) => Ok(Ended::Killed(signal)),
                None => Ok(exited(status.exit_status().unwrap_or_default())),
            });
        }
    }

    fn hear(&mut self, report: Report) {
        let failure = |index: usize, errno| {
            let planned: &PlannedStep = self.plan.steps().get(index)?;
            Some(Failure::new(planned, errno))
        };
        match report {
            Report::Skipped(index, errno) => self.skipped.extend(failure(index, errno)),
            Report::Created(pid, pidfd) => self.program = (pid, Some(pidfd)),
            Report::NotBegun(errno) => {
                self.outcome = Some(Err(RunError::Os {
                    act: "prepare the helper process",
                    errno,
                }));
            }
            Report::Failed(index, errno, call) => {
                self.outcome = failure(index, errno).map(|mut failure| {
                    failure.forbidden = verdict::name(call);
                    Err(failure.into())
                });
            }
            // A program with a terminal of its own has two helpers, and the second repeats the end.
            Report::Ended(ended) => {
                self.outcome.get_or_insert(Ok(ended));
            }
            Report::Go | Report::Running => {}
        }
    }
}

impl AsFd for Child {
    /// [`Child::pidfd`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd()
    }
}

/// The exit status of a helper that did not run the program.
const NOT_RUN: i32 = 125;

/// Returns whether the program has the caller's environment.
fn inherits_environment(plan: &Plan) -> bool {
    plan.steps().iter().any(|planned| {
        matches!(
            planned.step(),
            Step::Exec {
                environment: None,
                ..
            } | Step::LoginShell { environment: None }
        )
    })
}

/// Carries out the plan, in the helper. Returns the status to exit with.
fn help(
    plan: &Plan,
    link: &ReportLink,
    streams: ProgramEnds,
    mask: &Mask,
    environment: &[CString],
    thread: SingleThread,
) -> i32 {
    if let Err(errno) = prepare(plan, link, streams, mask) {
        link.send(&Report::NotBegun(errno));
        return NOT_RUN;
    }
    if inherits_environment(plan) {
        set_environment(thread, environment);
    }
    if !matches!(link.receive(), Ok(Some(Report::Go))) {
        return NOT_RUN;
    }
    let proc = ProcRoot::system().ok();
    let mut observer = |event: Event| match event {
        Event::Skipped(failure) => {
            let index = index_of(plan, failure.step());
            link.send(&Report::Skipped(index, failure.errno));
        }
        Event::Created(pid) => {
            if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) {
                link.send(&Report::Created(pid, pidfd));
            }
        }
        Event::Running => link.send(&Report::Running),
    };
    match in_place(plan, proc.as_ref(), &mut observer) {
        Ok(ended) => {
            link.send(&Report::Ended(ended));
            match ended {
                Ended::Exited(status) => status.into(),
                Ended::Killed(signal) => die_of(signal),
            }
        }
        Err(RunError::Step(failure)) => {
            let call = failure.forbidden.map_or(0, verdict::number);
            let index = index_of(plan, failure.step());
            link.send(&Report::Failed(index, failure.errno, call));
            NOT_RUN
        }
        Err(_) => NOT_RUN,
    }
}

/// Makes the helper a process like one that `std::process::Command` would have started.
fn prepare(plan: &Plan, link: &ReportLink, streams: ProgramEnds, mask: &Mask) -> Result<(), Errno> {
    Disposition::drop_handlers();
    Disposition::default_for(libc::SIGPIPE)?;
    streams.install()?;
    let mut kept = plan.descriptors();
    kept.extend([0, 1, 2, link.as_raw_fd()]);
    descriptor::close_others(&kept)?;
    mask.restore()
}

/// Returns the index of a step of the plan.
fn index_of(plan: &Plan, step: &Step) -> usize {
    plan.steps()
        .iter()
        .position(|planned| std::ptr::eq(planned.step(), step))
        .unwrap_or_default()
}
