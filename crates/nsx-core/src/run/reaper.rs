//! nsx as PID 1 of the new namespace: between the waiting nsx and the program, where `--init` asks for it.
//!
//! It takes the status of every process that is left to it, passes signals on, and ends when the program does, whereupon
//! the kernel ends whatever is left in the namespace. PID 1 can neither stop nor die of a signal by its own will, so it
//! tells nsx what the program did, and nsx does likewise.

use super::{
    child::Inherited,
    link::{Link, Message},
    listen::{Heard, Listener},
    wait::Program,
};
use crate::{
    plan::Signals,
    sys::{
        process::{Forked, exit_now, fork},
        signal::SignalFd,
    },
};
use rustix::{
    io::Errno,
    process::{WaitOptions, WaitStatus, wait},
};

/// Makes the program's process, in which this returns the link to report over. The one that calls stays as PID 1.
pub(super) fn stay(nsx: &Link) -> Result<Link, Errno> {
    let inherited = Inherited::take(Signals::PassOn)?;
    let signals = SignalFd::new()?;
    let (ours, theirs) = Link::pair()?;
    match fork()? {
        Forked::Child => {
            drop(ours);
            inherited.restore()?;
            Ok(theirs)
        }
        Forked::Parent(pid) => {
            drop(theirs);
            let code = serve(nsx, ours, &signals, &Program(pid)).unwrap_or(super::inside::NOT_RUN);
            exit_now(code)
        }
    }
}

/// The status to end with.
fn serve(nsx: &Link, program_link: Link, signals: &SignalFd, program: &Program) -> Result<i32, Errno> {
    let mut listener = Listener::new(signals, program_link);
    loop {
        match listener.listen(None)? {
            Heard::Nothing => {}
            Heard::Told(message) => nsx.send(message),
            Heard::Cut => nsx.send(Message::Running),
            Heard::Signalled(received) if received.signal != libc::SIGCHLD => program.pass_on(received),
            Heard::Signalled(_) => {
                if let Some(status) = reap(nsx, program)? {
                    return Ok(status);
                }
            }
        }
    }
}

/// Takes the status of all children that ended, and says which the program's is, if it is among them.
fn reap(nsx: &Link, program: &Program) -> Result<Option<i32>, Errno> {
    loop {
        match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) if pid == program.0 => match status.stopping_signal() {
                Some(signal) => nsx.send(Message::Stopped(signal)),
                None => return Ok(Some(end(nsx, status))),
            },
            Ok(Some(_)) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
}

fn end(nsx: &Link, status: WaitStatus) -> i32 {
    match status.terminating_signal() {
        Some(signal) => {
            nsx.send(Message::Killed(signal));
            128 + signal
        }
        None => status.exit_status().unwrap_or_default(),
    }
}
