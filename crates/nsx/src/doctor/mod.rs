//! `nsx doctor`: what the caller can do on this host, or what isolates a target and what does not.
//!
//! The options end in an [`action::Action`], with one directory for each: this host, and a target. Both
//! make a [`report::Report`]: areas, each with findings. Everything is read from outside, and nothing
//! of a target is run.

mod action;
mod host;
mod options;
mod report;
mod target;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus};

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, output) = options.action();
    output.print(action.answer().map_err(Error::no_verdict)?)
}
