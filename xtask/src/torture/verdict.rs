//! The judgement on a run: forbidden traces that it left, and a fault in its end.

use super::{attempt::Attempt, stage::Stage};
use nix::sys::wait::WaitStatus;
use std::{path::Path, process::Command};

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

/// Returns the fault in the end of a run.
pub(super) fn verdict(attempt: &Attempt, whole: &Attempt) -> Option<String> {
    let (run, right) = (&attempt.run, &whole.run);
    let said = String::from_utf8_lossy(&run.errors).into_owned();
    let adds = run.errors != right.errors && !run.errors.is_empty();
    let same_status = code(run.status) == code(right.status);
    let first = said.lines().next().unwrap_or_default();
    match run.status {
        _ if run.hung => None,
        _ if said.contains("panicked at") => Some(format!(
            "panics: {}",
            said.lines().nth(1).unwrap_or_default()
        )),
        WaitStatus::Signaled(_, signal, _) => Some(format!("ends by {signal}: {first}")),
        _ if same_status && run.output == right.output => None,
        _ if same_status && adds => Some(format!("succeeds with other output, and says: {first}")),
        _ if same_status => Some(format!(
            "succeeds with other output{}",
            difference(&run.output, &right.output)
        )),
        WaitStatus::Exited(_, 0) => Some("succeeds".to_owned()),
        WaitStatus::Exited(_, status) if !adds => Some(format!("ends with {status} in silence")),
        _ => None,
    }
}

fn code(status: WaitStatus) -> Option<i32> {
    if let WaitStatus::Exited(_, code) = status {
        Some(code)
    } else {
        None
    }
}

/// Returns the first line that differs from the expected one.
fn difference(output: &[u8], right: &[u8]) -> String {
    let (output, right) = (
        String::from_utf8_lossy(output),
        String::from_utf8_lossy(right),
    );
    let mut lines = output.lines();
    let line = right.lines().find_map(|right| {
        let line = lines.next().unwrap_or("nothing");
        (line != right).then(|| format!(": {:?} for {:?}", line.trim(), right.trim()))
    });
    line.unwrap_or_default()
}
