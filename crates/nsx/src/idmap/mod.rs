//! `nsx idmap`: user and group ids between a target's user namespace and the caller's, and at every
//! level between.
//!
//! The options end in an [`Action`], with one file for each: single ids ([`ids`]), the whole mapping
//! ([`mapping`]), and what the target may do with a file ([`file`]).

mod file;
mod ids;
mod mapping;
mod options;
mod user_ns;

pub use options::Options;

use crate::{answer::Answer, error::Error, exit::ExitStatus, program};
use file::Permissions;
use ids::Ids;
use mapping::Mapping;
use user_ns::UserNs;

/// The question that the options ask about a user namespace.
#[derive(Debug)]
enum Action {
    /// Translate single ids.
    Ids(Ids),
    /// Describe the whole mapping.
    Mapping(Mapping),
    /// Tell what the target may do with a file.
    Permissions(Permissions),
}

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (target, action, output) = options.action()?;
    let proc = program::procfs()?;
    output.print(action.answer(&UserNs::find(&target, &proc)?)?)
}

impl Action {
    fn answer(self, ns: &UserNs<'_>) -> Result<Answer, Error> {
        match self {
            Self::Ids(ids) => ids.answer(ns),
            Self::Mapping(mapping) => mapping.answer(ns),
            Self::Permissions(permissions) => permissions.answer(ns),
        }
    }
}
