//! `nsx ls`: the namespaces that processes are in, or the processes in nested PID namespaces.

mod namespaces;
mod pids;

use crate::{
    exit::ExitStatus,
    out::{self, Color},
};
use clap::Parser;
use nsx_core::{census::Unseen, ns::NsKind, proc::ProcRoot};
use std::ffi::OsString;

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
    /// List all namespaces (so far also the default), or with --pids all processes
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
    #[arg(short = 'p', long = "task", value_name = "PID", allow_negative_numbers = true)]
    task: Option<OsString>,

    /// List the processes in nested PID namespaces
    ///
    /// CHAIN is a process's ids: first the one that is seen from here, last the one that it has itself. NS is the PID
    /// namespace that it is in, `?` where the kernel hides it.
    #[arg(long, conflicts_with_all = ["kinds", "task"])]
    pids: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Do not say on standard error what could not be seen
    #[arg(short, long)]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

pub(crate) fn run(options: Options) -> ExitStatus {
    let proc = match ProcRoot::system() {
        Ok(proc) => proc,
        Err(errno) => return out::failed("open /proc", &errno),
    };
    let outcome = if options.pids { pids::list(&options, &proc) } else { namespaces::list(&options, &proc) };
    outcome.unwrap_or_else(|status| status)
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
