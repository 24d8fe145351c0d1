//! The events that a process hears while it waits for the program: signals, and what the program's
//! process tells before the program sets off.

use super::link::{Link, Message};
use crate::sys::signal::{Received, SignalFd};
use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
};
use std::time::Duration;

/// Every source.
pub(super) struct Listener<'a> {
    signals: &'a SignalFd,
    /// Those that are not cut.
    links: Vec<&'a Link>,
}

/// An event that is heard.
pub(super) enum Heard<'a> {
    /// A message.
    Told(Message),
    /// The other end of this link is gone, once.
    Cut(&'a Link),
    /// A signal that was held back.
    Signalled(Received),
    /// Nothing within the limit, or an event that is over.
    Nothing,
}

impl<'a> Listener<'a> {
    pub(super) fn new(signals: &'a SignalFd, links: Vec<&'a Link>) -> Self {
        Self { signals, links }
    }

    /// Waits for the next thing, for no longer than `limit` if there is one. Messages come before
    /// signals: what a process told is known before its end is.
    pub(super) fn listen(&mut self, limit: Option<Duration>) -> Result<Heard<'a>, Errno> {
        let mut fds = vec![PollFd::new(self.signals, PollFlags::IN)];
        fds.extend(
            self.links
                .iter()
                .map(|link| PollFd::new(*link, PollFlags::IN)),
        );
        match rustix::event::poll(
            &mut fds,
            limit.and_then(|limit| limit.try_into().ok()).as_ref(),
        ) {
            Err(Errno::INTR) => return Ok(Heard::Nothing),
            outcome => outcome?,
        };
        let signalled = !fds[0].revents().is_empty();
        if let Some(index) = fds[1..].iter().position(|fd| !fd.revents().is_empty()) {
            return Ok(match self.links[index].receive()? {
                Some(message) => Heard::Told(message),
                None => Heard::Cut(self.links.remove(index)),
            });
        }
        if signalled {
            self.signals.read().map(Heard::Signalled)
        } else {
            Ok(Heard::Nothing)
        }
    }
}
