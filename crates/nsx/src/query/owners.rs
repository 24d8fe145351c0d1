//! The owner of a namespace or a process: a container, a unit, a process that left the host's
//! namespaces, a file, or the host.

use super::finder::CellFinder;
use nsx_core::{
    census::{Census, Elders, Entry, Holder, Member, Viewer},
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcRoot, stat::Stage},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

/// The owner that namespaces belong to. The variants are in the order in which owners are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// A container, by the word that names it: `docker:web`.
    Container(String),
    /// A systemd service.
    Unit(Vec<u8>),
    /// A process that left the host's namespaces, and its descendants.
    Process(i32),
    /// A file that holds namespaces which no process is in: `netns:blue`, or the path.
    Pinned(Vec<u8>),
    /// The host. The namespaces of the caller are the host's, too.
    Host,
}

impl Owner {
    /// Returns the name of the owner, which nsx takes as a TARGET, except for that of the host.
    pub(crate) fn name(&self) -> Vec<u8> {
        match self {
            Self::Container(word) => word.clone().into_bytes(),
            Self::Unit(unit) => [b"unit:", unit.strip_suffix(b".service").unwrap_or(unit)].concat(),
            Self::Process(pid) => pid.to_string().into_bytes(),
            Self::Pinned(name) => name.clone(),
            Self::Host => b"host".to_vec(),
        }
    }
}

/// Finds the owners of namespaces and processes.
pub(crate) struct Owners<'a, 'f, 'p> {
    proc: &'a ProcRoot,
    pub(crate) members: HashMap<Pid, &'a Member>,
    /// The namespaces of the caller.
    own: BTreeSet<NsId>,
    known: HashMap<Pid, Owner>,
    pub(crate) elders: Elders<'a>,
    finder: &'f mut CellFinder<'p>,
}

impl<'a, 'f, 'p> Owners<'a, 'f, 'p> {
    /// Finds the owners of what a census has. It was taken with its members.
    pub(crate) fn new(
        census: &'a Census,
        proc: &'a ProcRoot,
        finder: &'f mut CellFinder<'p>,
    ) -> Self {
        Self {
            proc,
            members: census
                .members
                .iter()
                .map(|member| (member.pid, member))
                .collect(),
            own: NsKind::ALL
                .into_iter()
                .filter_map(|kind| proc.own_ns(NsLink::Own(kind)).ok())
                .collect(),
            known: HashMap::default(),
            elders: Elders::new(proc),
            finder,
        }
    }

    /// Returns the owner of a namespace; `None` if neither a process nor a pin that the caller sees
    /// holds the namespace, or if only kernel threads are in it.
    pub(crate) fn of(&mut self, entry: &Entry) -> Option<Owner> {
        let pin = |holder: &Holder| match holder {
            Holder::Mount(pin) if pin.viewer == Viewer::Caller => {
                Some(Owner::Pinned(pin_name(&pin.mount.point)))
            }
            _ => None,
        };
        match entry.leader {
            Some(_) if self.is_hosts(entry.ns) => Some(Owner::Host),
            Some(pid)
                if !self.known.contains_key(&pid) && self.proc.stage(pid) == Ok(Stage::Kernel) =>
            {
                None
            }
            Some(pid) => Some(self.of_process(pid)),
            None => {
                let pinned = entry.holders.iter().find_map(pin)?;
                Some(if self.is_hosts(entry.ns) {
                    Owner::Host
                } else {
                    pinned
                })
            }
        }
    }

    /// Returns the owner of a process that left the host's namespaces.
    pub(crate) fn of_process(&mut self, pid: Pid) -> Owner {
        if let Some(owner) = self.known.get(&pid) {
            return owner.clone();
        }
        let owner = self
            .named(pid)
            .unwrap_or_else(|| Owner::Process(self.first(pid).as_raw_pid()));
        self.known.insert(pid, owner.clone());
        owner
    }

    /// Returns the names of the owners of processes, except that of `own`. An owner that is a process
    /// is named by the leader of these processes.
    pub(crate) fn names(
        &mut self,
        members: impl Iterator<Item = Pid>,
        own: &Owner,
    ) -> Vec<Vec<u8>> {
        let mut found: BTreeMap<Owner, Vec<Member>> = BTreeMap::new();
        for pid in members {
            let owner = self.of_process(pid);
            if owner != *own
                && let Some(member) = self.members.get(&pid)
            {
                found.entry(owner).or_default().push(**member);
            }
        }
        let name = |(owner, members): (Owner, Vec<Member>)| match owner {
            Owner::Process(first) => {
                let leader = self.elders.leader(&members, true);
                Owner::Process(leader.map_or(first, Pid::as_raw_pid)).name()
            }
            owner => owner.name(),
        };
        found.into_iter().map(name).collect()
    }

    /// Returns the container or the service that a process belongs to.
    fn named(&mut self, pid: Pid) -> Option<Owner> {
        let origin = self.finder.origin(pid);
        let unit = || {
            origin
                .unit()
                .map(|unit| unit.as_encoded_bytes())
                .filter(|unit| unit.ends_with(b".service"))
        };
        let container = origin
            .container()
            .map(|container| Owner::Container(container.address()));
        container.or_else(|| unit().map(|unit| Owner::Unit(unit.to_vec())))
    }

    /// Returns the first process of a container or a service that has these members.
    pub(crate) fn first_of(&mut self, owner: &Owner, members: &[Member]) -> Option<Pid> {
        let mut first = self.elders.leader(members, false)?;
        // The first process of a service may be outside of the namespaces.
        for _ in 0..self.members.len() {
            match self.finder.parent(first) {
                Some(parent) if self.named(parent).as_ref() == Some(owner) => first = parent,
                _ => break,
            }
        }
        Some(first)
    }

    /// Returns the first ancestor of a process that left the host's namespaces; the process itself
    /// if its parent did not.
    fn first(&mut self, pid: Pid) -> Pid {
        let mut first = pid;
        // A process may be reparented while its ancestors are read, so that ids could form a circle.
        for _ in 0..self.members.len() {
            match self.finder.parent(first) {
                Some(parent) if self.left(parent) => first = parent,
                _ => break,
            }
        }
        first
    }

    /// Returns whether a process is in any namespace that is not the host's.
    fn left(&self, pid: Pid) -> bool {
        self.members
            .get(&pid)
            .is_some_and(|member| namespaces_of(member).any(|ns| !self.is_hosts(ns)))
    }

    fn is_hosts(&self, ns: NsId) -> bool {
        ns.is_initial() || self.own.contains(&ns)
    }
}

/// Returns the namespaces that a process is in.
pub(crate) fn namespaces_of(member: &Member) -> impl Iterator<Item = NsId> + use<> {
    let member = *member;
    NsKind::ALL
        .into_iter()
        .filter_map(move |kind| member.ns(kind))
}

/// Returns the name of a mount point: `netns:NAME` in the directory of ip-netns(8), else the path.
fn pin_name(point: &[u8]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(point));
    let name = path.strip_prefix("/run/netns").ok().and_then(|rest| {
        match rest.components().collect::<Vec<_>>()[..] {
            [Component::Normal(name)] => Some([b"netns:", name.as_bytes()].concat()),
            _ => None,
        }
    });
    name.unwrap_or_else(|| point.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_of_ip_netns_has_a_short_name() {
        assert_eq!(pin_name(b"/run/netns/blue"), b"netns:blue");
        assert_eq!(pin_name(b"/run/netns/a/b"), b"/run/netns/a/b");
        assert_eq!(pin_name(b"/run/netns"), b"/run/netns");
        assert_eq!(pin_name(b"/tmp/\xff"), b"/tmp/\xff");
    }

    #[test]
    fn owners_have_names_that_nsx_takes() {
        assert_eq!(
            Owner::Unit(b"systemd-udevd.service".to_vec()).name(),
            b"unit:systemd-udevd"
        );
        assert_eq!(Owner::Process(17).name(), b"17");
        assert!(Owner::Container(String::new()) < Owner::Unit(Vec::new()));
        assert!(Owner::Pinned(Vec::new()) < Owner::Host);
    }
}
