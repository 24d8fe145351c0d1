//! `nsx ls`: the namespaces that processes are in, or the processes in nested PID namespaces.

mod column;
mod finder;
mod forest;
mod grouped;
mod groups;
mod listing;
mod pids;
mod tree;

use crate::{
    exit::ExitStatus,
    out::{self, Color, Styles},
    table::{Align, Table},
};
use clap::Parser;
use column::Column;
use listing::{Listing, Question};
use nsx_core::{census::Unseen, ns::NsKind, proc::ProcRoot};
use serde::Serialize;
use std::ffi::OsString;
use tree::Order;

const EXAMPLES: &str = "\
Examples:
  nsx ls -t net    the network namespaces, and how many processes are in each
  nsx ls -p $$     the namespaces that this shell is in
  nsx ls --pids    what runs in PID namespaces below this one, as containers do

Exit status: 0 if something is listed, 1 if nothing matched, 2 for wrong usage or a failure.";

/// List namespaces, or the processes in nested PID namespaces
///
/// Lists every namespace that a process is in or that is bound to a file: NS, its inode number; TYPE; NPROCS, the number of processes in it; and PID,
/// USER and COMMAND of the process with the lowest id. What the kernel does not let the caller see is counted on standard
/// error.
#[derive(Debug, Parser)]
#[command(name = "nsx ls", bin_name = "nsx ls", after_help = EXAMPLES)]
pub struct Options {
    /// List all namespaces, a line each, or with --pids all processes
    #[arg(short, long)]
    all: bool,

    /// List only namespaces of this kind: cgroup, ipc, mnt, net, pid, time, user or uts
    ///
    /// May be given several times, or several kinds with commas between them.
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<NsKind>,

    /// List only the namespaces that this process is in
    ///
    /// NPROCS still counts all processes in them. PID:INODE is the process only if its pidfd has that inode number.
    #[arg(short = 'p', long = "task", value_name = "TARGET", allow_negative_numbers = true)]
    task: Option<OsString>,

    /// List only the namespaces of which EXPR holds, such as 'TYPE == "net" && NPROCS > 0'
    ///
    /// An expression is made of columns, whether they are shown or not, numbers, and texts in quotes; ==, !=, <, <=, >, >=, =~
    /// and !~ with a POSIX regular expression; && (and), || (or), ! (not) and parentheses.
    #[arg(short = 'Q', long, value_name = "EXPR")]
    filter: Option<OsString>,

    /// Show these columns, with commas between them; after a + beside the usual ones; all for all
    #[arg(short, long, value_name = "LIST", value_parser = column_list)]
    output: Option<Columns>,

    /// Show what stands below what: owner, parent, process or pid
    #[arg(long, value_enum, value_name = "ORDER", num_args = 0..=1, require_equals = true, default_missing_value = "owner")]
    tree: Option<Order>,

    /// List the columns, what each says and what finding it costs
    #[arg(long, exclusive = true)]
    columns: bool,

    /// List the processes in nested PID namespaces
    ///
    /// CHAIN is a process's ids: first the one that is seen from here, last the one that it has itself. NS is the PID
    /// namespace that it is in, `?` where the kernel hides it.
    #[arg(long, conflicts_with_all = ["kinds", "task", "filter", "output"])]
    pids: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print a JSON object for each row, a line each
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,

    /// Do not say on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// The value of `--output`.
#[derive(Clone, Debug)]
struct Columns(Vec<Column>);

fn column_list(list: &str) -> Result<Columns, String> {
    column::parse_list(list).map(Columns)
}

/// What is shown.
enum View {
    /// What on the host has namespaces of its own.
    Groups,
    /// Namespaces, one by one.
    Namespaces,
    /// Processes in nested PID namespaces.
    Processes,
    /// The same, below one another.
    PidTree,
}

impl Options {
    fn view(&self) -> View {
        let is_asked_for = self.all || self.output.is_some() || self.filter.is_some() || self.task.is_some();
        match () {
            () if self.pids => View::Processes,
            () if self.tree == Some(Order::Pid) => View::PidTree,
            () if is_asked_for || self.tree.is_some() || !self.kinds.is_empty() || self.json || self.json_lines => {
                View::Namespaces
            }
            () => View::Groups,
        }
    }
}

pub(crate) fn run(options: Options) -> ExitStatus {
    if options.columns {
        return columns(&options).map_or_else(|status| status, |()| ExitStatus::SUCCESS);
    }
    let proc = match ProcRoot::system() {
        Ok(proc) => proc,
        Err(errno) => return out::failed("open /proc", &errno),
    };
    let outcome = match options.view() {
        View::Groups => grouped::show(&options, &proc),
        View::Namespaces => namespaces(&options, &proc),
        View::Processes => pids::list(&options, &proc),
        View::PidTree => pids::tree(&options, &proc),
    };
    outcome.unwrap_or_else(|status| status)
}

/// Lists namespaces, a row each. An error is the status to end with, once its reason is on standard error.
fn namespaces(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let columns = match &options.output {
        Some(Columns(columns)) => columns.clone(),
        None if options.json || options.json_lines => [&column::USUAL[..], &[Column::Uid]].concat(),
        None => column::USUAL.to_vec(),
    };
    let asked = options.tree.map_or(&[][..], Order::columns);
    let question = Question::of(options, [&columns[..], asked].concat(), proc)?;
    let failed = |errno| out::failed("list the processes", &errno);
    let listing = question.ask(proc).map_err(failed)?;
    match options.tree {
        Some(order) => {
            let forest = tree::forest(&listing, order, proc).map_err(failed)?;
            if options.json {
                document(tree::nested(&columns, &listing, &forest), &listing)?;
            } else {
                let table = tree::table(&listing, &columns, &forest);
                out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
            }
        }
        None if options.json => document(listing.objects(&columns).collect::<Vec<_>>(), &listing)?,
        None if options.json_lines => out::print_json_lines(listing.objects(&columns))?,
        None => out::print(&listing.table(&columns).render(&Styles::stdout(options.color), out::width()))?,
    }
    if !options.quiet {
        report(listing.unseen);
    }
    Ok(if listing.rows.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

fn document(namespaces: impl Serialize, listing: &Listing) -> Result<(), ExitStatus> {
    out::print_json(&Document { version: 1, namespaces, hidden: listing.unseen.into() })
}

/// The JSON document.
#[derive(Serialize)]
struct Document<N> {
    version: u32,
    namespaces: N,
    hidden: Hidden,
}

/// Lists the columns that there are.
fn columns(options: &Options) -> Result<(), ExitStatus> {
    let mut table = Table::new(&[("COLUMN", Align::Left), ("COSTS", Align::Left), ("SAYS", Align::Left)]);
    for column in Column::all() {
        let spec = column.spec();
        table.row([spec.name, spec.cost, spec.about].map(str::to_owned).to_vec());
    }
    out::print(&table.render(&Styles::stdout(options.color), out::width()))
}

/// Says what is not in a list.
fn report(unseen: Unseen) {
    let processes = |count: usize| format!("{count} {}", if count == 1 { "process" } else { "processes" });
    if unseen.denied > 0 {
        let hope = if rustix::process::geteuid().is_root() { "" } else { "; root may see more" };
        out::note(&format!("{} could not be read: permission denied{hope}", processes(unseen.denied)));
    }
    if unseen.failed > 0 {
        out::note(&format!("{} could not be read", processes(unseen.failed)));
    }
}

/// The part of a JSON document that says what is not in it.
#[derive(serde::Serialize)]
struct Hidden {
    processes: usize,
}

impl From<Unseen> for Hidden {
    fn from(unseen: Unseen) -> Self {
        Self { processes: unseen.hidden() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["nsx ls"], words].concat())
    }

    #[test]
    fn kinds_are_taken_one_by_one_and_with_commas() {
        assert_eq!(read(&["-t", "net", "--type=mount,pid"]).unwrap().kinds, [NsKind::Net, NsKind::Mnt, NsKind::Pid]);
        assert!(read(&["-t", "nothing"]).unwrap_err().to_string().contains("cgroup, ipc, mnt"));
    }

    #[test]
    fn what_says_nothing_together_is_refused() {
        assert!(read(&["--pids", "-t", "net"]).is_err());
        assert!(read(&["--pids", "-p", "1"]).is_err());
        assert!(read(&["operand"]).is_err());
        assert!(read(&["--pids", "--all", "--json", "-q"]).is_ok());
        assert_eq!(read(&["-p", "-5"]).unwrap().task.unwrap(), "-5");
    }
}
