//! The options of `nsx net`, as typed. Reading them makes no system call.

use super::{action::Action, map::Map};
use crate::{
    answer::Format,
    error::Error,
    out::Output,
    query::{
        column::{self, Column, LinkColumn},
        condition,
    },
    style::Color,
};
use clap::Parser;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx net                            the devices of every network namespace
  nsx net web                        those of the container web, with their other ends
  nsx net -Q 'MASTER == \"docker0\"'   the ports of a bridge, and whose they are

Exit status: 0 if something is listed, 1 if nothing is, 2 for wrong usage or a failure.";

/// List the devices of all network namespaces, and what each is connected to
///
/// Prints a line for each network device: NAME, the container, unit, process or file that the
/// network namespace belongs to; LINK, KIND, STATE and MTU of the device; MASTER, the bridge that it
/// is a port of; PEER, the other end of a veth pair or the parent of the device, in another network
/// namespace after its NAME and a slash; and ADDRESSES.
#[derive(Debug, Parser)]
#[command(name = "nsx net", bin_name = "nsx net", after_help = EXAMPLES)]
pub struct Options {
    /// A process, container or network namespace to list the devices of, as for `nsx ls`
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: Option<OsString>,

    /// List loopback devices, too, which are left out if the namespace has other devices
    ///
    /// --json and --json-lines always list them.
    #[arg(short, long)]
    all: bool,

    /// Search everywhere for network namespaces, as nsx ls --deep does
    #[arg(long)]
    deep: bool,

    /// List only the devices for which EXPR is true, such as 'KIND == "veth" && MTU < 1500'
    ///
    /// Expressions are those of `nsx ls -Q`.
    #[arg(short = 'Q', long, value_name = "EXPR")]
    filter: Option<OsString>,

    /// Show these columns, with commas between them; a leading + adds them to the usual ones; all
    /// shows all
    #[arg(short, long, value_name = "LIST")]
    output: Option<String>,

    /// List the columns: the meaning of each, and the cost of finding it
    #[arg(long, conflicts_with_all = ["target", "all", "deep", "filter", "output", "json_lines"])]
    columns: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print one JSON object per row, each on a line of its own
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,

    /// Do not report on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// Control when to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Options {
    /// Returns the action that the options request, and the form of its output.
    pub(super) fn action(self) -> Result<(Action, Format, Output), Error> {
        let format = Format::of(self.json, self.json_lines);
        let output = Output {
            color: self.color,
            quiet: self.quiet,
        };
        let action = if self.columns {
            Action::Columns
        } else {
            Action::Map(self.map(format)?)
        };
        Ok((action, format, output))
    }

    fn map(self, format: Format) -> Result<Map, Error> {
        let columns = match &self.output {
            Some(list) => column::parse_list(list, LinkColumn::USUAL).map_err(Error::Usage)?,
            None if format == Format::Text => LinkColumn::USUAL.to_vec(),
            None => LinkColumn::all().collect(),
        };
        Ok(Map {
            target: self.target,
            has_loopback: self.all || format != Format::Text || self.filter.is_some(),
            deep: self.deep,
            filter: condition::read(self.filter.as_deref())?,
            columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(words: &[&str]) -> Result<Action, Error> {
        let options = Options::try_parse_from([&["nsx net"], words].concat()).unwrap();
        Ok(options.action()?.0)
    }

    #[test]
    fn options_become_a_request() {
        let Ok(Action::Map(map)) = action(&["web", "-o", "+mac", "--deep"]) else {
            panic!("not a map");
        };
        assert_eq!(map.target.as_deref(), Some("web".as_ref()));
        assert_eq!(map.columns.last(), Some(&LinkColumn::Mac));
        assert!(map.deep && !map.has_loopback);
        let Ok(Action::Map(map)) = action(&["--json"]) else {
            panic!("not a map");
        };
        assert!(map.has_loopback && map.columns.len() == LinkColumn::SPECS.len());
    }

    #[test]
    fn options_without_meaning_are_refused() {
        assert!(action(&["-o", "nothing"]).is_err());
        assert!(action(&["-Q", "NPROCS == 1"]).is_err());
        for wrong in [
            &["--columns", "web"][..],
            &["--json", "--json-lines"],
            &["a", "b"],
        ] {
            assert!(Options::try_parse_from([&["nsx net"], wrong].concat()).is_err());
        }
    }
}
