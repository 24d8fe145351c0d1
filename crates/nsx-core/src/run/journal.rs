//! The journal of an outside: what its steps leave behind, so that all of it can be undone by the
//! outside itself or, if the outside is killed, by its guard.

use super::{
    link::{Link, Message},
    part::{Part, Whole},
    perform::Performer,
    uplink,
};
use crate::{
    ns::Namespace,
    pid::Pid,
    plan::{Plan, Uplink},
    proc::ProcRoot,
    sys::process::collect,
};
use rustix::io::Errno;

/// The mounts, files and links that steps leave behind.
pub(super) struct Journal<'a> {
    /// Parts, each with what it is a part of.
    made: Vec<(Whole<'a>, Part)>,
    /// `true` if the parts stay, but for those that end with the program.
    kept: bool,
    /// The caller's procfs, if there is one.
    proc: Option<&'a ProcRoot>,
    /// `true` if a process keeps the namespaces, so that what ends with a program stays too.
    is_set: bool,
    /// The network namespace that is connected, if the end of a link there is to be found again.
    inside: Option<Namespace>,
    /// To the process that undoes all of it if this one is killed.
    guard: Option<&'a Link>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(is_set: bool, proc: Option<&'a ProcRoot>, guard: Option<&'a Link>) -> Self {
        Self {
            made: Vec::new(),
            kept: false,
            proc,
            is_set,
            inside: None,
            guard,
        }
    }

    /// Lets the parts stay, whatever happens to this process, but for those that end with the
    /// program.
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
    pub(super) fn finish(&mut self) {
        if !self.kept {
            self.undo_to(0);
        }
        let (is_set, made) = (self.is_set, std::mem::take(&mut self.made));
        for (whole, part) in made.into_iter().rev() {
            if !stays(whole, is_set) {
                part.undo(whole, self.inside.as_ref(), self.proc);
            }
        }
        self.tell(Message::Finish);
    }

    /// Holds the network namespace in which the end of a link is to be found again.
    pub(super) fn hold(&mut self, namespace: Namespace) {
        self.inside = Some(namespace);
    }

    /// Returns the caller's procfs, if there is one.
    pub(super) fn proc(&self) -> Option<&'a ProcRoot> {
        self.proc
    }

    /// Returns the program that connects the network namespace, if a step has started one.
    pub(super) fn uplink_made(&self) -> Option<&'a Uplink> {
        self.made.iter().find_map(|(whole, part)| match whole {
            Whole::Uplink(uplink) if *part == Part::Uplink => Some(*uplink),
            _ => None,
        })
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
            part.undo(whole, self.inside.as_ref(), self.proc);
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
        if let (Part::Moved | Part::Inside(_), Some(guard)) = (part, self.guard) {
            // The guard holds the namespace then.
            let _ = guard.receive();
        }
        let outcome = make();
        if outcome.is_err() {
            self.made.pop();
            self.tell(Message::Unmade);
        }
        outcome
    }
}

/// Returns whether a part of `whole` stays once it is kept.
fn stays(whole: Whole<'_>, is_set: bool) -> bool {
    is_set || !whole.ends_with_program()
}

/// Follows a journal until its writer is gone. Undoes what is in it if the writer was killed.
pub(super) fn guard(plan: &Plan, performer: &Performer<'_>, journal: &Link, writer: Pid) {
    let (mut made, mut kept, mut inside) = (Vec::new(), false, None);
    if plan.starts_program() {
        uplink::adopt();
    }
    loop {
        match journal.receive() {
            Ok(Some(Message::Making(step, part))) => {
                made.push((step, part));
                if matches!(part, Part::Moved | Part::Inside(_)) {
                    inside = performer.network().ok();
                    let _ = journal.send(Message::Go);
                }
            }
            Ok(Some(Message::Unmade)) => drop(made.pop()),
            Ok(Some(Message::Keep)) => kept = true,
            Ok(Some(Message::Undo)) => kept = false,
            Ok(Some(Message::Finish)) => made.clear(),
            Ok(Some(_)) => {} // not a message to a guard
            Ok(None) => break,
            // The messages after an error are lost. The writer undoes its steps itself unless it is
            // killed.
            Err(_) => return,
        }
    }
    let killed = collect(writer).is_ok_and(|status| status.signaled());
    while let Some((step, part)) = made.pop().filter(|_| killed) {
        let whole = plan
            .steps()
            .get(step)
            .and_then(|planned| Whole::of(planned.step()));
        let whole = whole.filter(|whole| !kept || !stays(*whole, plan.keeps()));
        if let Some(whole) = whole.filter(|whole| part.is_there(*whole, inside.as_ref())) {
            part.undo(whole, inside.as_ref(), performer.proc);
        }
    }
}
