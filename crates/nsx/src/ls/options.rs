//! The options of `nsx ls`, as typed, and the action that they request. Nothing is asked of the
//! system here.

use super::{
    action::{Action, Scope, Selection, Source},
    graph::{Graph, Language},
    namespaces::{self, Namespaces},
    pid_tree,
    processes::Processes,
    target::Target,
    tree::Order,
    watch::Watch,
};
use crate::{
    answer::Format,
    error::Error,
    meant,
    out::{Color, Output},
    query::{
        column::{self, Column, Columns},
        filter::Filter,
        process_column::ProcessColumn,
        system::Procfs,
    },
};
use clap::{
    CommandFactory, Parser, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};
use nsx_core::ns::{NsKind, NsSet};
use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

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
    tree: Option<Tree>,

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

/// The order of `--tree`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tree {
    /// User namespaces with the namespaces that they own
    Owner,
    /// PID and user namespaces below their parents
    Parent,
    /// Namespaces below the one that their leader's parent, or the next of its ancestors elsewhere,
    /// is in
    Process,
    /// PID namespaces with their processes, each below its parent
    Pid,
}

/// Options whose value stands behind an equals sign, so that the word after them is a TARGET.
const WITH_EQUALS: [&str; 2] = ["--tree", "--watch"];

impl Options {
    /// Reads an argument vector.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let is_value = |option: &str, word: &str| match option {
            "--tree" => Tree::from_str(word, true).is_ok(),
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

/// Reads the number of seconds between two looks.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "it takes a number of seconds, from 0.01 to 86400".to_owned())
}

impl Options {
    /// Returns the action that the options request, and the form of its output.
    pub(super) fn action(self) -> Result<(Action, Format, Output), Error> {
        let format = Format::of(self.json, self.json_lines);
        let output = Output {
            color: self.color,
            quiet: self.quiet,
        };
        Ok((self.view(format)?, format, output))
    }

    fn view(mut self, format: Format) -> Result<Action, Error> {
        if self.columns {
            let of_processes = self.pids;
            return Ok(Action::Columns { of_processes });
        }
        if let Some(interval) = self.watch.map(Duration::from_secs_f64) {
            return self.watched(interval).map(Action::Watch);
        }
        if let Some(word) = self.target.take() {
            return Ok(self.about(word));
        }
        if self.pids {
            return Ok(Action::Processes(self.source(), self.processes()?));
        }
        match self.tree {
            Some(Tree::Pid) => return self.pid_tree(),
            Some(Tree::Process) if self.from.is_some() => return Err(not_saved()),
            _ => {}
        }
        if let Some(language) = self.graph {
            let (source, selection) = (self.source(), self.selection()?);
            return Ok(Action::Graph(
                source,
                Graph {
                    selection,
                    language,
                },
            ));
        }
        if let Some(file) = self.save.take() {
            return Ok(Action::Save(self.procfs(), file));
        }
        if let Some(before) = self.diff.take() {
            return Ok(Action::Diff {
                before,
                after: self.source(),
                details: self.verbose,
            });
        }
        if self.groups || !self.lists_namespaces() {
            return Ok(Action::Groups(self.source()));
        }
        self.namespaces(format)
    }

    /// Returns whether the options request anything that is answered namespace by namespace.
    fn lists_namespaces(&self) -> bool {
        let selects = !self.kinds.is_empty() || self.task.is_some() || self.filter.is_some();
        let shapes = self.output.is_some() || self.tree.is_some() || self.json || self.json_lines;
        self.all || self.deep || self.from.is_some() || selects || shapes
    }

    /// A process or namespace that is named.
    fn about(mut self, word: OsString) -> Action {
        if self.why {
            return Action::Why(self.source(), word);
        }
        let target = Target {
            word,
            kinds: self.kinds(),
            deep: self.deep,
        };
        Action::Target(self.source(), target)
    }

    fn namespaces(mut self, format: Format) -> Result<Action, Error> {
        let order = self.tree.and_then(Tree::of_namespaces);
        let columns = match &self.output {
            Some(list) => column::parse_list(list, Column::USUAL).map_err(Error::Usage)?,
            None => namespaces::usual_columns(format),
        };
        let view = Namespaces {
            selection: self.selection()?,
            columns,
            order,
        };
        Ok(Action::Namespaces(self.source(), view))
    }

    fn processes(&mut self) -> Result<Processes, Error> {
        Ok(Processes {
            scope: self.scope(),
            filter: filter(self.filter.as_deref())?,
            columns: self.process_columns(ProcessColumn::USUAL)?,
        })
    }

    fn pid_tree(mut self) -> Result<Action, Error> {
        if !self.kinds.is_empty() {
            return Err(Error::usage(
                "--tree=pid has PID namespaces alone: --type cannot be given with it",
            ));
        }
        if self.deep {
            return Err(Error::usage(
                "--tree=pid is about processes: --deep, which looks for what else keeps \
                namespaces, cannot be given with it",
            ));
        }
        if self.from.is_some() {
            return Err(not_saved());
        }
        let processes = Processes {
            scope: self.scope(),
            filter: filter(self.filter.as_deref())?,
            columns: self.process_columns(&pid_tree::USUAL)?,
        };
        Ok(Action::PidTree(self.procfs(), processes))
    }

    fn watched(mut self, interval: Duration) -> Result<Watch, Error> {
        let target = self.target.take();
        let selects = !self.kinds.is_empty() || self.task.is_some() || self.filter.is_some();
        let selection = if target.is_some() || selects {
            Some(self.selection()?)
        } else {
            None
        };
        Ok(Watch {
            interval,
            target,
            selection,
        })
    }

    fn source(&mut self) -> Source {
        match self.from.take() {
            Some(file) => Source::Saved(file),
            None => Source::Live(self.procfs()),
        }
    }

    fn procfs(&mut self) -> Procfs {
        self.proc.take().map_or(Procfs::Own, Procfs::At)
    }

    fn selection(&mut self) -> Result<Selection, Error> {
        Ok(Selection {
            kinds: self.kinds().unwrap_or(NsSet::ALL),
            process: self.task.take(),
            filter: filter(self.filter.as_deref())?,
            deep: self.deep,
        })
    }

    /// The kinds that are named; `None` if no kind is named.
    fn kinds(&self) -> Option<NsSet> {
        (!self.kinds.is_empty()).then(|| self.kinds.iter().copied().collect())
    }

    fn scope(&mut self) -> Scope {
        match self.task.take() {
            Some(process) => Scope::Below(process),
            None if self.all => Scope::All,
            None => Scope::Nested,
        }
    }

    fn process_columns(
        &self,
        usual: &[ProcessColumn],
    ) -> Result<Option<Vec<ProcessColumn>>, Error> {
        let list = self.output.as_deref();
        list.map(|list| column::parse_list(list, usual))
            .transpose()
            .map_err(Error::Usage)
    }
}

impl Tree {
    /// The order of namespaces; `None` for a tree of processes.
    fn of_namespaces(self) -> Option<Order> {
        match self {
            Self::Owner => Some(Order::Owner),
            Self::Parent => Some(Order::Parent),
            Self::Process => Some(Order::Process),
            Self::Pid => None,
        }
    }
}

/// Reads the expression of `--filter`.
fn filter<C: Columns>(expression: Option<&OsStr>) -> Result<Option<Filter<C>>, Error> {
    let Some(expression) = expression.map(OsStr::as_encoded_bytes) else {
        return Ok(None);
    };
    Filter::parse(expression, C::named)
        .map(Some)
        .map_err(|error| {
            let names = C::all().map(|column| column.spec().name);
            let mended = Filter::mended(expression, C::named, names);
            let hint = match mended.and_then(|mended| meant::quoted(&mended)) {
                Some(mended) => format!("type -Q {mended}"),
                None => format!("{} lists the columns; texts stand in quotes", C::LISTED_BY),
            };
            Error::usage(error.to_string()).with_hints([hint])
        })
}

/// The refusal of a tree by processes of a census that was saved.
fn not_saved() -> Error {
    Error::usage(
        "what was saved does not say which process made which: --tree=owner and --tree=parent can \
        be had",
    )
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
