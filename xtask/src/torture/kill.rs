//! SIGKILL at each system call: nothing is left behind, or something whole.

use super::{
    Attempt, Finding, Row, Sample, attempt, cases::Case, errors::verdict, fault::Fault,
    stage::Stage, unharmed,
};
use crate::Outcome;
use nix::sys::{signal::Signal, wait::WaitStatus};
use std::{path::Path, process::Command};

/// The stride of a sample.
const STRIDE: usize = 4;

pub(super) fn torture(stage: &Stage, case: &Case, sample: &Sample) -> Outcome<Row> {
    let whole = unharmed(stage, case)?;
    let positions: Vec<_> = whole.run.calls.iter().map(|call| &call.position).collect();
    let mut row = Row {
        story: "kill",
        case: case.name,
        calls: positions.len(),
        tried: 0,
        findings: Vec::new(),
    };
    for position in sample.of(positions, STRIDE) {
        let attempt = attempt(stage, case, Some((position, Fault::Kill)))?;
        let Some(call) = &attempt.run.hit else {
            continue;
        };
        row.tried += 1;
        let mut wrong = left(stage, &attempt, &whole);
        // If the program was killed, nsx ends by that signal too. The loss of another process is a
        // failure.
        if !matches!(
            attempt.run.status,
            WaitStatus::Signaled(_, Signal::SIGKILL, _)
        ) {
            wrong.extend(verdict(&attempt, &whole));
        }
        for what in wrong {
            let process = call.position.process.clone();
            row.findings.push(Finding {
                case: case.name,
                process,
                call: call.to_string(),
                fault: Fault::Kill,
                what,
            });
        }
    }
    Ok(row)
}

/// Returns forbidden traces of a run.
pub(super) fn left(stage: &Stage, attempt: &Attempt, whole: &Attempt) -> Vec<String> {
    let mut left = Vec::new();
    if attempt.run.hung {
        left.push("hangs".to_owned());
    }
    if attempt.spoilt {
        left.push("the terminal's modes are changed".to_owned());
    }
    left.extend(
        attempt
            .after
            .processes
            .iter()
            .map(|name| format!("process {name} is left")),
    );
    // The traces of an undisturbed run are whole.
    let is_whole = attempt.after.mounts == whole.after.mounts
        && attempt.after.files.keys().eq(whole.after.files.keys());
    if is_whole
        && whole
            .after
            .beyond(&attempt.before)
            .iter()
            .any(|trace| trace.starts_with("mount"))
    {
        return left;
    }
    let traces = attempt
        .after
        .beyond(&attempt.before)
        .into_iter()
        .filter(|trace| !trace.starts_with("process"));
    left.extend(
        traces
            .filter(|trace| !is_whole_file(stage, trace))
            .map(|trace| format!("{trace} is left")),
    );
    left
}

/// Returns whether a changed file is a complete file that nsx saved.
fn is_whole_file(stage: &Stage, trace: &str) -> bool {
    let Some(path) = trace
        .strip_prefix("file ")
        .map(Path::new)
        .filter(|path| path.ends_with("saved"))
    else {
        return false;
    };
    let read = Command::new(stage.nsx())
        .args(["ls", "--all", "--json", "--from"])
        .arg(path)
        .output();
    read.is_ok_and(|read| read.status.success())
}
