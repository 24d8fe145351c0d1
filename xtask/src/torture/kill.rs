//! SIGKILL at each system call: nothing is left behind, or something whole.

use super::{
    Finding, Row, Sample,
    attempt::{attempt, unharmed},
    cases::Case,
    fault::Fault,
    stage::Stage,
    verdict::{left, verdict},
};
use crate::Outcome;
use nix::sys::{signal::Signal, wait::WaitStatus};

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
