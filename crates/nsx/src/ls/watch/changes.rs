//! The differences between two snapshots, with what the kernel's events tell.
//!
//! A namespace that both show has one event: the look has its name and leader, the kernel its
//! creator and time. A namespace that the kernel tells of and that no look saw has an event of its
//! own. If its id is unknown, it may be a namespace that the look shows as new, such as a network
//! namespace that a process bound to a file before it ended: so each new namespace without a record
//! takes one record of its kind.

use super::{
    event::{Event, Subject, What},
    followed::Followed,
    heard::{Actor, Heard, Record},
    snapshot::{Name, Snapshot, Untold},
    ticks::ticks,
};
use crate::since_1970;
use nsx_core::{
    census::{Entry, Member},
    hash::{HashMap, HashSet},
    ns::{NsId, NsKind},
    pid::Pid,
    proc::ProcRoot,
};
use std::time::{Duration, Instant};

/// The time nsx waits for the container after its engine made a network namespace.
const PATIENCE: Duration = Duration::from_secs(2);

/// Two snapshots to compare, and the records between them.
pub(super) struct Changes<'a> {
    proc: &'a ProcRoot,
    followed: &'a Followed,
    this: &'a mut Snapshot,
    earlier: &'a mut Snapshot,
    /// The time since 1970 of the look.
    time: Duration,
    /// `true` if the kernel told of every namespace that was created.
    is_complete: bool,
    /// Creations of namespaces that the look saw.
    creations: HashMap<NsId, Record>,
    /// Creations of namespaces whose ids are unknown.
    unknown: Vec<Record>,
    /// Processes that joined namespaces, as the kernel told.
    joined: HashSet<Pid>,
    events: Vec<Event>,
}

impl<'a> Changes<'a> {
    /// Returns the events that led from a snapshot to the next one, in the order of their times.
    pub(super) fn between(
        earlier: &'a mut Snapshot,
        this: &'a mut Snapshot,
        heard: Option<&mut Heard<'_>>,
        followed: &'a Followed,
        proc: &'a ProcRoot,
    ) -> Vec<Event> {
        let mut changes = Self {
            proc,
            followed,
            this,
            earlier,
            time: since_1970::now(),
            is_complete: false,
            creations: HashMap::default(),
            unknown: Vec::new(),
            joined: HashSet::default(),
            events: Vec::new(),
        };
        if let Some(heard) = heard {
            let lost = heard.take_lost();
            if lost > 0 {
                changes.events.push(Event::lost(lost));
            }
            changes.is_complete = lost == 0;
            changes.heard(heard);
        }
        changes.created();
        for record in std::mem::take(&mut changes.unknown) {
            changes.record(What::Created, &record);
        }
        changes.joined();
        changes.destroyed();
        let mut events = changes.events;
        events.sort_by(|one, other| one.time.total_cmp(&other.time));
        events
    }

    /// Sorts the records by what the look says of their namespaces.
    fn heard(&mut self, heard: &mut Heard<'_>) {
        for record in heard.take() {
            if !record.is_creation {
                self.heard_of_join(&record);
                continue;
            }
            let is_later = Duration::from_nanos(record.time) >= self.this.begun;
            let Some((ns, id64)) = record.ns else {
                if is_later {
                    heard.keep(record);
                } else {
                    self.unknown.push(record);
                }
                continue;
            };
            if self.earlier.has_ns(ns, id64) && !self.earlier.untold.contains_key(&ns) {
                // The earlier look was the first, or was faster than the kernel.
                continue;
            }
            if self.this.has_ns(ns, id64) {
                self.creations.insert(ns, record);
            } else if is_later {
                heard.keep(record);
            } else {
                self.record(What::Created, &record);
                self.record(What::Destroyed, &record);
            }
        }
    }

    fn heard_of_join(&mut self, record: &Record) {
        let pid = record.actor.pid;
        let seen = [&*self.earlier, &*self.this];
        // The looks know which namespaces it joined.
        if record.kind.is_none() && seen.iter().all(|look| look.census.member(pid).is_some()) {
            return;
        }
        if record.kind.is_some() {
            self.joined.insert(pid);
        }
        self.record(What::Joined, record);
    }

    /// Adds an event of a record without an entry of the look.
    fn record(&mut self, what: What, record: &Record) {
        let entry = record.ns.and_then(|(ns, _)| self.this.census.entry(ns));
        let is_followed = match entry {
            Some(entry) => self.this.has_chosen(entry),
            None => self.followed.includes_unseen(record.kind, record.actor.pid),
        };
        if !is_followed {
            return;
        }
        let subject = match record.ns {
            Some((ns, id64)) => Subject::ns(ns, id64),
            None => Subject::kind(record.kind),
        };
        let name = match entry.and_then(|entry| self.this.names.get(&entry.ns)) {
            Some(name) => Some(name.word.clone()),
            None => self.container(&record.actor),
        };
        let subject = Subject {
            name,
            pid: Some(record.actor.pid.as_raw_pid()),
            ppid: record.actor.ppid.map(Pid::as_raw_pid),
            command: record.actor.command.clone(),
            creator: record.is_creation.then(|| record.actor.task.as_raw_pid()),
            ..subject
        };
        let time = match what {
            What::Destroyed => self.time,
            _ => self.since_1970(record),
        };
        self.events.push(Event::new(time, what, subject));
    }

    /// Returns the container or unit of a process, or else of its parent.
    fn container(&self, actor: &Actor) -> Option<String> {
        let member = |pid| {
            let looks = [&*self.this, &*self.earlier];
            looks.into_iter().find_map(|look| look.census.member(pid))
        };
        let member = member(actor.pid).or_else(|| member(actor.ppid?))?;
        let name = |kind| self.this.names.get(&member.ns(kind)?);
        let names = NsKind::ALL.into_iter().filter_map(name);
        names
            .filter(|name| name.lasts)
            .map(|name| name.word.clone())
            .next()
    }

    fn since_1970(&self, record: &Record) -> Duration {
        let ago = self
            .this
            .ended
            .saturating_sub(Duration::from_nanos(record.time));
        self.time.saturating_sub(ago)
    }

    /// Reports the namespaces that the look saw and the earlier one did not.
    fn created(&mut self) {
        let now = Instant::now();
        let mut events = Vec::new();
        for index in 0..self.this.census.namespaces.len() {
            let ns = self.this.census.namespaces[index].ns;
            let before = self.earlier.untold.remove(&ns);
            let entry = &self.this.census.namespaces[index];
            if before.is_none() && self.earlier.has(entry) {
                continue;
            }
            let is_first = before.is_none();
            let (until, creation) =
                before.map_or((None, None), |before| (Some(before.until), before.creation));
            let creation = creation
                .or_else(|| self.creations.remove(&ns))
                .or_else(|| self.unknown_creation(index));
            let entry = &self.this.census.namespaces[index];
            let is_awaited = self.is_complete && creation.is_none() && is_first;
            let until = until.unwrap_or_else(|| {
                // The kernel tells of a call at its end, when the namespace may have been seen.
                if is_awaited { now } else { now + PATIENCE }
            });
            let is_engines = self.this.names.get(&ns).is_some_and(Name::is_engines);
            if is_awaited || (now < until && is_engines) {
                self.this.untold.insert(ns, Untold { until, creation });
            } else if self.this.has_chosen(entry) {
                let subject = self.process(entry.clone(), entry.leader);
                events.push(self.creation(creation.as_ref(), subject));
            }
        }
        self.events.extend(events);
    }

    /// Returns the event of a namespace that is new.
    fn creation(&self, creation: Option<&Record>, subject: Subject) -> Event {
        let what = if self.is_complete && creation.is_none() {
            What::Appeared
        } else {
            What::Created
        };
        let time = creation.map_or(self.time, |record| self.since_1970(record));
        let creator = creation.map(|record| record.actor.task.as_raw_pid());
        Event::new(time, what, Subject { creator, ..subject })
    }

    /// Returns the record of a namespace among those without ids.
    fn unknown_creation(&mut self, index: usize) -> Option<Record> {
        let entry = &self.this.census.namespaces[index];
        let kind = Some(entry.ns.kind);
        let is_leader = |record: &Record| Some(record.actor.pid) == entry.leader;
        let of_kind = |record: &Record| record.kind == kind;
        let found = (self
            .unknown
            .iter()
            .position(|it| of_kind(it) && is_leader(it)))
        .or_else(|| self.unknown.iter().position(of_kind))?;
        Some(self.unknown.remove(found))
    }

    /// Reports the processes that are in another namespace than before.
    fn joined(&mut self) {
        let before: HashMap<Pid, &Member> = (self.earlier.census.members.iter())
            .map(|member| (member.pid, member))
            .collect();
        let mut found = Vec::new();
        for member in &self.this.census.members {
            let Some(before) = before.get(&member.pid).filter(|before| **before != member) else {
                continue;
            };
            // A process that started since then is another one with the same PID.
            let started = self.proc.start_time(member.pid);
            if started.is_ok_and(|started| started < ticks(self.earlier.begun))
                && !self.joined.contains(&member.pid)
            {
                for kind in NsKind::ALL {
                    // A process that ends leaves its namespaces one by one, and joins no other.
                    if let (Some(old), Some(new)) = (before.ns(kind), member.ns(kind))
                        && old != new
                        && let Some(entry) = self.this.census.entry(new)
                        && self.earlier.has(entry)
                        && self.this.has_chosen(entry)
                    {
                        found.push((entry.clone(), member.pid));
                    }
                }
            }
        }
        for (entry, pid) in found {
            let subject = self.process(entry, Some(pid));
            self.events
                .push(Event::new(self.time, What::Joined, subject));
        }
    }

    /// Reports the namespaces that the earlier look saw and this one does not.
    fn destroyed(&mut self) {
        let mut events = Vec::new();
        for entry in &self.earlier.census.namespaces {
            if self.this.has(entry) || !self.earlier.has_chosen(entry) {
                continue;
            }
            let name = self.earlier.names.get(&entry.ns);
            let subject = Subject {
                name: name.map(|name| name.word.clone()),
                ..Subject::of(entry)
            };
            if let Some(untold) = self.earlier.untold.get(&entry.ns) {
                events.push(self.creation(untold.creation.as_ref(), subject.clone()));
            }
            let pid = entry.leader.map(Pid::as_raw_pid);
            let subject = Subject { pid, ..subject };
            events.push(Event::new(self.time, What::Destroyed, subject));
        }
        self.events.extend(events);
    }

    /// Describes a namespace with a process, while that exists.
    fn process(&mut self, entry: Entry, pid: Option<Pid>) -> Subject {
        let status = pid.and_then(|pid| self.proc.status(pid).ok());
        let command = pid.zip(status.as_ref()).map(|(pid, status)| {
            let command = self.proc.command(pid, status);
            String::from_utf8_lossy(&command).into_owned()
        });
        let name = self.this.names.get(&entry.ns);
        Subject {
            name: name.map(|name| name.word.clone()),
            pid: pid.map(Pid::as_raw_pid),
            ppid: status.and_then(|status| status.ppid).map(Pid::as_raw_pid),
            command,
            ..Subject::of(&entry)
        }
    }
}
