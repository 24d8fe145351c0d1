//! What a process that waits for the program hears: signals, and what the program's process tells before it sets off.

use super::link::{Link, Message};
use crate::sys::signal::{Received, SignalFd};
use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
};
use std::time::Duration;

/// Both sources.
pub(super) struct Listener<'a> {
    signals: &'a SignalFd,
    /// None once it is cut.
    link: Option<Link>,
}

/// One thing that is heard.
pub(super) enum Heard {
    /// A message.
    Told(Message),
    /// The other end of the link is gone, once: the program runs, or its process has ended.
    Cut,
    /// A signal that was held back.
    Signalled(Received),
    /// Nothing for as long as was asked for, or something that is over.
    Nothing,
}

impl<'a> Listener<'a> {
    pub(super) fn new(signals: &'a SignalFd, link: Link) -> Self {
        Self { signals, link: Some(link) }
    }

    /// Waits for the next thing, for no longer than `limit` if there is one. Messages come before signals: what a process
    /// told is known before its end is.
    pub(super) fn listen(&mut self, limit: Option<Duration>) -> Result<Heard, Errno> {
        let mut fds = vec![PollFd::new(self.signals, PollFlags::IN)];
        fds.extend(self.link.as_ref().map(|link| PollFd::new(link, PollFlags::IN)));
        match rustix::event::poll(&mut fds, limit.and_then(|limit| limit.try_into().ok()).as_ref()) {
            Err(Errno::INTR) => return Ok(Heard::Nothing),
            outcome => outcome?,
        };
        let [signalled, told] = [0, 1].map(|fd| fds.get(fd).is_some_and(|fd| !fd.revents().is_empty()));
        drop(fds);
        if told && let Some(link) = &self.link {
            return Ok(match link.receive() {
                Some(message) => Heard::Told(message),
                None => {
                    self.link = None;
                    Heard::Cut
                }
            });
        }
        if signalled { self.signals.read().map(Heard::Signalled) } else { Ok(Heard::Nothing) }
    }
}
