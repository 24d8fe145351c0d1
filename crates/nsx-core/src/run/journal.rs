//! The journal of an outside: what its steps leave behind, so that all of it can be undone by the
//! outside itself or, if the outside is killed, by its guard.

use super::{
    link::{Link, Message},
    part::{Part, Whole},
};
use crate::{pid::Pid, plan::Plan};
use rustix::{
    io::Errno,
    process::{WaitOptions, waitpid},
};

/// The mounts, files and links that steps leave behind.
pub(super) struct Journal<'a> {
    /// Parts, each with what it is a part of.
    made: Vec<(Whole<'a>, Part)>,
    /// `true` if all the parts stay.
    kept: bool,
    /// To the process that undoes all of it if this one is killed.
    guard: Option<&'a Link>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(guard: Option<&'a Link>) -> Self {
        Self {
            made: Vec::new(),
            kept: false,
            guard,
        }
    }

    /// Lets all of it stay, whatever happens to this process.
    pub(super) fn keep(&mut self) {
        self.kept = true;
        self.tell(Message::Keep);
    }

    /// Undoes all of it, newest first, though it was to stay.
    pub(super) fn undo(&mut self) {
        self.kept = false;
        self.tell(Message::Undo);
        self.undo_to(0);
    }

    /// Undoes what does not stay.
    pub(super) fn close(mut self) {
        if !self.kept {
            self.undo_to(0);
        }
    }

    /// Returns the number of parts.
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }

    /// Undoes the parts after the first `length`, newest first.
    pub(super) fn undo_to(&mut self, length: usize) {
        while self.made.len() > length
            && let Some((whole, part)) = self.made.pop()
        {
            part.undo(whole);
            self.tell(Message::Unmade);
        }
    }

    fn tell(&self, message: Message) {
        if let Some(guard) = self.guard {
            // Without it the guard may leave something behind, if this process is killed too.
            let _ = guard.send(message);
        }
    }

    /// Makes a part of what the step at index `step` makes. The part is written down before it is
    /// there.
    pub(super) fn part<T>(
        &mut self,
        (step, whole): (usize, Whole<'a>),
        part: Part,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.made.push((whole, part));
        self.tell(Message::Making(step, part));
        let outcome = make();
        if outcome.is_err() {
            self.made.pop();
            self.tell(Message::Unmade);
        }
        outcome
    }
}

/// Follows a journal until its writer is gone. Undoes what is in it if the writer was killed.
pub(super) fn guard(plan: &Plan, journal: &Link, writer: Pid) {
    let (mut made, mut kept) = (Vec::new(), false);
    loop {
        match journal.receive() {
            Ok(Some(Message::Making(step, part))) => made.push((step, part)),
            Ok(Some(Message::Unmade)) => drop(made.pop()),
            Ok(Some(Message::Keep)) => kept = true,
            Ok(Some(Message::Undo)) => kept = false,
            Ok(Some(_)) => {} // said to others
            Ok(None) => break,
            // What came then is not known. The writer undoes what it made by itself unless it is
            // killed.
            Err(_) => return,
        }
    }
    let killed = matches!(waitpid(Some(writer), WaitOptions::empty()), Ok(Some((_, status))) if status.signaled());
    while let Some((step, part)) = made.pop().filter(|_| killed && !kept) {
        let whole = plan
            .steps()
            .get(step)
            .and_then(|planned| Whole::of(planned.step()));
        if let Some(whole) = whole.filter(|whole| part.is_there(*whole)) {
            part.undo(whole);
        }
    }
}
