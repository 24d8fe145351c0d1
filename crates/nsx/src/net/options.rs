//! The options of `nsx net`, as typed. Reading them makes no system call.

use super::{action::Action, graph::Graph, map::Map, sockets::Sockets};
use crate::{
    answer::Format,
    error::Error,
    ls::graph::Language,
    out::Output,
    query::{column, condition},
    style::Color,
};
use clap::Parser;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx net                            the devices of every network namespace
  nsx net web                        those of the container web, with their
                                     other ends
  nsx net --sockets -l               who listens on which port, in every network
                                     namespace
  nsx net -Q 'MASTER == \"docker0\"'   the ports of a bridge, and whose they are

Exit status: 0 if something is listed, 1 if nothing is, 2 for wrong usage or a failure.";

/// List the devices of all network namespaces, and what each is connected to
///
/// Prints a line for each network device: NAME, the container, unit, process or file that the
/// network namespace belongs to; LINK, KIND, STATE and MTU of the device; MASTER, the bridge that it
/// is a port of; PEER, the other end of a veth pair or the parent of the device, in another network
/// namespace after its NAME and a slash; and ADDRESSES.
#[derive(Debug, Parser)]
#[command(name = "nsx net", version, bin_name = "nsx net", after_help = EXAMPLES)]
pub struct Options {
    /// A process, container or network namespace to list the devices of, as for `nsx ls`
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: Option<OsString>,

    /// List sockets instead of devices, with the processes at both ends
    ///
    /// Lists the sockets of TCP and UDP: NAME of the network namespace, PROTO, STATE, LOCAL and
    /// REMOTE, PROCESS, which has it open, and PEER, the process at the far end if that is on this
    /// host. `nsx ss` is the same as `nsx net --sockets`.
    #[arg(long)]
    sockets: bool,

    /// With --sockets, list only sockets that accept connections or datagrams of anyone
    #[arg(short, long, requires = "sockets")]
    listening: bool,

    /// With --sockets, list Unix sockets, too
    #[arg(short = 'x', long, requires = "sockets")]
    unix: bool,

    /// Draw the network namespaces and the connections between them, for graphviz, Markdown or a
    /// browser
    ///
    /// With TARGET, draws that one and those that it is connected to.
    #[arg(long, value_enum, value_name = "LANGUAGE", conflicts_with_all = ["sockets", "all", "filter", "output", "json", "json_lines", "columns"])]
    graph: Option<Language>,

    /// List loopback devices, too, which are left out if the namespace has other devices
    ///
    /// --json and --json-lines always list them.
    #[arg(short, long, conflicts_with = "sockets")]
    all: bool,

    /// Search everywhere for network namespaces, as nsx ls --deep does
    #[arg(long)]
    deep: bool,

    /// List only the devices or sockets for which EXPR is true, such as 'KIND == "veth" && MTU < 1500'
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
            Action::Columns {
                of_sockets: self.sockets,
            }
        } else if let Some(language) = self.graph {
            Action::Graph(Graph {
                target: self.target,
                deep: self.deep,
                language,
            })
        } else if self.sockets {
            Action::Sockets(self.sockets(format)?)
        } else {
            Action::Map(self.map(format)?)
        };
        Ok((action, format, output))
    }

    fn sockets(self, format: Format) -> Result<Sockets, Error> {
        Ok(Sockets {
            columns: column::shown(self.output.as_deref(), format)?,
            filter: condition::read(self.filter.as_deref())?,
            target: self.target,
            deep: self.deep,
            has_unix: self.unix,
            listening: self.listening,
        })
    }

    fn map(self, format: Format) -> Result<Map, Error> {
        Ok(Map {
            columns: column::shown(self.output.as_deref(), format)?,
            target: self.target,
            has_loopback: self.all || format != Format::Text || self.filter.is_some(),
            deep: self.deep,
            filter: condition::read(self.filter.as_deref())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::column::{Column, LinkColumn};

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
        let Ok(Action::Sockets(sockets)) = action(&["--sockets", "-l"]) else {
            panic!("not sockets");
        };
        assert!(sockets.listening && !sockets.has_unix);
        assert!(matches!(
            action(&["--sockets", "--columns"]),
            Ok(Action::Columns { of_sockets: true })
        ));
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
