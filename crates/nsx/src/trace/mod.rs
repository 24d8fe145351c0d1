//! `nsx trace`: runs a program, and says why its system calls about namespaces, mounts, ids,
//! capabilities and clocks are refused.

mod calls;
mod explain;
mod options;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus, out, program, text};
use nsx_core::{
    calls::{Ending, FailedCall, watch},
    proc::ProcRoot,
};

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let proc = program::procfs()?;
    let arguments = options.arguments()?;
    let shown = arguments
        .first()
        .map(|name| text::escape(name.to_bytes()))
        .unwrap_or_default();
    let ending = watch(&arguments, |call| report(call, &proc))
        .map_err(|errno| Error::failed(format!("trace {shown}"), errno))?;
    Ok(match ending {
        Ending::Exited(status) => ExitStatus::Code(u8::try_from(status).unwrap_or(u8::MAX)),
        Ending::Killed(signal) => ExitStatus::Signal(signal),
        Ending::NotRun(errno) => {
            let error = Error::failed(format!("run {shown}"), errno);
            out::report(&error, ExitStatus::NOT_RUN);
            ExitStatus::of_exec(errno)
        }
    })
}

/// Says why a call was refused, if it is one that nsx knows.
fn report(call: &FailedCall, proc: &ProcRoot) {
    if let Some(explained) = explain::refused(call, proc) {
        out::explain(&explained.what, &explained.lines);
    }
}
