//! A program with a terminal of its own: nsx splits in two.
//!
//! One stays with the caller's terminal and relays what is typed and shown, see `relay`. The other leads a session on the
//! new terminal and walks on with the plan, as nsx does without one: it waits for the program, which is a job of its own
//! there, so that it can be stopped and resumed. To the caller both together are one job:
//!
//! - the program stops, so its leader stops, so the relay stops, and the caller's shell has its prompt;
//! - that resumes the relay, which resumes the leader, which resumes the program's group;
//! - the leader ends as the program does, and the relay as the leader does;
//! - a relay that is killed leaves the terminal hung up, of which the kernel tells the leader: it sets the caller's
//!   terminal right and ends the program.
//!
//! Nobody in that session can reach the caller's terminal: it is neither their controlling one, nor open to them.

use super::{Ended, child::Inherited, relay::Relay};
use crate::{
    plan::Signals,
    pty::Pty,
    sys::{
        poll,
        process::{Forked, fork},
        signal::SignalFd,
    },
};
use rustix::{
    event::PollFlags,
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr},
};

/// Which of the two this process is, and what that one learns.
pub(super) enum Side {
    /// The leader, which walks on.
    Leader(Leader),
    /// The relay, when the leader has ended.
    Ended(Ended),
}

/// What the leader of the session on the new terminal knows of the relay.
pub(super) struct Leader {
    /// The new terminal.
    terminal: OwnedFd,
    /// The caller's terminal, if it is read, and how it was.
    callers: Option<(OwnedFd, Termios)>,
}

impl Leader {
    /// Whether the relay is gone. Then makes the caller's terminal what it was: the kernel lets who is of another session see
    /// to that at any time.
    pub(super) fn takes_over(&self) -> bool {
        // Who ends lets go of the other end first, and only later of its children.
        let hung_up = poll::has_now(&self.terminal, PollFlags::empty());
        if let Some((terminal, modes)) = self.callers.as_ref().filter(|_| hung_up) {
            let _ = tcsetattr(terminal, OptionalActions::Now, modes);
        }
        hung_up
    }
}

/// Splits. The leader has the new terminal in place of each standard descriptor that is one; others stay as they are.
pub(super) fn split(pty: &Pty) -> Result<Side, Errno> {
    let [stdin, stdout, stderr] = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    let input = Some(stdin).filter(|fd| isatty(fd));
    let output = [stdout, stderr, stdin].into_iter().find(|fd| isatty(fd)).ok_or(Errno::NOTTY)?;
    pty.resemble(input.unwrap_or(output));
    let callers = input.map(remember).transpose()?;
    let inherited = Inherited::take(Signals::PassOn)?;
    let signals = SignalFd::new()?;
    match fork()? {
        Forked::Parent(leader) => {
            let master = pty.take_master().ok_or(Errno::BADF)?;
            Relay::new(leader, master, input, output)?.run(&signals).map(Side::Ended)
        }
        Forked::Child => {
            drop(pty.take_master());
            inherited.restore()?;
            lead(pty)?;
            Ok(Side::Leader(Leader { terminal: pty.try_clone()?, callers }))
        }
    }
}

fn remember(terminal: BorrowedFd<'_>) -> Result<(OwnedFd, Termios), Errno> {
    Ok((rustix::io::fcntl_dupfd_cloexec(terminal, 3)?, tcgetattr(terminal)?))
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
