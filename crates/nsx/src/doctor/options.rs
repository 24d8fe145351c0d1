//! The options of `nsx doctor`.

use super::action::Action;
use crate::{out::Output, style::Color};
use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  nsx doctor                           what you can do on this host, and why not more
  nsx doctor --json                    the same for programs

Exit status: 0 if all is well, 1 if something is not or could not be checked, 2 for wrong usage or \
a failure.";

/// Find out what you can do with namespaces on this host
///
/// Prints areas, each with its verdict and one line for each finding: ok, bad, info for a fact
/// without a verdict, or `?` for what could not be checked. A line with `->` says what to change.
#[derive(Debug, Parser)]
#[command(name = "nsx doctor", bin_name = "nsx doctor", after_help = EXAMPLES)]
pub struct Options {
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
        (Action::Host { json: self.json }, output)
    }
}
