//! The options about processes and signals.

use crate::error::Error;
use clap::Args;
use nsx_core::{
    ns::NsKind,
    plan::{Caller, unshare::Request},
    signal::Signal,
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Processes")]
pub(super) struct ProcessOptions {
    /// Run the program as a child of nsx
    ///
    /// With --pid this is the default: the child is PID 1 of the new namespace. nsx passes signals
    /// on, stops when the program stops, and ends as it ends. With --time it is the default before
    /// Linux 6.3, where only a child enters a new time namespace.
    #[arg(short, long, overrides_with = "no_fork")]
    fork: bool,
    /// With --pid, exec the program without forking: only its children are in the new PID namespace
    #[arg(long)]
    no_fork: bool,
    /// Make nsx PID 1, and run the program as its child; implies --pid
    ///
    /// For programs that are not an init: orphans are reaped, and signals have their usual effect,
    /// including those that a program sends to itself. The kernel drops such signals if the program
    /// is PID 1, so editors and pagers, which stop themselves on Ctrl-Z, stop only with --init.
    #[arg(long, conflicts_with = "no_fork")]
    pub(super) init: bool,
    /// Write one line of JSON at each stage to descriptor N; implies --fork
    ///
    /// `created` with the program's PID outside and inside and the inode number of each namespace,
    /// `running`, `exited` with status or signal, `failed` with the step, the errno and a message.
    /// The program does not get the descriptor.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        conflicts_with = "no_fork"
    )]
    pub(super) status_fd: Option<i32>,
    /// If nsx forks, let the program live on when nsx is killed
    #[arg(long)]
    no_kill_child: bool,
    /// Send the program SIGNAL when nsx ends, by default KILL, which it gets anyway; implies --fork
    #[arg(long, value_name = "SIGNAL", num_args = 0..=1, require_equals = true, default_missing_value = "KILL",
          value_parser = signal, conflicts_with = "no_fork", overrides_with = "no_kill_child")]
    kill_child: Option<Signal>,
    /// Pass TERM and INT on to the program, which nsx does with every signal; implies --fork
    #[arg(long, conflicts_with = "no_fork")]
    forward_signals: bool,
}
impl ProcessOptions {
    /// Sets whether nsx stays and a child becomes the program, and what then passes between them.
    /// A PID namespace requires a child, and so does a new time namespace on older kernels. Call
    /// after all kinds are set.
    pub(super) fn apply(&self, request: &mut Request, caller: &Caller) -> Result<(), Error> {
        let kinds = request.kinds;
        let enters_pid = kinds.contains(NsKind::Pid) || request.joins_kind(NsKind::Pid);
        let enters_time = kinds.contains(NsKind::Time) && !caller.exec_enters_time;
        if enters_time && self.no_fork {
            return Err(Error::usage(
                "with --no-fork the program is not in the new time namespace: before Linux 6.3 \
                only a child enters it",
            ));
        }
        let is_requested = self.fork
            || self.status_fd.is_some()
            || self.kill_child.is_some()
            || self.forward_signals;
        request.fork = is_requested || ((enters_pid || enters_time) && !self.no_fork);
        request.init = self.init;
        let default = (!self.no_kill_child).then_some(libc::SIGKILL);
        request.kill_child = self.kill_child.or(default);
        Ok(())
    }

    /// Lets nsx stay until the program has ended, to take something away then.
    pub(super) fn stay(&self, request: &mut Request) -> Result<(), Error> {
        if self.no_fork {
            return Err(Error::usage(
                "with --no-fork nsx becomes the program, and nobody takes the links away when the \
                program has ended",
            ));
        }
        request.fork = true;
        Ok(())
    }
}

fn signal(name: &str) -> Result<Signal, String> {
    nsx_core::signal::by_name(name)
        .ok_or_else(|| "there is no such signal; `kill -l` lists them".to_owned())
}
