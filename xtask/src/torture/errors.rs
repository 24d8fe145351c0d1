//! An error from each system call: nsx reports it, with a status of failure, or it makes no
//! difference.

use super::{
    Finding, Row, Sample,
    attempt::{attempt, unharmed},
    cases::Case,
    fault::Fault,
    intended::{self, Excuses},
    stage::Stage,
    verdict::{left, verdict},
};
use crate::Outcome;

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
