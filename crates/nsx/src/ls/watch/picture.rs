//! Who is where at one moment, and what is different from another.

use nsx_core::{
    census::{Census, Entry, Member, Query, Sources},
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use rustix::{io::Errno, time::ClockId};
use serde::Serialize;
use std::collections::HashMap;

/// A look at the host.
pub(super) struct Picture {
    census: Census,
    /// When it was begun: clock ticks after the boot, as processes' start times are counted.
    begun: u64,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// A namespace is there that was not.
    Created(Subject),
    /// A namespace is gone, or nobody is in it any more and no file in the caller's mount namespace holds it.
    Destroyed(Subject),
    /// A process has moved into a namespace that was there before.
    Joined(Subject),
}

/// Which namespace, and who: the process that joined, or of those in it the one with the lowest id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Subject {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The never-reused id (6.18).
    id64: Option<u64>,
    pid: Option<i32>,
    command: Option<String>,
}

impl Event {
    /// For people, safe to show.
    pub(super) fn in_words(&self) -> String {
        let (what, subject) = match self {
            Self::Created(subject) => ("created", subject),
            Self::Destroyed(subject) => ("destroyed", subject),
            Self::Joined(subject) => ("joined", subject),
        };
        let Subject { ns, kind, pid, command, .. } = subject;
        let pid = pid.map_or_else(String::new, |pid| format!(" {pid}"));
        let command = command
            .as_deref()
            .map_or_else(String::new, |command| format!(" {}", crate::text::escape(command.as_bytes())));
        format!("{what:9} {kind}:[{ns}]{pid}{command}")
    }
}

impl Picture {
    /// Looks.
    pub(super) fn take(proc: &ProcRoot) -> Result<Self, Errno> {
        let begun = now();
        let sources = Sources::PINS.with(Sources::MEMBERS).with(Sources::RELATIONS);
        Ok(Self { census: Census::take(proc, Query { kinds: NsSet::ALL, sources })?, begun })
    }

    /// All that was seen.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// What is different from an earlier one: created, then joined, then destroyed.
    pub(super) fn since(&self, earlier: &Self, proc: &ProcRoot) -> Vec<Event> {
        let mut describe = Describer { proc, buffer: Vec::new() };
        let mut events = Vec::new();
        for entry in self.census.namespaces.iter().filter(|entry| !earlier.has(entry)) {
            events.push(Event::Created(describe.entry(entry)));
        }
        let before: HashMap<Pid, &Member> = earlier.census.members.iter().map(|member| (member.pid, member)).collect();
        for member in &self.census.members {
            let Some(before) = before.get(&member.pid).filter(|before| **before != member) else { continue };
            // One that has started since is another process with the same number.
            if describe.started(member.pid).is_none_or(|started| started >= earlier.begun) {
                continue;
            }
            for kind in NsKind::ALL {
                // A process that ends leaves its namespaces one by one, and joins none.
                if let (Some(old), Some(new)) = (before.ns(kind), member.ns(kind))
                    && old != new
                    && let Some(entry) = self.census.entry(new)
                    && earlier.has(entry)
                {
                    events.push(Event::Joined(describe.process(entry, Some(member.pid))));
                }
            }
        }
        for entry in earlier.census.namespaces.iter().filter(|entry| !self.has(entry)) {
            let pid = entry.lowest.map(Pid::as_raw_pid);
            events.push(Event::Destroyed(Subject { pid, ..Subject::of(entry) }));
        }
        events
    }

    /// Whether the same namespace is in it. Inode numbers are used again; where the kernel has ids that are not, they tell.
    fn has(&self, entry: &Entry) -> bool {
        let id64 = |entry: &Entry| entry.relation.and_then(|relation| relation.id64);
        let own = self.census.entry(entry.ns);
        own.is_some_and(|own| id64(own).is_none() || id64(entry).is_none() || id64(own) == id64(entry))
    }
}

impl Subject {
    fn of(entry: &Entry) -> Self {
        let NsId { kind, inode } = entry.ns;
        let id64 = entry.relation.and_then(|relation| relation.id64);
        Self { ns: inode, kind: kind.name(), id64, pid: None, command: None }
    }
}

/// Finds out about processes while they are there.
struct Describer<'a> {
    proc: &'a ProcRoot,
    buffer: Vec<u8>,
}

impl Describer<'_> {
    fn entry(&mut self, entry: &Entry) -> Subject {
        self.process(entry, entry.lowest)
    }

    fn process(&mut self, entry: &Entry, pid: Option<Pid>) -> Subject {
        let command = pid.and_then(|pid| {
            let status = self.proc.status(pid, &mut self.buffer).ok()?;
            let command = self.proc.command(pid, &status, &mut self.buffer);
            Some(String::from_utf8_lossy(&command).into_owned())
        });
        Subject { pid: pid.map(Pid::as_raw_pid), command, ..Subject::of(entry) }
    }

    fn started(&mut self, pid: Pid) -> Option<u64> {
        self.proc.start_time(pid, &mut self.buffer).ok()
    }
}

fn now() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    let ticks = rustix::param::clock_ticks_per_second();
    time.tv_sec.unsigned_abs() * ticks + time.tv_nsec.unsigned_abs() * ticks / 1_000_000_000
}
