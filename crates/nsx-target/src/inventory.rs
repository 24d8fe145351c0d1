//! From a process to its container, pod and unit, for tables of thousands of processes.
//!
//! The stores are read once, for the first process. After that, a process costs a read of its
//! cgroups, and processes that share a cgroup share the answer. A container gives its name to the
//! processes in the cgroup of its first process, and in cgroups that only the author of the
//! container's record could have made. Another user's container gives its name only to processes
//! about which that user is believed.

use crate::{
    addresses::singles,
    belief,
    cgroup::{CgroupFacts, ContainerId},
    cgroup_claim,
    check::Checker,
    claim::Claim,
    container::{Container, Owner, State},
    engine::Engine,
    host::Host,
    merge::merged,
    person::Owners,
    stores::{self, Query, Record},
    unread::Unread,
};
use nsx_core::{
    cgroup::Membership,
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::NsLink,
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    sync::Arc,
};

/// The container and the unit that a process belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    container: Option<Arc<Container>>,
    unit: Option<Arc<OsStr>>,
}

impl Origin {
    /// Returns the container that the process is in, with its name if the name may be read.
    pub fn container(&self) -> Option<&Container> {
        self.container.as_deref()
    }

    /// Returns the systemd unit that the process is in, within the container if that has a systemd
    /// of its own. None in another user's part of systemd's tree, as that user makes units of any
    /// name.
    pub fn unit(&self) -> Option<&OsStr> {
        self.unit.as_deref()
    }
}

/// The containers of all stores, and the origins of the processes that were looked up.
#[derive(Debug)]
pub struct Inventory<'a> {
    host: &'a Host,
    known: Option<Known>,
    answers: HashMap<Vec<u8>, Origin>,
    /// `true` if a user is believed about processes in these namespaces.
    believed: HashMap<(u32, [Option<NsId>; NsKind::ALL.len()]), bool>,
}

#[derive(Debug, Default)]
struct Known {
    containers: Vec<Container>,
    /// The cgroups of their first processes, if those name the containers.
    cgroups: Vec<Option<Membership>>,
    by_id: HashMap<OsString, Vec<usize>>,
    /// Indices of containers by PID namespace, for containers that no cgroup names, such as those
    /// of a rootless Podman.
    by_pid_namespace: HashMap<NsId, usize>,
    unread: Vec<Unread>,
    /// `true` if the stores outside the usual directories were read too.
    is_all: bool,
}

impl<'a> Inventory<'a> {
    /// Returns an inventory that has not read anything yet.
    pub fn new(host: &'a Host) -> Self {
        Self {
            host,
            known: None,
            answers: HashMap::default(),
            believed: HashMap::default(),
        }
    }

    /// Returns the container and the unit of the process `pid`, as the host's procfs numbers
    /// processes. The origin is empty if the process has ended.
    pub fn origin(&mut self, pid: Pid) -> Origin {
        let known = self.known.get_or_insert_with(|| Known::read(self.host));
        let of_cgroups = self.host.proc().read_with(pid, "cgroup", |text| {
            if let Some(origin) = self.answers.get(text) {
                return origin.clone();
            }
            let origin = known.of_cgroups(self.host, pid, CgroupFacts::parse(text));
            self.answers.insert(text.to_vec(), origin.clone());
            origin
        });
        let Ok(mut origin) = of_cgroups else {
            return Origin::default();
        };
        if origin.container.is_none() && !known.by_pid_namespace.is_empty() {
            let ns = self.host.proc().ns(pid, NsLink::Own(NsKind::Pid)).ok();
            if let Some(&index) = ns.and_then(|ns| known.by_pid_namespace.get(&ns)) {
                origin.container = Some(Arc::new(known.containers[index].clone()));
            }
        }
        if let Some(owner) = origin.container().and_then(|it| it.owner.as_ref())
            && !owner.is_caller
            && !self.believes(pid, owner)
        {
            origin.container = None;
        }
        origin
    }

    /// Returns whether another user is believed about a process.
    fn believes(&mut self, pid: Pid, owner: &Owner) -> bool {
        let mut links = self.host.proc().ns_links(pid);
        let namespaces = NsKind::ALL.map(|kind| links.id(NsLink::Own(kind)).ok());
        let check = || belief::check(self.host, pid, owner).is_ok();
        *self
            .believed
            .entry((owner.uid, namespaces))
            .or_insert_with(check)
    }

    /// Returns the records that could not be read, so that names are missing.
    pub fn unread(&mut self) -> &[Unread] {
        &self
            .known
            .get_or_insert_with(|| Known::read(self.host))
            .unread
    }
}

impl Known {
    fn read(host: &Host) -> Self {
        let findings = stores::look(host, Owners::All, None, &Query::All);
        let mut known = Self {
            unread: findings.unread,
            ..Self::default()
        };
        known.add(host, findings.records);
        known
    }

    /// Reads the stores outside the usual directories.
    fn read_all(&mut self, host: &Host) {
        if !std::mem::replace(&mut self.is_all, true) {
            let mut records = stores::look_elsewhere(host, Owners::All, None, &Query::All);
            records.retain(|record| !self.names(&record.container.id));
            // A name leads to the container in the usual store. If several others have it, to none.
            let usual = self
                .containers
                .iter()
                .filter(|it| it.state.is_running())
                .map(Container::address);
            let others = records.iter().map(|record| record.container.address());
            let single = singles(usual.chain(others));
            for record in &mut records {
                if !single.contains(&record.container.address()) {
                    record.container.name = None;
                }
            }
            self.add(host, records);
        }
    }

    /// Returns whether a container with this id has a name.
    fn names(&self, id: &OsStr) -> bool {
        self.by_id
            .get(id)
            .into_iter()
            .flatten()
            .any(|&index| self.containers[index].name.is_some())
    }

    fn add(&mut self, host: &Host, records: Vec<Record>) {
        let mut checker = Checker::new(host);
        let own = host.proc().own_ns(NsLink::Own(NsKind::Pid)).ok();
        for checked in merged(
            records
                .into_iter()
                .map(|record| checker.check(record))
                .collect(),
        ) {
            let index = self.containers.len();
            let ns = checked.process.as_ref().and_then(|process| {
                host.proc()
                    .ns(process.pid(), NsLink::Own(NsKind::Pid))
                    .ok()
                    .filter(|_| !process.ended())
            });
            // Processes in the host's PID namespace may be in any container.
            if let Some(ns) = ns.filter(|ns| Some(*ns) != own) {
                self.by_pid_namespace.entry(ns).or_insert(index);
            }
            self.by_id
                .entry(checked.container.id.clone())
                .or_default()
                .push(index);
            self.cgroups.push(checked.cgroup);
            self.containers.push(checked.container);
        }
    }

    fn of_cgroups(&mut self, host: &Host, pid: Pid, mut cgroups: CgroupFacts) -> Origin {
        let container = cgroups
            .container
            .take()
            .and_then(|named| self.container(host, pid, &cgroups, named));
        let anothers = cgroups
            .user
            .and_then(|uid| host.owner(Claim::of(uid)))
            .is_some_and(|owner| !owner.is_caller);
        let unit = cgroups.unit.filter(|_| !anothers);
        Origin {
            container: container.map(Arc::new),
            unit: unit.map(|unit| OsStr::from_bytes(&unit).into()),
        }
    }

    /// Returns the container that a cgroup names. In a user's part of the tree, the container is one
    /// of the user's, whatever its name.
    fn container(
        &mut self,
        host: &Host,
        pid: Pid,
        cgroups: &CgroupFacts,
        named: ContainerId,
    ) -> Option<Container> {
        if named.engine.is_none_or(|engine| engine == Engine::Docker)
            && !self.names(OsStr::from_bytes(&named.id))
        {
            self.read_all(host);
        }
        let may_be = |index: &&usize| {
            let container = &self.containers[**index];
            let owner = container.owner.as_ref().map_or(0, |owner| owner.uid);
            named.is(container.engine, container.id.as_bytes())
                && cgroups.user.is_none_or(|user| user == owner)
        };
        // LXC numbers a cgroup whose name was taken.
        let numbered = named
            .id
            .iter()
            .rposition(|&byte| byte == b'-')
            .filter(|_| named.engine == Some(Engine::Lxc));
        let ids = [
            Some(named.id.as_slice()),
            numbered.map(|at| &named.id[..at]),
        ]
        .into_iter()
        .flatten();
        let of_ids = ids
            .filter_map(|id| self.by_id.get(OsStr::from_bytes(id)))
            .flatten();
        let mut candidates: Vec<&usize> = of_ids.filter(may_be).collect();
        candidates.sort_by_key(|index| self.containers[**index].name.is_none());
        let known = |index: &usize| {
            let known = &self.containers[*index];
            Some(Container {
                state: Self::state(known),
                ..known.clone()
            })
        };
        if let Some(index) = candidates
            .iter()
            .find(|index| self.cgroups[***index].as_ref() == Some(&cgroups.cgroup))
        {
            return known(index);
        }
        let claim = cgroup_claim::of(host, pid, cgroups);
        let owner = host.owner(claim);
        if claim == Claim::Several {
            return None;
        }
        // Another one of LXC's may have the name, in another directory: it has a cgroup of its own.
        let is_other =
            |index: &usize| named.engine == Some(Engine::Lxc) && self.cgroups[*index].is_some();
        match candidates
            .iter()
            .find(|index| self.containers[***index].owner == owner && !is_other(index))
        {
            Some(index) => known(index),
            None => Some(Container {
                owner,
                ..Container::new(named.engine.unwrap_or(Engine::Oci), named.id)
            }),
        }
    }

    /// Returns the state of a container that has a process, whatever its record says.
    fn state(known: &Container) -> State {
        if known.state.is_running() {
            known.state.clone()
        } else {
            State::Running
        }
    }
}
