//! The options of `nsx can`.

use super::action::Question;
use crate::{out::Output, style::Color};
use clap::{Parser, ValueEnum};
use nsx_core::permission::Action;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx can self enter docker:web        may I enter it, and if not, why not
  nsx can 4711 signal 12               may process 4711 send process 12 a signal
  nsx can docker:web trace 1           may the container trace PID 1 of the host

Exit status: 0 if it may, 1 if it may not or facts are hidden, 2 for wrong usage or a failure, such as \
a process that does not exist.";

/// Find out whether one process may do something to another
///
/// Prints the kernel's checks in their order, to the first that fails, with the capability that is
/// missing and the user namespace in which it is missing. Nothing is tried, and both processes are
/// looked at from outside. Security modules other than Yama are not checked.
#[derive(Debug, Parser)]
#[command(name = "nsx can", version, bin_name = "nsx can", after_help = EXAMPLES)]
pub struct Options {
    /// The process that acts: a process or container, or self for the caller
    #[arg(value_name = "PROCESS", allow_negative_numbers = true)]
    process: OsString,

    /// The action
    #[arg(value_name = "ACTION")]
    action: Word,

    /// The process or container that the action is on
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// An action as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Word {
    /// Join its namespaces
    Enter,
    /// Send it a signal
    Signal,
    /// Attach to it with ptrace(2)
    Trace,
    /// Read its environment and memory maps in /proc
    Environ,
    /// Reach its files through /proc/PID/root; then their owners and modes decide
    Files,
}

impl Word {
    fn action(self) -> Action {
        match self {
            Self::Enter => Action::Enter,
            Self::Signal => Action::Signal,
            Self::Trace => Action::Trace,
            Self::Environ => Action::ReadEnvironment,
            Self::Files => Action::Files,
        }
    }
}

impl Options {
    /// Returns the question that the options ask, and how to print the answer.
    pub(super) fn question(self) -> (Question, Output) {
        let output = Output {
            color: self.color,
            ..Output::default()
        };
        let question = Question {
            process: self.process,
            action: self.action.action(),
            target: self.target,
            json: self.json,
        };
        (question, output)
    }
}
