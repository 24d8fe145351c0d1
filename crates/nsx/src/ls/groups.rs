//! The namespaces of a host by what they belong to: a container, a unit, a file that pins them, or the process that made
//! them its own.
//!
//! Those of the host itself, and those that the caller is in, are nobody's in particular and make a group of their own.

use super::finder::Finder;
use nsx_core::{
    census::{Census, Entry, Holder, Member, Viewer},
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcRoot},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

/// What namespaces belong to, in the order in which they are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A container, by the word that names it: `docker:web`.
    Container(String),
    /// A systemd service.
    Unit(Vec<u8>),
    /// A process, and those that it passed its namespaces on to.
    Process(i32),
    /// Nobody, but a file holds them: `netns:blue`, or the path.
    Pinned(Vec<u8>),
    /// The host, and the caller.
    Host,
}

/// Namespaces with one owner.
pub(super) struct Group<'a> {
    pub(super) owner: Owner,
    /// In order of kind.
    pub(super) namespaces: Vec<&'a Entry>,
    /// The processes that are in any of them, or for the host in none of another group.
    pub(super) processes: usize,
}

impl Owner {
    /// What is shown; for all but the host it is a word that names it to nsx.
    pub(super) fn name(&self) -> Vec<u8> {
        match self {
            Self::Container(word) => word.clone().into_bytes(),
            Self::Unit(unit) => [b"unit:", unit.strip_suffix(b".service").unwrap_or(unit)].concat(),
            Self::Process(pid) => pid.to_string().into_bytes(),
            Self::Pinned(name) => name.clone(),
            Self::Host => b"host".to_vec(),
        }
    }
}

impl<'a> Group<'a> {
    /// The one of them whose leader has the lowest id; none where no process is in any.
    pub(super) fn leader(&self) -> Option<&'a Entry> {
        let led = self.namespaces.iter().copied().filter(|entry| entry.lowest.is_some());
        led.min_by_key(|entry| entry.lowest.map(|pid| pid.as_raw_pid()))
    }
}

/// Puts the namespaces of a census, taken with its members and pins, into groups. What neither a process nor a pin of the
/// caller's keeps is left out.
pub(super) fn groups<'a>(census: &'a Census, proc: &ProcRoot, finder: &mut Finder<'_>) -> Vec<Group<'a>> {
    let own: BTreeSet<NsId> = NsKind::ALL.into_iter().filter_map(|kind| proc.own_ns(NsLink::Own(kind)).ok()).collect();
    let mut owners = Owners {
        members: census.members.iter().map(|member| (member.pid, member)).collect(),
        own,
        known: HashMap::default(),
        finder,
    };
    let mut found: BTreeMap<Owner, Vec<&Entry>> = BTreeMap::new();
    for entry in &census.namespaces {
        if let Some(owner) = owners.of(entry) {
            found.entry(owner).or_default().push(entry);
        }
    }
    let mut groups: Vec<_> = found
        .into_iter()
        .map(|(owner, mut namespaces)| {
            namespaces.sort_by_key(|entry| entry.ns.kind.name());
            Group { owner, namespaces, processes: 0 }
        })
        .collect();
    count(&census.members, &mut groups);
    groups
}

/// Counts each process in every group that it is in, and in that of the host where it is in no other.
fn count(members: &[Member], groups: &mut [Group<'_>]) {
    let host = groups.iter().position(|group| group.owner == Owner::Host);
    let places = groups.iter().enumerate().filter(|(place, _)| Some(*place) != host);
    let places: HashMap<NsId, usize> =
        places.flat_map(|(place, group)| group.namespaces.iter().map(move |entry| (entry.ns, place))).collect();
    for member in members {
        let namespaces = NsKind::ALL.into_iter().filter_map(|kind| member.ns(kind));
        let mut within: Vec<_> = namespaces.filter_map(|ns| places.get(&ns).copied()).collect();
        within.sort_unstable();
        within.dedup();
        if within.is_empty() {
            within.extend(host);
        }
        within.into_iter().for_each(|place| groups[place].processes += 1);
    }
}

struct Owners<'a, 'f, 'p> {
    members: HashMap<Pid, &'a Member>,
    /// The caller's.
    own: BTreeSet<NsId>,
    known: HashMap<Pid, Owner>,
    finder: &'f mut Finder<'p>,
}

impl Owners<'_, '_, '_> {
    fn of(&mut self, entry: &Entry) -> Option<Owner> {
        let pin = |holder: &Holder| match holder {
            Holder::Mount(pin) if pin.viewer == Viewer::Caller => Some(Owner::Pinned(pin_name(&pin.mount.point))),
            _ => None,
        };
        match entry.lowest {
            Some(_) if self.is_hosts(entry.ns) => Some(Owner::Host),
            Some(pid) => Some(self.of_process(pid)),
            None => {
                let pinned = entry.holders.iter().find_map(pin)?;
                Some(if self.is_hosts(entry.ns) { Owner::Host } else { pinned })
            }
        }
    }

    fn of_process(&mut self, pid: Pid) -> Owner {
        if let Some(owner) = self.known.get(&pid) {
            return owner.clone();
        }
        let origin = self.finder.origin(pid);
        let service =
            origin.unit.as_ref().map(|unit| unit.as_encoded_bytes()).filter(|unit| unit.ends_with(b".service"));
        let owner = match (&origin.container, service) {
            (Some(container), _) => Owner::Container(container.address()),
            (None, Some(unit)) => Owner::Unit(unit.to_vec()),
            (None, None) => Owner::Process(self.first(pid).as_raw_pid()),
        };
        self.known.insert(pid, owner.clone());
        owner
    }

    /// The first of the process's ancestors that left the host's namespaces; the process, if its parent did not.
    fn first(&mut self, pid: Pid) -> Pid {
        let mut first = pid;
        // A parent can be read after it was reparented, so that ids alone would lead round in a circle for ever.
        for _ in 0..self.members.len() {
            match self.finder.parent(first) {
                Some(parent) if self.left(parent) => first = parent,
                _ => break,
            }
        }
        first
    }

    /// Whether a process is in any namespace that is not the host's or the caller's.
    fn left(&self, pid: Pid) -> bool {
        let namespaces =
            |member: &&Member| NsKind::ALL.into_iter().filter_map(|kind| member.ns(kind)).collect::<Vec<_>>();
        let member = self.members.get(&pid).map(namespaces);
        member.is_some_and(|namespaces| namespaces.iter().any(|ns| !self.is_hosts(*ns)))
    }

    fn is_hosts(&self, ns: NsId) -> bool {
        ns.is_initial() || self.own.contains(&ns)
    }
}

/// The word that names what is bound to a file: `netns:NAME` where `ip netns` puts them.
fn pin_name(point: &[u8]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(point));
    let name = path.strip_prefix("/run/netns").ok().and_then(|rest| match rest.components().collect::<Vec<_>>()[..] {
        [Component::Normal(name)] => Some([b"netns:", name.as_bytes()].concat()),
        _ => None,
    });
    name.unwrap_or_else(|| point.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_network_is_called_by_its_name() {
        assert_eq!(pin_name(b"/run/netns/blue"), b"netns:blue");
        assert_eq!(pin_name(b"/run/netns/a/b"), b"/run/netns/a/b");
        assert_eq!(pin_name(b"/run/netns"), b"/run/netns");
        assert_eq!(pin_name(b"/tmp/\xff"), b"/tmp/\xff");
    }

    #[test]
    fn groups_are_named_by_words_that_nsx_knows() {
        assert_eq!(Owner::Unit(b"systemd-udevd.service".to_vec()).name(), b"unit:systemd-udevd");
        assert_eq!(Owner::Process(17).name(), b"17");
        assert!(Owner::Container(String::new()) < Owner::Unit(Vec::new()));
        assert!(Owner::Pinned(Vec::new()) < Owner::Host);
    }
}
