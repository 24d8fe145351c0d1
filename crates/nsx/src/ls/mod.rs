//! `nsx ls`: the namespaces of a host, those of one process, what keeps one of them, or the
//! processes in nested PID namespaces.

mod destination;
mod diff;
mod graph;
mod grouped;
mod groups;
mod holders;
mod left_out;
mod list;
mod listing;
mod named;
mod operand;
mod owners;
mod pid_tree;
mod pids;
mod process;
mod relation;
mod revisit;
mod saved;
mod things;
mod tree;
mod watch;
mod why;

pub use saved::shown as census;

use crate::{
    exit::ExitStatus,
    meant,
    out::{self, Color},
    program,
    query::{
        column::{self, Column, Columns},
        process_column::ProcessColumn,
        system::System,
    },
    target,
};
use clap::{
    CommandFactory, Parser, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};
use graph::Language;
use left_out::{Hidden, LeftOut};
use named::{Named, unread};
use nsx_core::{
    ns::{NsKind, NsSet},
    proc::ProcRoot,
};
use nsx_target::Host;
use operand::Operand;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};
use tree::Order;

const EXAMPLES: &str = "\
Examples:
  nsx ls -t net    the network namespaces, and how many processes are in each
  nsx ls -p $$     the namespaces that this shell is in
  nsx ls --pids    what runs in PID namespaces below this one, as containers do
  nsx ls 4711      the namespaces of process 4711, and which of them are yours too
  nsx ls --why /run/netns/blue
                   what keeps this namespace alive

Exit status: 0 if something is listed, 1 if nothing is; with --diff 0 if something differs, 1 if \
nothing does; 2 for wrong
usage or a failure.";

/// List namespaces, or the processes in nested PID namespaces
///
/// Lists every namespace that a process is in or that is bound to a file: NS, its inode number;
/// TYPE; NPROCS, the number of processes in it, `3+` if there may be others; and PID, USER and
/// COMMAND of its leader: PID 1 of a PID namespace, otherwise the process that started first. What
/// the kernel does not let the caller see is told on standard error.
#[derive(Debug, Parser)]
#[command(name = "nsx ls", bin_name = "nsx ls", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container whose namespaces are shown, or a namespace whose holders are
    ///
    /// A process is named by its PID or as PID:INODE, a container as for `nsx enter`. A namespace
    /// is named as `net:[4026531833]`, by its inode number alone, as `id:77` by the id that is
    /// never used again, as `netns:blue` by a name, or by the path of a file that it is bound to.
    #[arg(value_name = "TARGET", allow_negative_numbers = true, conflicts_with_all = ["all", "task", "pids"])]
    target: Option<OsString>,

    /// Show everything that keeps the namespace TARGET alive, and what would have to go for it to
    /// die
    ///
    /// If TARGET is a process or container, each of its namespaces that is not the host's is shown.
    ///
    /// These are processes, single threads, processes whose next children would be in it, open
    /// descriptors, mounts in any mount namespace, sockets of processes elsewhere, namespaces below
    /// it and namespaces that it owns.
    #[arg(long, requires = "target", conflicts_with = "kinds")]
    why: bool,

    /// Look everywhere: at every thread, descriptor and socket, and at the mounts of every mount
    /// namespace
    ///
    /// That finds namespaces which no process is in and which nothing else shows. It takes a system
    /// call for each descriptor of the host.
    #[arg(long, conflicts_with = "pids")]
    deep: bool,

    /// List all namespaces, a line each, or with --pids or --tree=pid all processes
    #[arg(short, long)]
    all: bool,

    /// Show what has namespaces of its own, as without options; for --json and --json-lines, which
    /// otherwise list namespaces
    #[arg(long, conflicts_with_all = ["target", "all", "deep", "kinds", "task", "filter", "output", "tree", "graph", "watch", "save", "diff", "columns", "pids"])]
    groups: bool,

    /// List only namespaces of this kind: cgroup, ipc, mnt, net, pid, time, user or uts
    ///
    /// May be given several times, or several kinds with commas between them.
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<NsKind>,

    /// List only the namespaces that this process is in, or with --pids or --tree=pid the processes
    /// in its PID namespace and below
    ///
    /// NPROCS still counts all processes in them. PID:INODE is the process only if its pidfd has
    /// that inode number.
    #[arg(
        short = 'p',
        long = "task",
        value_name = "PID",
        allow_negative_numbers = true
    )]
    task: Option<OsString>,

    /// List only the namespaces, or with --pids or --tree=pid the processes, of which EXPR holds,
    /// such as 'TYPE == "net" && NPROCS > 0'
    ///
    /// An expression is made of columns, whether they are shown or not, numbers, and texts in
    /// quotes; ==, !=, <, <=, >, >=, =~ and !~ with a POSIX regular expression; && (and), || (or),
    /// ! (not) and parentheses. Of a column with several texts, such as NSFS, one is enough.
    #[arg(short = 'Q', long, value_name = "EXPR", conflicts_with = "target")]
    filter: Option<OsString>,

    /// Show these columns, with commas between them; after a + beside the usual ones, in front of
    /// COMMAND; all for all
    #[arg(short, long, value_name = "LIST", conflicts_with = "target")]
    output: Option<String>,

    /// Show what stands below what: owner, parent, process or pid
    ///
    /// With pid, processes are chosen with -a, -p and -Q and shown with -o as with --pids; what
    /// stands above those of which -Q holds is shown too.
    #[arg(long, value_enum, value_name = "ORDER", num_args = 0..=1, require_equals = true, default_missing_value = "owner", conflicts_with = "target")]
    tree: Option<Order>,

    /// Draw the user namespaces with what they own, as a document for graphviz, for Markdown or for
    /// a browser
    #[arg(long, value_enum, value_name = "LANGUAGE", conflicts_with_all = ["target", "pids", "tree", "output", "json", "json_lines"])]
    graph: Option<Language>,

    /// Follow what comes and goes: on a terminal a screen that is kept up to date, otherwise a line
    /// of JSON for each event
    ///
    /// An event is `created`, `destroyed` or `joined`. nsx looks again after SECONDS, 1 if none are
    /// given, and if it may, also when a process was made or has ended; it waits at least ten times
    /// as long as a look takes. What is there at the first look is no event, and what comes and
    /// goes between two looks is not seen. With TARGET, -t, -p or -Q only those namespaces are
    /// followed, and with TARGET until it is gone. On a screen, j and k, arrows, PageUp and
    /// PageDown scroll, and q quits.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = seconds, conflicts_with_all = ["why", "pids", "tree", "graph", "output", "json", "from", "diff", "save", "proc", "deep", "all"])]
    watch: Option<f64>,

    /// Save all that can be found out to FILE, for --from and --diff, here or on another machine
    ///
    /// Everything is looked at, as with --deep. A file is replaced in one step; a device or FIFO is
    /// written to; - is standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "pids", "tree", "graph", "filter", "output", "kinds", "task", "json", "json_lines", "from", "diff"])]
    save: Option<PathBuf>,

    /// List what was saved in FILE, or - for standard input, not what is there now
    ///
    /// With --groups, --pids, -p, --why and TARGET too, which names a process or namespace by its
    /// number.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["deep", "proc", "save"])]
    from: Option<PathBuf>,

    /// Show what has changed since FILE, or - for standard input, was saved; with --from, until
    /// that was
    ///
    /// Each container, unit, process or file whose namespaces came or went has a line; -v shows the
    /// namespaces one by one, and those that have changed.
    ///
    /// If processes were hidden from the user who looked, what is new or gone may have been hidden
    /// too, and is said to be `created or hidden` or `gone or hidden`; numbers of processes and
    /// leaders are then compared only if the same user looked twice.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "pids", "tree", "graph", "filter", "output", "kinds", "task", "json_lines"])]
    diff: Option<PathBuf>,

    /// Read another procfs than /proc, such as one of a container that is mounted in DIR, or a copy
    /// of one in plain files
    ///
    /// A copy is a directory with what `cp -a` or sosreport took from /proc. What it does not have
    /// is unknown: owners and parents always are. Processes and namespaces are then named by their
    /// numbers.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    proc: Option<PathBuf>,

    /// List the columns, with --pids those of processes: what each says and what finding it costs
    #[arg(long, conflicts_with_all = ["target", "why", "deep", "all", "kinds", "task", "filter", "output", "tree", "graph", "watch", "save", "from", "diff", "proc", "json_lines"])]
    columns: bool,

    /// List the processes in nested PID namespaces
    ///
    /// CHAIN is a process's ids: first the one that is seen from here, last the one that it has
    /// itself. NS is the PID namespace that it is in, `?` where the kernel hides it. CONTAINER is
    /// there where any of them is in one.
    #[arg(long, conflicts_with_all = ["kinds", "tree"])]
    pids: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print a JSON object for each row, a line each
    #[arg(long, conflicts_with_all = ["json", "tree"])]
    json_lines: bool,

    /// With --diff, show each namespace that came, went or changed, and how it changed
    #[arg(short, long, requires = "diff")]
    verbose: bool,

    /// Do not say on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// Options whose value stands behind an equals sign, so that the word after them is a TARGET.
const WITH_EQUALS: [&str; 2] = ["--tree", "--watch"];

impl Options {
    /// Reads an argument vector.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let is_value = |option: &str, word: &str| match option {
            "--tree" => Order::from_str(word, true).is_ok(),
            _ => word.parse::<f64>().is_ok(),
        };
        let words = arguments
            .iter()
            .map(|word| word.to_str().unwrap_or_default());
        let misread = words.clone().zip(words.clone().skip(1));
        let misread = misread.take_while(|(option, _)| *option != "--");
        for (option, word) in misread.filter(|(option, _)| WITH_EQUALS.contains(option)) {
            if is_value(option, word) {
                let text = format!(
                    "{word} after {option} is a TARGET and not its value: type {option}={word}"
                );
                return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
            }
        }
        Self::try_parse_from(arguments).map_err(|mut error| {
            if error.kind() == ErrorKind::UnknownArgument {
                let proposal = match error.get(ContextKind::InvalidArg) {
                    Some(ContextValue::String(word)) => meant::list_option(word),
                    _ => None,
                };
                if proposal.is_some() {
                    // clap's has the option that it would propose.
                    error.insert(
                        ContextKind::Usage,
                        ContextValue::StyledStr(Self::command().render_usage()),
                    );
                }
                meant::propose(&mut error, proposal);
            }
            error
        })
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "it takes a number of seconds, from 0.01 to 86400".to_owned())
}

/// The procfs that is mounted on a directory, or of which that is a copy. An error is the status to
/// end with, once its reason is on standard error.
fn procfs_at(directory: &Path) -> Result<ProcRoot, ExitStatus> {
    let shown = out::shown(directory.as_os_str());
    let proc =
        ProcRoot::open(directory).map_err(|errno| out::failed(&format!("open {shown}"), &errno))?;
    if proc.is_procfs() {
        return Ok(proc);
    }
    let copy =
        ProcRoot::copy(directory).map_err(|errno| out::failed(&format!("open {shown}"), &errno))?;
    let pids = copy
        .pids()
        .map_err(|errno| out::failed(&format!("list {shown}"), &errno))?;
    if pids.is_empty() {
        out::error(&format!(
            "{shown} is neither a procfs nor a copy of one: it has no directory of a process"
        ));
        return Err(ExitStatus::FAILURE);
    }
    Ok(copy)
}

pub(crate) fn run(mut options: Options) -> ExitStatus {
    if options.columns {
        let listed = if options.pids {
            list::columns::<ProcessColumn>(&options)
        } else {
            list::columns::<Column>(&options)
        };
        return listed.map_or_else(|status| status, |()| ExitStatus::SUCCESS);
    }
    let proc = match options
        .proc
        .as_deref()
        .map_or_else(|| Ok(program::procfs()?), procfs_at)
    {
        Ok(proc) => proc,
        Err(status) => return status,
    };
    let system = System {
        host: if options.proc.is_none() {
            Host::system().ok()
        } else {
            None
        },
        proc,
    };
    let proc = &system.proc;
    let is_elsewhere = proc.is_copy() || options.from.is_some();
    if let Some(word) = options
        .target
        .take_if(|word| is_elsewhere && !options.why && !named::is_namespace(word))
    {
        options.task = Some(word);
    }
    let outcome = match &options.target {
        _ if let Some(file) = &options.from
            && (options.groups || options.pids || options.target.is_some()) =>
        {
            saved::Saved::read(file)
                .map_err(ExitStatus::from)
                .and_then(|saved| revisit::show(&options, &saved))
        }
        _ if let Some(interval) = options.watch => watch::follow(&options, interval, &system),
        Some(word) => Operand::find(word, proc).and_then(|operand| match operand {
            Operand::Process(named) if options.why => why::show_all(&options, &named, &system),
            Operand::Process(named) => process::show(&options, &named, &system),
            Operand::Namespace(_) if !options.kinds.is_empty() => {
                out::error(&format!(
                    "-t is for the namespaces of a process, and {} is a namespace",
                    out::shown(word)
                ));
                Err(ExitStatus::FAILURE)
            }
            Operand::Namespace(name) => why::show(&options, name, &system),
        }),
        None if options.pids => pids::list(&options, &system),
        None if options.tree == Some(Order::Pid) => pid_tree::show(&options, &system),
        None if options.graph.is_some() => list::draw(&options, &system),
        None if options.save.is_some() || options.diff.is_some() => list::keep(&options, &system),
        None if options.groups => grouped::show(&options, &system),
        None if options.asks() => list::show(&options, &system),
        None => grouped::show(&options, &system),
    };
    let lists = options.target.is_none() && options.from.is_none();
    if lists && !options.quiet && outcome.is_ok() && proc.hides_processes() {
        out::note("/proc does not show the processes of other users (hidepid)");
    }
    if let Some(host) = &system.host {
        target::note_cut_off(host);
    }
    outcome.unwrap_or_else(|status| status)
}

impl Options {
    /// Returns whether the options request anything that is answered namespace by namespace.
    fn asks(&self) -> bool {
        let selects = !self.kinds.is_empty() || self.task.is_some() || self.filter.is_some();
        let shapes = self.output.is_some()
            || self.tree.is_some()
            || self.json
            || self.json_lines
            || self.deep
            || self.from.is_some();
        self.all || selects || shapes
    }

    /// The columns that are asked for, if any are; `usual` are those that a `+` adds to. An error
    /// is the status to end with, once its reason is on standard error.
    fn columns<C: Columns>(&self, usual: &[C]) -> Result<Option<Vec<C>>, ExitStatus> {
        self.output
            .as_deref()
            .map(|list| column::parse_list(list, usual))
            .transpose()
            .map_err(|reason| {
                out::error(&reason);
                ExitStatus::FAILURE
            })
    }

    /// The kinds that are asked for: all where none are named.
    fn kinds(&self) -> NsSet {
        if self.kinds.is_empty() {
            NsSet::ALL
        } else {
            self.kinds.iter().copied().collect()
        }
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
        assert_eq!(
            read(&["-t", "net", "--type=mount,pid"]).unwrap().kinds,
            [NsKind::Net, NsKind::Mnt, NsKind::Pid]
        );
        assert!(
            read(&["-t", "nothing"])
                .unwrap_err()
                .to_string()
                .contains("cgroup, ipc, mnt")
        );
    }

    #[test]
    fn what_says_nothing_together_is_refused() {
        assert!(read(&["--pids", "-t", "net"]).is_err());
        assert!(read(&["--pids", "-p", "1", "-Q", "PID > 1", "-o", "+age"]).is_ok());
        assert!(read(&["4711", "--all"]).is_err());
        assert!(read(&["4711", "4712"]).is_err());
        assert!(read(&["--why"]).is_err());
        assert!(read(&["--why", "net:[1]", "-t", "net"]).is_err());
        assert!(read(&["net:[1]", "--why", "--json"]).unwrap().why);
        assert!(read(&["--pids", "--all", "--json", "-q"]).is_ok());
        assert_eq!(read(&["-p", "-5"]).unwrap().task.unwrap(), "-5");
    }
}
