//! The outside: a process that stays in the caller's namespaces, for steps that can be taken only
//! there.
//!
//! It is made before the first step, takes one step each time it is told to, and ends when nsx lets
//! go of it. What its steps leave behind goes if nsx ends before it has said that it may stay. A
//! guard, its parent, sees to that if the outside itself is killed.
//!
//! It is nobody's child: nsx may become the program, which must not inherit a child that it never
//! made.

use super::{
    journal::{Journal, guard},
    link::{Link, Message},
    mounts,
    perform::Performer,
    pins::from_elsewhere,
};
use crate::{
    ns::{Namespace, NsKind},
    pid::Pid,
    plan::{Actor, Plan, Step},
    sys::{
        process::{Forked, exit_now, fork},
        signal::Disposition,
    },
};
use rustix::{fd::AsFd, io::Errno, process::WaitOptions};

/// nsx's handle on its outside.
pub(super) struct Outside(Link);

impl Outside {
    /// Makes one, if any step of the plan needs an outside.
    pub(super) fn start(plan: &Plan, performer: &Performer<'_>) -> Result<Option<Self>, Errno> {
        if !plan
            .steps()
            .iter()
            .any(|planned| planned.actor() == Actor::Outside)
        {
            return Ok(None);
        }
        performer.nsx()?; // while it is still nsx that looks at its own directory
        let (ours, theirs) = Link::pair()?;
        match fork(performer.thread)? {
            Forked::Parent(middle) => {
                drop(theirs);
                let _ = rustix::process::waitpid(Some(middle), WaitOptions::empty());
                Ok(Some(Self(ours)))
            }
            Forked::Child => {
                drop(ours);
                if let Ok(Forked::Child) = fork(performer.thread) {
                    guarded(plan, performer, theirs);
                }
                exit_now(0)
            }
        }
    }

    /// Lets it take the step at `index`, which is about the child if there is one.
    pub(super) fn take(&self, index: usize, child: Option<Pid>) -> Result<(), Errno> {
        let child = child.map_or(0, Pid::as_raw_pid);
        self.ask(Message::Take(index, child))
    }

    /// Lets it keep what its steps left behind, whatever happens to nsx.
    pub(super) fn keep(&self) -> Result<(), Errno> {
        self.ask(Message::Keep).inspect_err(|_| self.undo())
    }

    /// Lets it undo its steps after all.
    pub(super) fn undo(&self) {
        let _ = self.ask(Message::Undo);
    }

    fn ask(&self, message: Message) -> Result<(), Errno> {
        self.0.send(message)?;
        match self.0.receive()? {
            Some(Message::Took(_, outcome)) => outcome,
            _ => Err(Errno::PIPE),
        }
    }
}

/// Makes the outside, and stays as its guard.
fn guarded(plan: &Plan, performer: &Performer<'_>, link: Link) {
    // Else the status of a child would be lost, the outside's or a program's that a step runs, if
    // the caller ignores SIGCHLD.
    let _ = Disposition::default_for(libc::SIGCHLD);
    let Ok((ours, theirs)) = Link::pair() else {
        return serve(plan, performer, &link, None);
    };
    match fork(performer.thread) {
        Ok(Forked::Parent(outside)) => {
            drop((link, theirs));
            guard(plan, &ours, outside);
        }
        Ok(Forked::Child) => {
            drop(ours);
            serve(plan, performer, &link, Some(&theirs));
        }
        Err(_) => serve(plan, performer, &link, None),
    }
}

fn serve(plan: &Plan, performer: &Performer<'_>, link: &Link, guard: Option<&Link>) {
    let mut journal = Journal::new(guard);
    while let Ok(Some(message)) = link.receive() {
        let mut outcome = Ok(());
        let mut index = 0;
        match message {
            Message::Take(step, child) => {
                index = step;
                outcome = match plan.steps().get(step).map(|planned| planned.step()) {
                    Some(Step::Pin(pin)) => performer.nsx().and_then(|nsx| {
                        let namespace = mounts::path_below(nsx, &pin.link());
                        journal.pin(&namespace, step, pin)
                    }),
                    Some(Step::MakeBridge(bridge)) => journal.bridge(step, bridge),
                    Some(Step::MakeLink(link)) => performer
                        .nsx()
                        .and_then(|nsx| Namespace::open(nsx, "ns/net"))
                        .and_then(|namespace| journal.link(step, link, namespace.as_fd())),
                    Some(Step::WriteRecord(record)) => Pid::from_raw(child)
                        .ok_or(Errno::INVAL)
                        .and_then(|child| journal.record(step, record, child, performer.proc)),
                    Some(step) => performer.perform(step),
                    None => Err(Errno::INVAL),
                };
            }
            Message::Keep => journal.keep(),
            Message::Undo => journal.undo(),
            _ => {} // said to others
        }
        if link.send(Message::Took(index, outcome)).is_err() {
            // nsx takes this for a failure.
            journal.undo();
            break;
        }
    }
    journal.close();
}

/// Takes the step at `index`, in this process or in the outside.
pub(super) fn take(
    plan: &Plan,
    index: usize,
    child: Option<Pid>,
    performer: &Performer<'_>,
    outside: Option<&Outside>,
) -> Result<(), Errno> {
    match (&plan.steps()[index], outside) {
        (planned, Some(outside)) if planned.actor() == Actor::Outside => {
            match (outside.take(index, child), planned.step()) {
                (Err(Errno::INVAL), Step::Pin(pin)) if pin.kind == NsKind::Mnt => {
                    from_elsewhere(|| outside.take(index, child))
                }
                (outcome, _) => outcome,
            }
        }
        (planned, _) => performer.perform(planned.step()),
    }
}
