//! `nsx can`: whether one process may do something to another, by the kernel's checks in their order.

mod action;
mod options;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus};

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (question, output) = options.question();
    output.print(question.answer().map_err(Error::no_verdict)?)
}
