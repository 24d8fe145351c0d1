//! `nsx pidmap`: from an id in any PID namespace to the process and its ids in every other.
//!
//! The options end in an [`action::Action`], with one file for each: the ids of processes at every
//! level ([`levels`]), ids between two PID namespaces as bare numbers ([`numbers`]), the processes
//! that a PID namespace sees ([`list`]), and the ids in a text ([`filter`]).

mod action;
mod columns;
mod ends;
mod filter;
mod ids;
mod levels;
mod list;
mod namespace;
mod numbers;
mod options;
mod owners;
mod pattern;
mod untranslated;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus, program};

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, output) = options.action()?;
    let proc = program::procfs()?;
    output.print(action.answer(&proc, &output)?)
}
