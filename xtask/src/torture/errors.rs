//! An error from each system call: nsx reports it, with a status of failure, or it makes no
//! difference.

use super::{
    Attempt, Finding, Row, Sample, attempt,
    cases::Case,
    fault::Fault,
    intended::{self, Excuses},
    kill::left,
    stage::Stage,
    unharmed,
};
use crate::Outcome;
use nix::sys::wait::WaitStatus;

/// The stride of a sample.
const STRIDE: usize = 41;

pub(super) fn torture(
    stage: &Stage,
    case: &Case,
    sample: &Sample,
    excuses: &mut Excuses,
) -> Outcome<Row> {
    let whole = unharmed(stage, case)?;
    let calls: Vec<_> = whole
        .run
        .calls
        .iter()
        .filter(|call| !intended::never_fails(call))
        .collect();
    let all: Vec<_> = calls
        .iter()
        .flat_map(|call| Fault::ERRORS.map(|fault| (*call, fault)))
        .collect();
    let mut row = Row {
        story: "errors",
        case: case.name,
        calls: calls.len(),
        tried: 0,
        findings: Vec::new(),
    };
    for (call, fault) in sample.of(all, STRIDE) {
        let attempt = attempt(stage, case, Some((&call.position, fault)))?;
        // If runs differ, another call may come at that point.
        let Some(call) = attempt
            .run
            .hit
            .as_ref()
            .filter(|call| !intended::never_fails(call))
        else {
            continue;
        };
        row.tried += 1;
        let mut wrong = left(stage, &attempt, &whole);
        wrong.extend(verdict(&attempt, &whole));
        for what in wrong
            .into_iter()
            .filter(|what| !excuses.has(case, call, fault, what))
        {
            let process = call.position.process.clone();
            row.findings.push(Finding {
                case: case.name,
                process,
                call: call.to_string(),
                fault,
                what,
            });
        }
    }
    Ok(row)
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

/// The first line that differs from the expected one.
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
