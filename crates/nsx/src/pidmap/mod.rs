//! `nsx pidmap`: from an id in any PID namespace to the process and its ids in every other.
//!
//! The options end in an [`Action`], with one file for each: the ids of processes at every level
//! ([`levels`]), ids between two PID namespaces as bare numbers ([`numbers`]), the processes that a
//! PID namespace sees ([`list`]), and the ids in a text ([`filter`]).

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

use crate::{answer::Answer, error::Error, exit::ExitStatus, out::Output, program};
use filter::Filter;
use levels::Levels;
use list::List;
use nsx_core::{pid::Numbering, proc::ProcRoot};
use numbers::Numbers;

/// The question that the options ask.
#[derive(Debug)]
enum Action {
    /// Show the ids of processes in all PID namespaces.
    Levels(Levels),
    /// Translate ids from one PID namespace to another, as bare numbers.
    Numbers(Numbers),
    /// List the processes that a PID namespace sees.
    List(List),
    /// Translate the ids in a text.
    Filter(Filter),
}

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, output) = options.action()?;
    let proc = program::procfs()?;
    output.print(action.answer(&proc, &output)?)
}

impl Action {
    /// Answers the question. Numbers, lines of JSON and filtered text are written as they come.
    fn answer(self, proc: &ProcRoot, output: &Output) -> Result<Answer, Error> {
        match self {
            Self::Levels(levels) => levels.answer(proc, output),
            Self::Numbers(numbers) => numbers.answer(proc, output),
            Self::List(list) => list.answer(proc),
            Self::Filter(filter) => filter.answer(proc, output),
        }
    }
}

/// Returns a note on what cannot be seen from the PID namespace that nsx runs in, if that is not
/// the initial one.
fn limits(own: &Numbering) -> Option<&'static str> {
    (!own.id().is_initial()).then_some(
        "run in a container: PID namespaces above this one, and processes that only those see, \
        cannot be seen from here",
    )
}
