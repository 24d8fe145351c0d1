//! A snapshot of the namespaces and the processes in them.

use super::{
    super::groups,
    followed::{self, Followed},
    heard::Record,
};
use crate::{
    query::{column::USUAL, finder::CellFinder, grouping, owners::Owner, system::System},
    table::Table,
};
use nsx_core::{
    census::{Census, Entry, Query, Sources},
    hash::{HashMap, HashSet},
    ns::{NsId, NsSet},
};
use rustix::{io::Errno, time::ClockId};
use std::{
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

/// A snapshot of the namespaces.
pub(super) struct Snapshot {
    pub(super) census: Census,
    /// The name of the owner of each namespace, as the list of groups has it: `docker:web`.
    pub(super) names: Rc<HashMap<NsId, Name>>,
    /// The inode numbers of the selected namespaces; `None` if all are selected.
    chosen: Option<HashSet<u64>>,
    /// The table for the screen; `None` if there is no screen.
    table: Option<Table>,
    /// New namespaces without an event yet.
    pub(super) untold: HashMap<NsId, Untold>,
    /// The time since the boot at which the snapshot was begun.
    pub(super) begun: Duration,
    pub(super) ended: Duration,
}

/// A new namespace without an event yet.
pub(super) struct Untold {
    /// The time until which nsx waits for the name, or for the event of the kernel.
    pub(super) until: Instant,
    /// The record of its creation.
    pub(super) creation: Option<Record>,
}

/// The name of the owner of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) word: String,
    /// `true` if the word names a container or unit, which owns its namespaces until they are gone.
    pub(super) lasts: bool,
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
            ended: now(),
        })
    }

    /// Returns the table for the screen; `None` if there is no screen.
    pub(super) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// Returns whether a namespace is selected.
    pub(super) fn has_chosen(&self, entry: &Entry) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&entry.ns.inode))
    }

    /// Returns whether a namespace is in the snapshot. Inode numbers are reused; if the kernel has ids
    /// that are never reused, the ids decide.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        self.has_ns(entry.ns, id64(entry))
    }

    /// Like `has`, but for a namespace that is known by its numbers.
    pub(super) fn has_ns(&self, ns: NsId, id: Option<u64>) -> bool {
        let own = self.census.entry(ns);
        own.is_some_and(|own| id64(own).is_none() || id.is_none() || id64(own) == id)
    }
}

fn id64(entry: &Entry) -> Option<u64> {
    entry.relation.and_then(|relation| relation.id64)
}

impl Name {
    /// Returns whether the word names a file that an engine made for a container.
    pub(super) fn is_engines(&self) -> bool {
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

/// Returns the time since the boot.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
