//! `nsx idmap`: user and group ids between a target's user namespace and the caller's, and at every
//! level between.
//!
//! The options end in an [`action::Action`], with one file for each: single ids ([`ids`]), the whole mapping
//! ([`mapping`]), and what the target may do with a file ([`mod@file`]).

mod action;
mod file;
mod ids;
mod mapping;
mod options;
mod user_ns;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus, program};
use user_ns::UserNs;

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (target, action, output) = options.action()?;
    let proc = program::procfs()?;
    output.print(action.answer(&UserNs::find(&target, &proc)?)?)
}
