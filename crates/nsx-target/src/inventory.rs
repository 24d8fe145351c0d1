//! The way back: from a process to its container, pod and unit, for tables of thousands.
//!
//! The stores are read once, when the first process is asked about; then a process costs a read of its cgroups, and those
//! that share a cgroup share the answer.

use crate::{
    cgroup::{Named, Place},
    check::Checker,
    container::{Container, State},
    engine::Engine,
    find::merged,
    host::Host,
    stores::{self, Query, Unread},
};
use nsx_core::{
    ns::{NsId, NsKind},
    pid::Pid,
    proc::NsLink,
};
use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    rc::Rc,
};

/// Where a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The container that it is in, with its name where that may be read.
    pub container: Option<Container>,
    /// The systemd unit that it is in, within the container if that has a systemd of its own.
    pub unit: Option<OsString>,
}

/// What the stores know, and the answers that were given.
#[derive(Debug)]
pub struct Inventory<'a> {
    host: &'a Host,
    known: Option<Known>,
    answers: HashMap<Vec<u8>, Rc<Origin>>,
    buffer: Vec<u8>,
}

#[derive(Debug, Default)]
struct Known {
    containers: Vec<Container>,
    by_id: HashMap<OsString, Vec<usize>>,
    /// Where containers live whose cgroups say nothing, as those of a rootless Podman.
    by_pid_namespace: HashMap<NsId, usize>,
    unread: Vec<Unread>,
}

impl<'a> Inventory<'a> {
    /// One that has not read anything yet.
    pub fn new(host: &'a Host) -> Self {
        Self { host, known: None, answers: HashMap::new(), buffer: Vec::new() }
    }

    /// Where the process `pid` belongs, as the host's procfs counts. Nothing is known of one that is gone.
    pub fn origin(&mut self, pid: Pid) -> Rc<Origin> {
        if self.host.proc().read(pid, "cgroup", &mut self.buffer).is_err() {
            return Rc::default();
        }
        let known = self.known.get_or_insert_with(|| Known::read(self.host));
        let origin = match self.answers.get(&self.buffer) {
            Some(origin) => Rc::clone(origin),
            None => {
                let origin = Rc::new(known.of_place(Place::parse(&self.buffer)));
                self.answers.insert(self.buffer.clone(), Rc::clone(&origin));
                origin
            }
        };
        if origin.container.is_some() || known.by_pid_namespace.is_empty() {
            return origin;
        }
        let ns = self.host.proc().ns(pid, NsLink::Own(NsKind::Pid)).ok();
        match ns.and_then(|ns| known.by_pid_namespace.get(&ns)) {
            Some(&index) => {
                Rc::new(Origin { container: Some(known.containers[index].clone()), unit: origin.unit.clone() })
            }
            None => origin,
        }
    }

    /// The records that could not be read, so that names are missing.
    pub fn unread(&mut self) -> &[Unread] {
        &self.known.get_or_insert_with(|| Known::read(self.host)).unread
    }
}

impl Known {
    fn read(host: &Host) -> Self {
        let findings = stores::look(host, None, &Query::All);
        let mut checker = Checker::new(host);
        let own = host.proc().own_ns(NsLink::Own(NsKind::Pid)).ok();
        let checked = merged(findings.records.into_iter().map(|record| checker.check(record)).collect());
        let mut known = Self { unread: findings.unread, ..Self::default() };
        for (index, checked) in checked.into_iter().enumerate() {
            let ns = checked.process.as_ref().and_then(|process| {
                host.proc().ns(process.pid(), NsLink::Own(NsKind::Pid)).ok().filter(|_| !process.ended())
            });
            // Who shares the host's PID namespace cannot be told apart by it.
            if let Some(ns) = ns.filter(|ns| Some(*ns) != own) {
                known.by_pid_namespace.entry(ns).or_insert(index);
            }
            known.by_id.entry(checked.container.id.clone()).or_default().push(index);
            known.containers.push(checked.container);
        }
        known
    }

    fn of_place(&self, place: Place) -> Origin {
        let unit = place.unit.map(OsString::from_vec);
        let container = place.container.map(|named| self.container(named, place.user));
        Origin { container, unit }
    }

    /// The container that a cgroup names. In a user's part of the tree it is one of the user's, whatever its name.
    fn container(&self, named: Named, user: Option<u32>) -> Container {
        let owner = user.filter(|uid| *uid != 0);
        let may_be = |container: &&Container| {
            named.is(container.engine, container.id.as_bytes()) && (owner.is_none() || container.owner == owner)
        };
        let of_id = self.by_id.get(&OsString::from_vec(named.id.clone())).into_iter().flatten();
        let known = of_id.map(|index| &self.containers[*index]).find(may_be);
        // LXC numbers a cgroup whose name was taken.
        let known = known.or_else(|| match named.engine {
            Some(Engine::Lxc) => self.containers.iter().find(may_be),
            _ => None,
        });
        match known {
            Some(known) => Container { state: Self::state(known), ..known.clone() },
            None => Container { owner, ..Container::new(named.engine.unwrap_or(Engine::Oci), named.id) },
        }
    }

    /// A process is there, whatever the record says.
    fn state(known: &Container) -> State {
        if known.state.is_running() { known.state.clone() } else { State::Running }
    }
}
