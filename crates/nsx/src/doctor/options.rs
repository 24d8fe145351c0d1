//! The options of `nsx doctor`.

use super::{action::Action, target::Syscalls};
use crate::{out::Output, style::Color};
use clap::Parser;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx doctor                           what you can do here, and why not more
  nsx doctor docker:web                what isolates a container, and what not
  nsx doctor --syscalls docker:web     the system calls that its seccomp filter
                                       lets through
  nsx doctor --json 4711               for programs, of process 4711

Exit status: 0 if all is well, 1 if something is not or could not be checked, 2 for wrong usage or a \
failure, such as a target that does not exist.";

/// Find out what you can do on this host, or what isolates a container and what does not
///
/// Prints areas, each with its verdict and one line for each finding: ok, bad, info for a fact
/// without a verdict, or `?` for what could not be checked. A line with `->` says what to change.
#[derive(Debug, Parser)]
#[command(name = "nsx doctor", version, bin_name = "nsx doctor", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container; without, this host
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: Option<OsString>,

    /// Show which system calls its seccomp filters let through, whatever their arguments
    ///
    /// Stops the target for a moment to read its filters, which requires root of the host.
    #[arg(long, requires = "target")]
    syscalls: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Options {
    /// Returns the action that the options request, and how to print its answer.
    pub(super) fn action(self) -> (Action, Output) {
        let output = Output {
            color: self.color,
            ..Output::default()
        };
        let json = self.json;
        let action = match self.target {
            None => Action::Host { json },
            Some(word) if self.syscalls => Action::Syscalls(word, Syscalls { json }),
            Some(word) => Action::Target { word, json },
        };
        (action, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_calls_are_those_of_a_target() {
        let read = |words: &[&str]| Options::try_parse_from([&["nsx doctor"], words].concat());
        assert!(read(&["--syscalls"]).is_err());
        assert!(read(&["--syscalls", "web"]).is_ok());
        assert!(read(&["web", "db"]).is_err());
    }
}
