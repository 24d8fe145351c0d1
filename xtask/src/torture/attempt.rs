//! A run of a command on the stage, with a fault or without.

use super::{
    cases::Case,
    fault::Fault,
    stage::{Stage, Streams, Traces},
    tracer::{self, Position, Run},
};
use crate::Outcome;

/// A run of a command with its traces.
pub(super) struct Attempt {
    pub(super) run: Run,
    pub(super) before: Traces,
    pub(super) after: Traces,
    /// `true` if the terminal's modes have changed.
    pub(super) spoilt: bool,
}

/// Runs a command, with a fault or without.
pub(super) fn attempt(
    stage: &Stage,
    case: &Case,
    fault: Option<(&Position, Fault)>,
) -> Outcome<Attempt> {
    stage.renew()?;
    let mut streams = Streams::new(case.terminal)?;
    let before = stage.traces()?;
    let run = tracer::run(
        stage.command(case, &streams)?,
        stage.gate(),
        stage.nsx(),
        &mut streams,
        fault,
    )?;
    let after = stage.traces()?;
    Ok(Attempt {
        run,
        before,
        after,
        spoilt: streams.is_spoilt(),
    })
}

/// Runs a command twice without a fault: differences between these runs are not findings later.
pub(super) fn unharmed(stage: &Stage, case: &Case) -> Outcome<Attempt> {
    let first = attempt(stage, case, None)?;
    let second = attempt(stage, case, None)?;
    let (one, other) = (&first.run, &second.run);
    if one.status.pid().is_none() || one.hung || one.output != other.output || one.calls.is_empty()
    {
        let said = String::from_utf8_lossy(&one.errors).into_owned();
        return Err(format!(
            "{}: runs differ, or fail, without any fault: {:?}: {said}",
            case.name, one.status
        )
        .into());
    }
    Ok(second)
}
