//! The outside: a process that stays in the caller's namespaces, for steps that can be taken only
//! there.
//!
//! nsx makes the outside before the first step, lets it take one step at a time, and ends it by
//! closing the link. If nsx ends before it has told the outside to keep the results, the outside
//! undoes its steps; if the outside is killed, its parent, a guard, undoes them.
//!
//! The outside is not nsx's child: nsx may become the program, which must not inherit a child that
//! it never made.

use super::{
    journal::{Journal, guard},
    link::{Link, Message},
    mounts,
    part::ends_with_program,
    perform::Performer,
    pins::from_elsewhere,
};
use crate::{
    ns::{Namespace, NsKind},
    pid::Pid,
    plan::{self, Actor, LinkKind, Plan, Step},
    sys::{
        process::{Forked, collect, exit_now, fork},
        signal::{Disposition, Mask},
    },
};
use rustix::io::Errno;

/// nsx's handle on its outside.
pub(super) struct Outside {
    link: Link,
    /// `true` if something is taken away when the program has ended.
    ends_with_program: bool,
}

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
                let _ = collect(middle);
                Ok(Some(Self {
                    link: ours,
                    ends_with_program: ends_with_program(plan),
                }))
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

    /// Returns whether it has something to do when the program has ended.
    pub(super) fn ends_with_program(&self) -> bool {
        self.ends_with_program
    }

    /// Lets it take away what ends with the program.
    pub(super) fn finish(&self) {
        let _ = self.ask(Message::Finish);
    }

    /// Lets it undo its steps after all.
    pub(super) fn undo(&self) {
        let _ = self.ask(Message::Undo);
    }

    fn ask(&self, message: Message) -> Result<(), Errno> {
        self.link.send(message)?;
        match self.link.receive()? {
            Some(Message::Took(_, outcome)) => outcome,
            _ => Err(Errno::PIPE),
        }
    }
}

/// Makes the outside, and stays as its guard.
fn guarded(plan: &Plan, performer: &Performer<'_>, link: Link) {
    // If the caller ignores SIGCHLD, the kernel keeps no status of the outside, or of a program that
    // a step runs.
    let _ = Disposition::default_for(libc::SIGCHLD);
    if ends_with_program(plan) {
        // A signal from the terminal is for the program, and takes nothing away too early.
        let _ = Mask::block_all();
    }
    let Ok((ours, theirs)) = Link::pair() else {
        return serve(plan, performer, &link, None);
    };
    match fork(performer.thread) {
        Ok(Forked::Parent(outside)) => {
            drop((link, theirs));
            guard(plan, performer, &ours, outside);
        }
        Ok(Forked::Child) => {
            drop(ours);
            serve(plan, performer, &link, Some(&theirs));
        }
        Err(_) => serve(plan, performer, &link, None),
    }
}

fn serve(plan: &Plan, performer: &Performer<'_>, link: &Link, guard: Option<&Link>) {
    let mut journal = Journal::new(plan.keeps(), performer.proc, guard);
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
                    Some(Step::MakeLink(link)) => performer.network().and_then(|namespace| {
                        make_link(plan, &mut journal, step, link, &namespace)
                    }),
                    Some(Step::MakeTable(table)) => journal.table(step, table),
                    Some(Step::StartUplink(uplink)) => performer.network().and_then(|namespace| {
                        journal.uplink(step, uplink, performer.nsx_pid, &namespace)
                    }),
                    Some(Step::WriteRecord(record)) => Pid::from_raw(child)
                        .ok_or(Errno::INVAL)
                        .and_then(|child| journal.record(step, record, child)),
                    Some(Step::AddToRecord(addition)) => journal.add_to_record(step, addition),
                    Some(step) => performer.perform(step),
                    None => Err(Errno::INVAL),
                };
            }
            Message::Keep => journal.keep(),
            Message::Undo => journal.undo(),
            Message::Finish => journal.finish(),
            _ => {} // not a message to an outside
        }
        if link.send(Message::Took(index, outcome)).is_err() {
            // nsx takes this for a failure.
            journal.undo();
            break;
        }
    }
    journal.finish();
}

/// Makes the link of the step at index `step`. A bridge that went with its last port meanwhile is
/// made again.
fn make_link<'a>(
    plan: &'a Plan,
    journal: &mut Journal<'a>,
    step: usize,
    link: &'a plan::Link,
    namespace: &Namespace,
) -> Result<(), Errno> {
    const ATTEMPTS: usize = 16;
    let LinkKind::Veth {
        bridge: Some(name), ..
    } = &link.kind
    else {
        return journal.link(step, link, namespace);
    };
    let bridge = plan
        .steps()
        .iter()
        .enumerate()
        .find_map(|(index, planned)| match planned.step() {
            Step::MakeBridge(bridge) if bridge.ends_with_ports && bridge.name == *name => {
                Some((index, bridge))
            }
            _ => None,
        });
    let mut outcome = journal.link(step, link, namespace);
    for _ in 0..ATTEMPTS {
        match (outcome, bridge) {
            (Err(Errno::NODEV), Some((index, bridge))) => {
                journal.bridge(index, bridge)?;
                outcome = journal.link(step, link, namespace);
            }
            _ => break,
        }
    }
    outcome
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
