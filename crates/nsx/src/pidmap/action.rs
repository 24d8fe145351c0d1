//! The question that the options of `nsx pidmap` ask.

use super::{filter::Filter, levels::Levels, list::List, numbers::Numbers};
use crate::{answer::Answer, error::Error, out::Output};
use nsx_core::proc::ProcRoot;

/// The question that the options ask.
#[derive(Debug)]
pub(super) enum Action {
    /// Show the ids of processes in all PID namespaces.
    Levels(Levels),
    /// Translate ids from one PID namespace to another, as bare numbers.
    Numbers(Numbers),
    /// List the processes that a PID namespace sees.
    List(List),
    /// Translate the ids in a text.
    Filter(Box<Filter>),
}

impl Action {
    /// Answers the question. Numbers, lines of JSON and filtered text are written as they come.
    pub(super) fn answer(self, proc: &ProcRoot, output: &Output) -> Result<Answer, Error> {
        match self {
            Self::Levels(levels) => levels.answer(proc, output),
            Self::Numbers(numbers) => numbers.answer(proc, output),
            Self::List(list) => list.answer(proc),
            Self::Filter(filter) => filter.answer(proc, output),
        }
    }
}
