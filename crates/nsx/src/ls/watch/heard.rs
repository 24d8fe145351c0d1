//! The namespaces that the kernel's events tell of, with what `/proc` says while they last.
//!
//! An event has the kinds of namespaces, but not their ids. nsx reads the ids of a process at once,
//! and believes them if the kernel sent no later event of the process meanwhile.

use super::ticks::ticks;
use nsx_core::{
    hash::{HashMap, HashSet},
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot},
    tracefs::{Act, NsEvent, NsEvents},
};
use rustix::{fd::BorrowedFd, io::Errno};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The time nsx waits before it reads events again, as a multiple of the time that reading takes.
const REST: u32 = 20;

/// The events of the kernel, and the records of those that were not reported yet.
pub(super) struct Heard<'a> {
    events: NsEvents,
    proc: &'a ProcRoot,
    /// The records in the order of their times, each with a number.
    records: BTreeMap<u64, Record>,
    next: u64,
    /// The records whose ids may still be found, by task and kind.
    open: HashMap<(Pid, NsKind), Open>,
    /// The time until which nsx reads no events.
    rests_until: Instant,
}

/// A namespace that was created or joined.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Nanoseconds since the boot.
    pub(super) time: u64,
    pub(super) is_creation: bool,
    /// `None` if the process left the kind to the descriptor when it joined.
    pub(super) kind: Option<NsKind>,
    /// The namespace and its never-reused id, if the process lasted until they were read.
    pub(super) ns: Option<(NsId, Option<u64>)>,
    pub(super) actor: Actor,
}

/// The process that created or joined a namespace.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// The task of the event.
    pub(super) task: Pid,
    /// The process of the task.
    pub(super) pid: Pid,
    pub(super) ppid: Option<Pid>,
    pub(super) command: Option<String>,
}

/// A record whose id may still be found.
struct Open {
    record: u64,
    link: NsLink,
    /// `true` if the id was read, and later events could show that it is another namespace's.
    is_unsure: bool,
}

impl<'a> Heard<'a> {
    /// Requests events.
    pub(super) fn listen(proc: &'a ProcRoot) -> Result<Self, Errno> {
        Ok(Self {
            events: NsEvents::listen(proc)?,
            proc,
            records: BTreeMap::new(),
            next: 0,
            open: HashMap::default(),
            rests_until: Instant::now(),
        })
    }

    /// Returns the descriptors to poll.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.events.descriptors()
    }

    /// Returns the time until which nsx reads no events.
    pub(super) fn rests_until(&self) -> Instant {
        self.rests_until
    }

    /// Reads the events that have arrived, and the ids of their namespaces. Returns whether there are
    /// records.
    pub(super) fn listen_now(&mut self) -> Result<bool, Errno> {
        let began = Instant::now();
        // The second time confirms the ids that were read after the first.
        for _ in 0..2 {
            self.read()?;
        }
        let ended = Instant::now();
        self.rests_until = ended + (ended - began) * REST;
        Ok(!self.records.is_empty())
    }

    /// Returns the records whose ids are known, or will never be.
    pub(super) fn take(&mut self) -> Vec<Record> {
        let open: HashSet<u64> = self.open.values().map(|open| open.record).collect();
        let records = std::mem::take(&mut self.records).into_iter();
        let (taken, kept): (BTreeMap<_, _>, _) =
            records.partition(|(number, _)| !open.contains(number));
        self.records = kept;
        taken.into_values().collect()
    }

    /// Keeps a record for a later look.
    pub(super) fn keep(&mut self, record: Record) {
        self.records.insert(self.next, record);
        self.next += 1;
    }

    /// Returns the number of events that were lost since the last call.
    pub(super) fn take_lost(&mut self) -> u64 {
        self.events.take_lost()
    }

    fn read(&mut self) -> Result<(), Errno> {
        let events = self.events.read()?;
        let mut actors = HashMap::default();
        for event in events {
            let actor = actors
                .entry(event.task)
                .or_insert_with(|| self.actor(&event))
                .clone();
            self.record(&event, actor);
        }
        let Self {
            open,
            events,
            records,
            ..
        } = self;
        open.retain(|(task, _), open| {
            if !open.is_unsure {
                return true;
            }
            open.is_unsure = false;
            let may_differ = events.is_in_call(*task);
            if may_differ && let Some(record) = records.get_mut(&open.record) {
                record.ns = None;
            }
            may_differ
        });
        self.identify();
        Ok(())
    }

    /// Records an event. The ids of earlier events of the same task and kind are not found any more.
    fn record(&mut self, event: &NsEvent, actor: Actor) {
        let is_creation = event.act != Act::Joined;
        if event.kinds.is_empty() {
            for kind in NsKind::ALL {
                self.close((event.task, kind));
            }
        }
        let kinds = event.kinds.iter().map(Some);
        let unknown = event.kinds.is_empty().then_some(None);
        for kind in kinds.chain(unknown) {
            if let Some(kind) = kind {
                self.close((event.task, kind));
                let link = match (kind, &event.act) {
                    (NsKind::Pid, Act::Unshared | Act::Joined) => NsLink::PidForChildren,
                    (NsKind::Time, Act::Unshared | Act::Joined) => NsLink::TimeForChildren,
                    _ => NsLink::Own(kind),
                };
                let open = Open {
                    record: self.next,
                    link,
                    is_unsure: false,
                };
                self.open.insert((event.task, kind), open);
            }
            self.keep(Record {
                time: event.time,
                is_creation,
                kind,
                ns: None,
                actor: actor.clone(),
            });
        }
    }

    fn close(&mut self, key: (Pid, NsKind)) {
        if let Some(open) = self.open.remove(&key)
            && open.is_unsure
            && let Some(record) = self.records.get_mut(&open.record)
        {
            record.ns = None;
        }
    }

    /// Reads the ids of the namespaces of open records.
    fn identify(&mut self) {
        let Self {
            open,
            records,
            proc,
            ..
        } = self;
        open.retain(|(task, _), open| {
            let Some(record) = records.get_mut(&open.record) else {
                return false;
            };
            let found = proc.open_ns(*task, open.link);
            if !is_same(proc, *task, record.time) {
                return false;
            }
            match found {
                Ok(ns) => {
                    record.ns = Some((ns.id(), ns.id64().ok()));
                    open.is_unsure = true;
                    true
                }
                // A PID namespace without processes has no link, until one is in it.
                Err(error) => error == ProcError::Vanished && open.link == NsLink::PidForChildren,
            }
        });
    }

    /// Returns the process of an event, as far as it still exists.
    fn actor(&mut self, event: &NsEvent) -> Actor {
        let task = event.task;
        let (parent, name) = match &event.act {
            Act::Cloned { parent, command } => (Some(*parent), Some(command.clone())),
            Act::Unshared | Act::Joined => (None, None),
        };
        let status = self.proc.status(task).ok();
        let seen = status.and_then(|status| {
            let command = self.proc.command(task, &status);
            let is_same = is_same(self.proc, task, event.time);
            is_same.then_some((status, command))
        });
        let (pid, ppid, command) = match seen {
            Some((status, command)) => (status.tgid, status.ppid, Some(command)),
            None => (task, parent, name),
        };
        Actor {
            task,
            pid,
            ppid,
            command: command.map(|command| String::from_utf8_lossy(&command).into_owned()),
        }
    }
}

/// Returns whether a task existed when its event happened; else it is another one with the same id.
fn is_same(proc: &ProcRoot, task: Pid, time: u64) -> bool {
    let time = ticks(Duration::from_nanos(time));
    proc.start_time(task).is_ok_and(|started| started <= time)
}
