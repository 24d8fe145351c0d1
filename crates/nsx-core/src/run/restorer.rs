//! The restorer: a process that makes the caller's terminal what it was if the relay is killed
//! while it passes on each key.

use super::link::{Link, Message};
use crate::{
    pty::Pty,
    sys::process::{Forked, SingleThread, exit_now, fork},
};
use rustix::{
    io::Errno,
    termios::{OptionalActions, tcgetattr, tcsetattr},
};

/// The relay's handle on its restorer.
pub(super) struct Restorer(Link);

impl Restorer {
    /// Makes one, which lets go of the end of `pty` that the relay has: a second copy would keep
    /// the terminal from hanging up. Signals must be held back, because it stays whatever the
    /// caller's terminal sends.
    pub(super) fn start(pty: &Pty, thread: SingleThread) -> Result<Self, Errno> {
        let (ours, theirs) = Link::pair()?;
        match fork(thread)? {
            Forked::Parent(_) => Ok(Self(ours)),
            Forked::Child => {
                drop((ours, pty.take_master()));
                watch(&theirs);
                exit_now(0)
            }
        }
    }

    /// Lets it remember the settings of the terminal before they change.
    pub(super) fn remember(&self) {
        self.ask(Message::Take(0, 0));
    }

    /// Lets it forget them: the terminal is as it was.
    pub(super) fn forget(&self) {
        self.ask(Message::Keep);
    }

    /// Tells it something, and waits until that is done. Without it the relay does as well, unless
    /// it is killed.
    fn ask(&self, message: Message) {
        if self.0.send(message).is_ok() {
            let _ = self.0.receive();
        }
    }
}

fn watch(relay: &Link) {
    let terminal = rustix::stdio::stdin();
    let mut before = None;
    loop {
        match relay.receive() {
            Ok(Some(message)) => {
                before = match message {
                    Message::Take(..) => tcgetattr(terminal).ok(),
                    _ => None,
                };
                if relay.send(Message::Took(0, Ok(()))).is_err() {
                    return;
                }
            }
            Ok(None) => break,
            // The relay may be there.
            Err(_) => return,
        }
    }
    if let Some(before) = before {
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}
