//! A program with a terminal of its own: nsx splits in two.
//!
//! The relay stays with the caller's terminal and relays what is typed and shown, see `relay`. The
//! leader leads a session on the new terminal and walks on with the plan, as nsx does without a new
//! terminal: it waits for the program, which is a job of its own there, so that the program can be
//! stopped and resumed. To the caller both together are one job:
//!
//! - the program stops, so its leader stops, so the relay stops, and the caller's shell has its
//!   prompt;
//! - that resumes the relay, which resumes the leader, which resumes the program's group;
//! - the leader ends as the program does, and the relay as the leader does;
//! - a relay that is killed leaves the new terminal hung up, of which the kernel tells the leader,
//!   which ends the program; a third process, see `restorer`, sets the caller's terminal right.
//!
//! Nobody in that session can reach the caller's terminal: it is neither their controlling one, nor
//! open to them.

use super::{Ended, perform::Performer, relay::Relay, restorer::Restorer};
use crate::{
    plan::Signals,
    pty::Pty,
    sys::{
        descriptor,
        process::{Forked, fork},
        signal::SignalFd,
    },
};
use rustix::{event::PollFlags, fd::OwnedFd, io::Errno, termios::isatty};

/// The two sides of the split.
pub(super) enum Side {
    /// The leader, which walks on.
    Leader(SessionLeader),
    /// The relay, when the leader has ended.
    Ended(Ended),
}

/// The leader of the session on the new terminal, with that terminal.
pub(super) struct SessionLeader(OwnedFd);

impl SessionLeader {
    /// Returns whether the relay is gone. A process that ends lets go of the other end first, and
    /// only later of its children.
    pub(super) fn is_alone(&self) -> bool {
        descriptor::has_now(&self.0, PollFlags::empty())
    }
}

/// Splits. The leader has the new terminal in place of each standard descriptor that is one; others
/// stay as they are.
pub(super) fn split(pty: &Pty, performer: &Performer<'_>) -> Result<Side, Errno> {
    let [stdin, stdout, stderr] = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    let input = Some(stdin).filter(|fd| isatty(fd));
    let output = [stdout, stderr, stdin]
        .into_iter()
        .find(|fd| isatty(fd))
        .ok_or(Errno::NOTTY)?;
    pty.resemble(input.unwrap_or(output));
    let inherited = performer.hold_signals_back(Signals::PassOn)?;
    let signals = SignalFd::new()?;
    match fork(performer.thread)? {
        Forked::Parent(leader) => {
            let restorer = input.and_then(|_| Restorer::start(pty, performer.thread).ok());
            let master = pty.take_master().ok_or(Errno::BADF)?;
            Relay::new(leader, master, input, output, restorer)?
                .run(&signals)
                .map(Side::Ended)
        }
        Forked::Child => {
            drop(pty.take_master());
            inherited.restore()?;
            lead(pty)?;
            Ok(Side::Leader(SessionLeader(pty.try_clone()?)))
        }
    }
}

/// Begins a session on the new terminal.
fn lead(pty: &Pty) -> Result<(), Errno> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(pty)?;
    if isatty(rustix::stdio::stdin()) {
        rustix::stdio::dup2_stdin(pty)?;
    }
    if isatty(rustix::stdio::stdout()) {
        rustix::stdio::dup2_stdout(pty)?;
    }
    if isatty(rustix::stdio::stderr()) {
        rustix::stdio::dup2_stderr(pty)?;
    }
    Ok(())
}
