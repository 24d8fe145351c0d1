//! Who is where at one moment, and what is different from another.

use super::super::{Sight, finder::Finder, groups};
use nsx_core::{
    census::{Census, Entry, Member, Query, Sources},
    hash::HashMap,
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use rustix::{io::Errno, time::ClockId};
use serde::Serialize;
use std::rc::Rc;

/// A look at the host.
pub(super) struct Picture {
    census: Census,
    /// What each namespace belongs to, as the list of them has it: `docker:web`.
    names: Rc<HashMap<NsId, String>>,
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
    /// What it belongs to, as a word that other commands take.
    name: Option<String>,
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
        let Subject { ns, kind, name, pid, command, .. } = subject;
        // A process is its own name.
        let name = name.as_deref().filter(|name| pid.map(|pid| pid.to_string()).as_deref() != Some(*name));
        let name = name.map_or_else(String::new, |name| format!(" {}", crate::text::escape(name.as_bytes())));
        let pid = pid.map_or_else(String::new, |pid| format!(" {pid}"));
        let command = command
            .as_deref()
            .map_or_else(String::new, |command| format!(" {}", crate::text::escape(command.as_bytes())));
        format!("{what:9} {kind}:[{ns}]{name}{pid}{command}")
    }
}

impl Picture {
    /// Looks. What was found in an earlier look is not asked for again.
    pub(super) fn take(sight: &Sight, earlier: Option<&Self>) -> Result<Self, Errno> {
        let begun = now();
        let sources = Sources::PINS.with(Sources::MEMBERS).with(Sources::RELATIONS);
        let census = Census::take(&sight.proc, Query { kinds: NsSet::ALL, sources })?;
        let known = earlier.filter(|earlier| census.namespaces.iter().all(|entry| earlier.has(entry)));
        let names = known.map_or_else(|| Rc::new(names(&census, sight)), |earlier| Rc::clone(&earlier.names));
        Ok(Self { census, names, begun })
    }

    /// All that was seen.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// What is different from an earlier one: created, then joined, then destroyed.
    pub(super) fn since(&self, earlier: &Self, proc: &ProcRoot) -> Vec<Event> {
        let mut describe = Describer { proc, names: &self.names, buffer: Vec::new() };
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
            events.push(Event::Destroyed(Subject { pid, ..Subject::of(entry, &earlier.names) }));
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
    fn of(entry: &Entry, names: &HashMap<NsId, String>) -> Self {
        let NsId { kind, inode } = entry.ns;
        let id64 = entry.relation.and_then(|relation| relation.id64);
        Self { ns: inode, kind: kind.name(), id64, name: names.get(&entry.ns).cloned(), pid: None, command: None }
    }
}

/// Finds out about processes while they are there.
struct Describer<'a> {
    proc: &'a ProcRoot,
    names: &'a HashMap<NsId, String>,
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
        Subject { pid: pid.map(Pid::as_raw_pid), command, ..Subject::of(entry, self.names) }
    }

    fn started(&mut self, pid: Pid) -> Option<u64> {
        self.proc.start_time(pid, &mut self.buffer).ok()
    }
}

fn names(census: &Census, sight: &Sight) -> HashMap<NsId, String> {
    let groups = groups::groups(census, &sight.proc, &mut Finder::new(sight));
    let named = groups.iter().flat_map(|group| {
        let name = String::from_utf8_lossy(&group.owner.name()).into_owned();
        group.namespaces.iter().map(move |entry| (entry.ns, name.clone()))
    });
    named.collect()
}

fn now() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    let ticks = rustix::param::clock_ticks_per_second();
    time.tv_sec.unsigned_abs() * ticks + time.tv_nsec.unsigned_abs() * ticks / 1_000_000_000
}
