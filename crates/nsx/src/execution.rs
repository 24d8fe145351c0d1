//! Plans, printed or carried out.

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
    remedy,
    status::StatusFd,
    text::{self, escape},
};
use nsx_core::{
    ns::NsKind,
    plan::{Caller, Plan, PlannedStep, Step},
    proc::ProcRoot,
    refusal,
    run::{self, Ended, Event, Failure, RunError, Streams},
};
use rustix::io::Errno;

/// Prints what was checked, and then one line per step of the plan: the actor, the system call, and
/// the reason.
pub(crate) fn explain(
    plan: &Plan,
    checked: impl Iterator<Item = (String, String)>,
) -> Result<ExitStatus, Error> {
    let checked = checked.map(|(object, finding)| ("checked".to_owned(), object, finding));
    let steps = plan
        .steps()
        .chunk_by(PlannedStep::goes_with)
        .filter_map(|together| {
            let planned = together.first()?;
            let mut why = escape(planned.why().as_bytes());
            if planned.is_optional() {
                why += "; skipped if the kernel refuses";
            }
            let call = escape(PlannedStep::calls(together).as_bytes());
            Some((planned.actor().to_string(), call, why))
        });
    let lines: Vec<_> = checked.chain(steps).collect();
    let width = lines.iter().map(|(_, call, _)| call.chars().count());
    let width = width.filter(|width| *width <= WIDEST_CALL).max();
    let width = width.unwrap_or(0);
    let lines = lines.iter();
    let text = lines.map(|(actor, call, why)| format!("{actor:7}  {call:width$}  {why}\n"));
    Output::default().print(Answer::text(text.collect::<String>()))
}

/// The longest system call that the column of reasons is moved for.
const WIDEST_CALL: usize = 48;

/// Settings of reports while a plan is carried out.
#[derive(Default)]
pub(crate) struct Report<'a> {
    /// Reports every step that is skipped.
    pub(crate) verbose: bool,
    /// The descriptor that gets a line at each stage of the program's life.
    pub(crate) status: Option<&'a StatusFd>,
    /// A hint for a program that is not found.
    pub(crate) not_found: Option<String>,
}

/// Carries a plan out and returns the exit status of the program.
pub(crate) fn carry_out(
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
    report: &Report<'_>,
) -> Result<ExitStatus, Error> {
    let mut observer = |event: Event| match (event, report.status) {
        (Event::Skipped(failure), _) => note_skipped(&failure, report.verbose),
        (Event::Created(pid), Some(status)) => status.created(pid, proc),
        (Event::Running, Some(status)) => status.running(),
        _ => {}
    };
    match run::in_place(plan, Some(proc), &mut observer) {
        Ok(ended) => {
            if let Some(status) = report.status {
                status.ended(ended);
            }
            Ok(match ended {
                Ended::Exited(code) => ExitStatus::Code(code),
                Ended::Killed(signal) => ExitStatus::Signal(signal),
            })
        }
        Err(error) => Err(explained(error, plan, caller, proc, report)),
    }
}

/// Carries out a plan that leaves a process that keeps the namespaces. This process stays as it is.
pub(crate) fn keep(
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
    verbose: bool,
) -> Result<(), Error> {
    let kept = run::spawn(plan, Streams::default()).and_then(|mut child| {
        for failure in child.skipped() {
            note_skipped(failure, verbose);
        }
        child.wait()
    });
    kept.map(drop)
        .map_err(|error| explained(error, plan, caller, proc, &Report::default()))
}

/// Adds hints to an error that kept a plan from being carried out.
fn explained(
    error: RunError,
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
    report: &Report<'_>,
) -> Error {
    let hints = match &error {
        RunError::Step(failure) => hints(failure, plan, caller, proc, report),
        _ => Vec::new(),
    };
    Error::from(error).with_hints(hints)
}

/// Notes a step that was skipped, if its absence matters to every user or notes are requested.
fn note_skipped(failure: &Failure, verbose: bool) {
    let consequence = match failure.step() {
        Step::SetDirectory(_) => "; the program starts in /",
        Step::MountOwnProc(_) => "; --pid joins the PID namespace",
        Step::ReadFilters(_) | Step::InstallFilters => "; they are not on the program",
        _ if verbose => "",
        _ => return,
    };
    let (act, reason) = (failure.act(), text::reason(&failure.errno));
    let text = format!("could not {act}: {reason}{consequence}");
    out::note(&text);
}

/// Returns the hints on a failure, from facts about the caller and the plan.
fn hints(
    failure: &Failure,
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
    report: &Report<'_>,
) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(refusal) = refusal::explain(failure, plan, caller, proc) {
        hints.extend(remedy::hints(&refusal));
    }
    if let (Step::Exec { programs, .. }, Errno::NOENT) = (failure.step(), failure.errno) {
        if joins_mounts(plan) {
            hints.push(missing_in_target(programs.len()).to_owned());
        }
        hints.extend(report.not_found.clone());
    }
    hints
}

fn missing_in_target(programs: usize) -> &'static str {
    if programs > 1 {
        "the target's files have none of these shells, or not the loader that they need; \
        --host-tools runs yours"
    } else {
        "the target's files have no such program, or not the interpreter that it needs; \
        --host-tools runs yours"
    }
}

/// Returns whether the program sees a target's files.
fn joins_mounts(plan: &Plan) -> bool {
    plan.steps().iter().any(|planned| match planned.step() {
        Step::Join { kinds, .. } => kinds.contains(NsKind::Mnt),
        Step::JoinFile(file) => file.kind() == NsKind::Mnt,
        _ => false,
    })
}
