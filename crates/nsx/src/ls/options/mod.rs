//! The options of `nsx ls`, as typed. Reading them makes no system call.

mod action;

use super::graph::Language;
use crate::{arguments, meant, style::Color};
use clap::{
    CommandFactory, Parser, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};
use nsx_core::ns::NsKind;
use std::{ffi::OsString, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  nsx ls -t net    the network namespaces, with the number of processes in each
  nsx ls -p $$     the namespaces that this shell is in
  nsx ls --pids    the processes in PID namespaces below this one, such as those
                   of containers
  nsx ls 4711      the namespaces of process 4711, and which of them you share
  nsx ls --why /run/netns/blue
                   what keeps this namespace alive

Exit status: 0 if something is listed, 1 if nothing is; with --diff 0 if something differs, 1 if \
nothing does; 2 for wrong usage or a failure.";

/// List namespaces, or the processes in nested PID namespaces
///
/// Lists every namespace that a process is in or that is bound to a file: NS, its inode number;
/// TYPE; NPROCS, the number of processes in it, `3+` if there may be others; and PID, USER and
/// COMMAND of its leader: PID 1 of a PID namespace, otherwise the process that started first. Notes
/// on standard error report what the kernel hides from the caller.
#[derive(Debug, Parser)]
#[command(name = "nsx ls", version, bin_name = "nsx ls", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container to show the namespaces of, or a namespace to show the holders of
    ///
    /// A process is named by its PID or as PID:INODE, a container as for `nsx enter`. A namespace
    /// is named as `net:[4026531833]`, by its inode number, as `id:77` by its never-reused id, as
    /// `netns:blue` by a name, or by the path of a file that it is bound to.
    #[arg(value_name = "TARGET", allow_negative_numbers = true, conflicts_with_all = ["all", "task", "pids"])]
    target: Option<OsString>,

    /// Show everything that keeps the namespace TARGET alive, and what would have to happen for it
    /// to die
    ///
    /// If TARGET is a process or container, shows each of its namespaces that is not the host's.
    ///
    /// Holders are processes, single threads, processes whose next children would be in it, open
    /// descriptors, mounts in any mount namespace, sockets of processes elsewhere, namespaces below
    /// it, and namespaces that it owns.
    #[arg(long, requires = "target", conflicts_with = "kinds")]
    why: bool,

    /// Search everywhere: every thread, descriptor and socket, and the mounts of every mount
    /// namespace
    ///
    /// Finds namespaces that no process is in and that nothing else shows. Takes a system call for
    /// each descriptor of the host.
    #[arg(long, conflicts_with = "pids")]
    deep: bool,

    /// List all namespaces, one per line; with --pids or --tree=pid, all processes
    #[arg(short, long)]
    all: bool,

    /// List what has namespaces of its own, as without options, also with --json and --json-lines,
    /// which otherwise list namespaces
    #[arg(long, conflicts_with_all = ["target", "all", "deep", "kinds", "task", "filter", "output", "tree", "graph", "watch", "save", "diff", "columns", "pids"])]
    groups: bool,

    /// List only namespaces of this type: cgroup, ipc, mnt, net, pid, time, user or uts
    ///
    /// The option may be repeated, and takes several types with commas between them.
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<NsKind>,

    /// List only the namespaces that this process is in; with --pids or --tree=pid, only the
    /// processes in its PID namespace and below
    ///
    /// NPROCS still counts all processes in a namespace. PID:INODE names the process only if its
    /// pidfd has that inode number.
    #[arg(
        short = 'p',
        long = "task",
        value_name = "PID",
        allow_negative_numbers = true
    )]
    task: Option<OsString>,

    /// List only the namespaces, or with --pids or --tree=pid the processes, for which EXPR is
    /// true, such as 'TYPE == "net" && NPROCS > 0'
    ///
    /// An expression consists of columns, whether they are shown or not; numbers; texts in quotes;
    /// the operators ==, !=, <, <=, >, >=, and =~ and !~ with a POSIX regular expression; && (and),
    /// || (or), ! (not); and parentheses. If a column has several texts, such as NSFS, one that
    /// matches is enough.
    #[arg(short = 'Q', long, value_name = "EXPR", conflicts_with = "target")]
    filter: Option<OsString>,

    /// Show these columns, with commas between them; a leading + adds them to the usual ones,
    /// before COMMAND; all shows all
    #[arg(short, long, value_name = "LIST", conflicts_with = "target")]
    output: Option<String>,

    /// Show a tree by owner, parent, process or pid
    ///
    /// With pid, processes are selected with -a, -p and -Q and shown with -o as with --pids; the
    /// ancestors of those that -Q selects are shown, too.
    #[arg(long, value_enum, value_name = "ORDER", num_args = 0..=1, require_equals = true, default_missing_value = "owner", conflicts_with = "target")]
    tree: Option<Tree>,

    /// Draw user namespaces with the namespaces that they own, for graphviz, Markdown or a browser
    #[arg(long, value_enum, value_name = "LANGUAGE", conflicts_with_all = ["target", "pids", "tree", "output", "json", "json_lines"])]
    graph: Option<Language>,

    /// Follow namespaces as they come and go: on a terminal on a screen that is kept up to date,
    /// otherwise with one line of JSON per event
    ///
    /// An event is `created`, `joined`, `destroyed`, `appeared` or `lost`. Root hears of every
    /// namespace that is created or joined from the kernel, also of those that last a millisecond;
    /// `?` or null is what was gone before nsx could read it. Without that, those that come and go
    /// between two looks are missed, and a note says so. nsx looks again after SECONDS, 1 by
    /// default, and, if the kernel permits that, when a process has started or ended. It waits at
    /// least twenty times as long as a look takes. The namespaces of the first look cause no event.
    /// With TARGET, -t, -p or -Q, only those namespaces are followed, and with TARGET until it is
    /// gone; with -p, -Q or a namespace only those that a look sees. On a screen, j, k, arrows,
    /// PageUp and PageDown scroll, and q quits.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = seconds, conflicts_with_all = ["why", "pids", "tree", "graph", "output", "json", "from", "diff", "save", "proc", "deep", "all"])]
    watch: Option<f64>,

    /// Save everything that can be found out to FILE, for --from and --diff, here or on another
    /// machine
    ///
    /// Searches everywhere, as --deep does. A regular file is replaced in one step; a device or
    /// FIFO is written to; - is standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "pids", "tree", "graph", "filter", "output", "kinds", "task", "json", "json_lines", "from", "diff"])]
    save: Option<PathBuf>,

    /// List what was saved in FILE, or - for standard input, instead of what exists now
    ///
    /// Works with --groups, --pids, -p, --why and TARGET, too. Processes and namespaces are named
    /// by their numbers.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["deep", "proc", "save"])]
    from: Option<PathBuf>,

    /// Show what has changed since FILE, or - for standard input, was saved; with --from, until
    /// that file was saved
    ///
    /// Prints one line for each container, unit, process or file whose namespaces came or went. -v
    /// shows the namespaces one by one, and those that have changed.
    ///
    /// If processes were hidden from the user who looked, what is new or gone may have been hidden,
    /// too, and is called `created or hidden` or `gone or hidden`; numbers of processes and leaders
    /// are then compared only if the same user looked twice.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "pids", "tree", "graph", "filter", "output", "kinds", "task", "json_lines"])]
    diff: Option<PathBuf>,

    /// Read the procfs that is mounted on DIR instead of /proc, such as that of a container, or a
    /// copy of a procfs in plain files
    ///
    /// A copy is a directory with what `cp -a` or sosreport took from /proc. What it lacks is
    /// unknown; owners and parents always are. Processes and namespaces are then named by their
    /// numbers.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    proc: Option<PathBuf>,

    /// List the columns, with --pids those of processes: the meaning of each, and the cost of
    /// finding it
    #[arg(long, conflicts_with_all = ["target", "why", "deep", "all", "kinds", "task", "filter", "output", "tree", "graph", "watch", "save", "from", "diff", "proc", "json_lines"])]
    columns: bool,

    /// List the processes in nested PID namespaces
    ///
    /// CHAIN has the ids of a process, from the id that is seen here to its own. NS is the PID
    /// namespace of the process, `?` if the kernel hides it. CONTAINER is shown if any process is
    /// in a container.
    #[arg(long, conflicts_with_all = ["kinds", "tree"])]
    pids: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print one JSON object per row, each on a line of its own
    #[arg(long, conflicts_with_all = ["json", "tree"])]
    json_lines: bool,

    /// With --diff, show each namespace that came, went or changed, and how it changed
    #[arg(short, long, requires = "diff")]
    verbose: bool,

    /// Do not report on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// Control when to use colour
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
    /// Namespaces below the namespace of their leader's nearest ancestor elsewhere
    Process,
    /// PID namespaces with their processes, each below its parent
    Pid,
}

/// Options whose value follows an equals sign, so that the word after them is a TARGET.
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
        arguments::read::<Self>(arguments).map_err(|mut error| {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["nsx ls"], words].concat())
    }

    #[test]
    fn kinds_are_read_one_by_one_and_with_commas() {
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
    fn options_that_contradict_each_other_are_refused() {
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
