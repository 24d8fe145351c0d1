//! A picture of which processes are in which namespaces at one moment, and its differences from an
//! earlier picture.

use super::{
    super::{grouped, grouping, owners::Owner},
    asked::{self, Asked},
};
use crate::{
    query::{column::USUAL, finder::Finder, system::System},
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

/// The time nsx waits for the container whose network an engine has made.
const PATIENCE: Duration = Duration::from_secs(2);

/// A look at the host.
pub(super) struct Picture {
    census: Census,
    /// The name of what each namespace belongs to, as the list of namespaces has it: `docker:web`.
    names: Rc<HashMap<NsId, Name>>,
    /// The inode numbers of those that are asked for; none if all are.
    chosen: Option<HashSet<u64>>,
    /// For people.
    table: Option<Table>,
    /// Namespaces that are new and not told of yet, and until when nsx waits for their names.
    untold: HashMap<NsId, Instant>,
    /// When it was begun: clock ticks after the boot, as processes' start times are counted.
    begun: u64,
}

/// The word for what a namespace belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    word: String,
    /// `true` if the word names a container or unit, to which its namespaces belong until the
    /// namespaces are gone.
    lasts: bool,
}

/// A difference between two pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// A namespace is there that was not.
    Created(Subject),
    /// A namespace is gone, or nobody is in it any more and no file in the caller's mount namespace
    /// holds it.
    Destroyed(Subject),
    /// A process has moved into a namespace that was there before.
    Joined(Subject),
}

/// Which namespace, and who: the process that joined, or the leader of those in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Subject {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The never-reused id (6.18).
    id64: Option<u64>,
    /// The name of what the namespace belongs to, as a word that other commands take.
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
        let Subject {
            ns,
            kind,
            name,
            pid,
            command,
            ..
        } = subject;
        // A process is its own name.
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

impl Picture {
    /// Looks. What was found in an earlier look is not asked for again.
    pub(super) fn take(
        system: &System,
        asked: &mut Asked,
        earlier: Option<&Self>,
        with_table: bool,
    ) -> Result<Self, Errno> {
        let begun = now();
        asked.begin();
        let sources = Sources::PINS
            .with(Sources::MEMBERS)
            .with(Sources::RELATIONS)
            .with(asked.sources());
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
        let listing = asked.choose(&census, system);
        let chosen = listing
            .as_ref()
            .map(|listing| asked::namespaces(listing).collect());
        let table = with_table.then(|| {
            listing.map_or_else(
                || grouped::table(&grouped::rows(&census, system)),
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

    /// Returns the table of what is there, for people; `None` if no table was requested.
    pub(super) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// All that was seen.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// Returns the differences from an earlier picture: created, then joined, then destroyed. What
    /// an engine has made for a container that is not known yet is told of later.
    pub(super) fn since(&mut self, earlier: &mut Self, proc: &ProcRoot) -> Vec<Event> {
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
            // One that has started since is another process with the same number.
            if describe
                .started(member.pid)
                .is_none_or(|started| started >= earlier.begun)
            {
                continue;
            }
            for kind in NsKind::ALL {
                // A process that ends leaves its namespaces one by one, and joins none.
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

    /// Returns whether a namespace is one of those requested.
    fn has_chosen(&self, entry: &Entry) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&entry.ns.inode))
    }

    /// Returns whether the same namespace is in the picture. Inode numbers are used again; if the
    /// kernel has ids that are never reused, the ids decide.
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

/// Finds out about processes while they are there.
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
    /// Returns whether the word names a file that an engine has made for a container.
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

/// Puts the name of the container to which a namespace belonged in an earlier look in place of the
/// file that still holds the namespace.
fn remember(names: &mut HashMap<NsId, Name>, census: &Census, earlier: &Picture) {
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
    let groups = grouping::groups(census, &system.proc, &mut Finder::new(system));
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
