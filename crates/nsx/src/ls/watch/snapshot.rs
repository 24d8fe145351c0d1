//! A snapshot of the namespaces and the processes in them, and its differences from an earlier
//! snapshot.

use super::{
    super::groups,
    followed::{self, Followed},
};
use crate::{
    query::{column::USUAL, finder::CellFinder, grouping, owners::Owner, system::System},
    table::Table,
};
use nsx_core::{
    census::{Census, Entry, Member, Query, Sources},
    hash::{HashMap, HashSet},
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use rustix::{io::Errno, time::ClockId};
use serde::Serialize;
use std::{
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

/// The time nsx waits for the container after its engine made a network namespace.
const PATIENCE: Duration = Duration::from_secs(2);

/// A snapshot of the namespaces.
pub(super) struct Snapshot {
    census: Census,
    /// The name of the owner of each namespace, as the list of groups has it: `docker:web`.
    names: Rc<HashMap<NsId, Name>>,
    /// The inode numbers of the selected namespaces; `None` if all are selected.
    chosen: Option<HashSet<u64>>,
    /// The table for the screen; `None` if there is no screen.
    table: Option<Table>,
    /// New namespaces without an event yet, and the time until which nsx waits for their names.
    untold: HashMap<NsId, Instant>,
    /// The time at which the snapshot was begun, in clock ticks since the boot, as for start times of
    /// processes.
    begun: u64,
}

/// The name of the owner of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    word: String,
    /// `true` if the word names a container or unit, which owns its namespaces until they are gone.
    lasts: bool,
}

/// A difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// A namespace appeared.
    Created(Subject),
    /// A namespace is gone, or no process is in it and no file in the caller's mount namespace holds
    /// it.
    Destroyed(Subject),
    /// A process moved into a namespace that already existed.
    Joined(Subject),
}

/// The namespace of an event, and a process: the one that joined, or the leader of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Subject {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The never-reused id (6.18).
    id64: Option<u64>,
    /// The name of the owner of the namespace, as a word that other commands accept.
    name: Option<String>,
    pid: Option<i32>,
    command: Option<String>,
}

impl Event {
    /// Returns the event as a line of text, safe to show.
    pub(super) fn in_words(&self) -> String {
        let (what, subject) = match self {
            Self::Created(subject) => ("created", subject),
            Self::Destroyed(subject) => ("destroyed", subject),
            Self::Joined(subject) => ("joined", subject),
        };
        let Subject {
            ns,
            kind,
            name,
            pid,
            command,
            ..
        } = subject;
        // The PID of a process is shown once.
        let name = name
            .as_deref()
            .filter(|name| pid.map(|pid| pid.to_string()).as_deref() != Some(*name));
        let name = name.map_or_else(String::new, |name| {
            format!(" {}", crate::text::escape(name.as_bytes()))
        });
        let pid = pid.map_or_else(String::new, |pid| format!(" {pid}"));
        let command = command.as_deref().map_or_else(String::new, |command| {
            format!(" {}", crate::text::escape(command.as_bytes()))
        });
        format!("{what:9} {kind}:[{ns}]{name}{pid}{command}")
    }
}

impl Snapshot {
    /// Takes a snapshot. Names that an earlier snapshot found are not looked up again.
    pub(super) fn take(
        system: &System,
        followed: &mut Followed,
        earlier: Option<&Self>,
        with_table: bool,
    ) -> Result<Self, Errno> {
        let begun = now();
        followed.begin();
        let sources = Sources::PINS
            .with(Sources::MEMBERS)
            .with(Sources::RELATIONS)
            .with(followed.sources());
        let mut census = Census::take(
            &system.proc,
            Query {
                kinds: NsSet::ALL,
                sources,
            },
        )?;
        census.find_leaders(&system.proc);
        let is_known = |earlier: &&Self| {
            earlier.untold.is_empty() && census.namespaces.iter().all(|entry| earlier.has(entry))
        };
        let names = match earlier.filter(is_known) {
            Some(earlier) => Rc::clone(&earlier.names),
            None => {
                let mut names = names(&census, system);
                if let Some(earlier) = earlier {
                    remember(&mut names, &census, earlier);
                }
                Rc::new(names)
            }
        };
        let listing = followed.choose(&census, system);
        let chosen = listing
            .as_ref()
            .map(|listing| followed::inodes(listing).collect());
        let table = with_table.then(|| {
            listing.map_or_else(
                || groups::table(&groups::rows(&census, system)),
                |listing| listing.table(&USUAL),
            )
        });
        Ok(Self {
            census,
            names,
            chosen,
            table,
            untold: HashMap::default(),
            begun,
        })
    }

    /// Returns the table for the screen; `None` if there is no screen.
    pub(super) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// Returns the census of the snapshot.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// Returns the differences from an earlier snapshot: created, then joined, then destroyed. The
    /// event for a namespace that an engine made for a container still unknown comes later.
    pub(super) fn events_since(&mut self, earlier: &mut Self, proc: &ProcRoot) -> Vec<Event> {
        let names = Rc::clone(&self.names);
        let mut describe = Describer {
            proc,
            names: &names,
            buffer: Vec::new(),
        };
        let mut events = Vec::new();
        let now = Instant::now();
        for entry in &self.census.namespaces {
            let until = match earlier.untold.remove(&entry.ns) {
                Some(until) => until,
                None if earlier.has(entry) => continue,
                None => now + PATIENCE,
            };
            if now < until && names.get(&entry.ns).is_some_and(Name::is_engines) {
                self.untold.insert(entry.ns, until);
            } else if self.has_chosen(entry) {
                events.push(Event::Created(describe.entry(entry)));
            }
        }
        let (this, earlier) = (&*self, &*earlier);
        let before: HashMap<Pid, &Member> = earlier
            .census
            .members
            .iter()
            .map(|member| (member.pid, member))
            .collect();
        for member in &this.census.members {
            let Some(before) = before.get(&member.pid).filter(|before| **before != member) else {
                continue;
            };
            // A process that started since then is another one with the same PID.
            if describe
                .started(member.pid)
                .is_none_or(|started| started >= earlier.begun)
            {
                continue;
            }
            for kind in NsKind::ALL {
                // A process that ends leaves its namespaces one by one, and joins no other.
                if let (Some(old), Some(new)) = (before.ns(kind), member.ns(kind))
                    && old != new
                    && let Some(entry) = this.census.entry(new)
                    && earlier.has(entry)
                    && this.has_chosen(entry)
                {
                    events.push(Event::Joined(describe.process(entry, Some(member.pid))));
                }
            }
        }
        for entry in earlier
            .census
            .namespaces
            .iter()
            .filter(|entry| !this.has(entry) && earlier.has_chosen(entry))
        {
            if earlier.untold.contains_key(&entry.ns) {
                events.push(Event::Created(Subject::of(entry, &earlier.names)));
            }
            let pid = entry.leader.map(Pid::as_raw_pid);
            events.push(Event::Destroyed(Subject {
                pid,
                ..Subject::of(entry, &earlier.names)
            }));
        }
        events
    }

    /// Returns whether a namespace is selected.
    fn has_chosen(&self, entry: &Entry) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&entry.ns.inode))
    }

    /// Returns whether a namespace is in the snapshot. Inode numbers are reused; if the kernel has ids
    /// that are never reused, the ids decide.
    fn has(&self, entry: &Entry) -> bool {
        let id64 = |entry: &Entry| entry.relation.and_then(|relation| relation.id64);
        let own = self.census.entry(entry.ns);
        own.is_some_and(|own| {
            id64(own).is_none() || id64(entry).is_none() || id64(own) == id64(entry)
        })
    }
}

impl Subject {
    fn of(entry: &Entry, names: &HashMap<NsId, Name>) -> Self {
        let NsId { kind, inode } = entry.ns;
        let id64 = entry.relation.and_then(|relation| relation.id64);
        Self {
            ns: inode,
            kind: kind.name(),
            id64,
            name: names.get(&entry.ns).map(|name| name.word.clone()),
            pid: None,
            command: None,
        }
    }
}

/// Describes processes while they exist.
struct Describer<'a> {
    proc: &'a ProcRoot,
    names: &'a HashMap<NsId, Name>,
    buffer: Vec<u8>,
}

impl Describer<'_> {
    fn entry(&mut self, entry: &Entry) -> Subject {
        self.process(entry, entry.leader)
    }

    fn process(&mut self, entry: &Entry, pid: Option<Pid>) -> Subject {
        let command = pid.and_then(|pid| {
            let status = self.proc.status(pid, &mut self.buffer).ok()?;
            let command = self.proc.command(pid, &status, &mut self.buffer);
            Some(String::from_utf8_lossy(&command).into_owned())
        });
        Subject {
            pid: pid.map(Pid::as_raw_pid),
            command,
            ..Subject::of(entry, self.names)
        }
    }

    fn started(&mut self, pid: Pid) -> Option<u64> {
        self.proc.start_time(pid, &mut self.buffer).ok()
    }
}

impl Name {
    /// Returns whether the word names a file that an engine made for a container.
    fn is_engines(&self) -> bool {
        let path = Path::new(self.word.strip_prefix("netns:").unwrap_or(&self.word));
        let file = path
            .file_name()
            .map_or_else(Default::default, |name| name.to_string_lossy());
        path.parent() == Some(Path::new("/run/docker/netns"))
            || ["netns-", "cni-"]
                .iter()
                .any(|start| file.starts_with(start))
    }
}

/// Keeps the name of the container that owned a namespace in an earlier snapshot, if now only a
/// file holds the namespace.
fn remember(names: &mut HashMap<NsId, Name>, census: &Census, earlier: &Snapshot) {
    for entry in census
        .namespaces
        .iter()
        .filter(|entry| entry.lowest.is_none() && earlier.has(entry))
    {
        if let Some(known) = earlier.names.get(&entry.ns).filter(|known| known.lasts) {
            names.insert(entry.ns, known.clone());
        }
    }
}

fn names(census: &Census, system: &System) -> HashMap<NsId, Name> {
    let groups = grouping::groups(census, &system.proc, &mut CellFinder::new(system));
    let named = groups.iter().flat_map(|group| {
        let name = Name {
            word: String::from_utf8_lossy(&group.owner.name()).into_owned(),
            lasts: matches!(group.owner, Owner::Container(_) | Owner::Unit(_)),
        };
        group
            .namespaces
            .iter()
            .map(move |entry| (entry.ns, name.clone()))
    });
    named.collect()
}

fn now() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    let ticks = rustix::param::clock_ticks_per_second();
    time.tv_sec.unsigned_abs() * ticks + time.tv_nsec.unsigned_abs() * ticks / 1_000_000_000
}
