//! Containers by the cgroups of all processes. This finds containers whose records cannot be read,
//! which are all that an ordinary user can see of other users' containers.

use crate::{
    cgroup::{CgroupFacts, ContainerId},
    cgroup_claim::{of_cgroup, of_process, of_slice},
    check::Checked,
    claim::Claim,
    container::{Container, State},
    engine::Engine,
    host::Host,
    person::Owners,
    stores::{self, Query, Record},
};
use nsx_core::{
    cgroup::Membership,
    hash::{HashMap, HashSet},
    pid::Pid,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The process of a container that started first.
#[derive(Clone, Copy, Debug)]
struct Seen {
    pid: Pid,
    start: u64,
}

/// Returns the containers that are in none of the usual stores: those of Docker's daemons that keep
/// their records elsewhere, and those that only their cgroups name. Records may be unreadable, in a
/// container that has an engine of its own, or in any directory, as LXC's are (`lxc-start -P`).
/// `known` are the containers of the stores.
pub(crate) fn beyond(
    host: &Host,
    owners: Owners,
    engine: Option<Engine>,
    query: &Query<'_>,
    known: &[Checked],
) -> Vec<Record> {
    let is_named_by_cgroup = |engine| matches!(engine, Engine::Lxc | Engine::Machine);
    let mut records = stores::look_elsewhere(host, owners, engine, query);
    let unrecorded: Vec<_> = known
        .iter()
        .filter(|it| matches!(it.container.state, State::Unrecorded(_)))
        .collect();
    let mut scanned = look(
        host,
        owners,
        engine,
        if unrecorded.is_empty() {
            query
        } else {
            &Query::All
        },
    );
    for Checked { container, .. } in unrecorded {
        let is_it = |record: &&Record| {
            (&record.container.id, &record.container.owner) == (&container.id, &container.owner)
        };
        records.extend(scanned.iter().find(is_it).map(|record| {
            let container = Container {
                state: State::Running,
                ..container.clone()
            };
            Record {
                container,
                ..record.clone()
            }
        }));
    }
    scanned.retain(|record| {
        matches!(query, Query::All) || query.wants_id(record.container.id.as_bytes())
    });
    // A nested container has an id in its cgroup, and belongs to the container that runs it.
    if matches!(query, Query::All) {
        scanned.retain(|record| is_named_by_cgroup(record.container.engine));
    }
    let ids: HashSet<&OsStr> = known.iter().map(|it| it.container.id.as_os_str()).collect();
    let running: HashSet<&OsStr> = known
        .iter()
        .filter(|it| it.runs())
        .map(|it| it.container.id.as_os_str())
        .collect();
    // If a record is wrong about a container, nothing else in its cgroup may be entered instead.
    // But LXC's containers of one name may be in several directories.
    scanned.retain(|record| {
        let known = if is_named_by_cgroup(record.container.engine) {
            &running
        } else {
            &ids
        };
        !known.contains(record.container.id.as_os_str())
    });
    records.extend(scanned);
    records
}

/// Returns the containers that a query wants, by the ids or names in their cgroups.
/// The process that started first stands for the container. A container's first process starts
/// before all others, and if it is PID 1, they end with it.
pub(crate) fn look(
    host: &Host,
    owners: Owners,
    engine: Option<Engine>,
    query: &Query<'_>,
) -> Vec<Record> {
    let proc = host.proc();
    // Most processes of a host share a few cgroups.
    let mut known_cgroups: HashMap<Vec<u8>, Option<CgroupFacts>> = HashMap::default();
    let mut claims: HashMap<Membership, Option<Claim>> = HashMap::default();
    // A user may give any name to a cgroup of the user's own, which hides no container of others.
    let mut found: HashMap<(ContainerId, Claim), Seen> = HashMap::default();
    for pid in proc.pids().unwrap_or_default() {
        let facts = proc.read_with(pid, "cgroup", |text| {
            if !known_cgroups.contains_key(text) {
                let facts = Some(CgroupFacts::parse(text));
                let facts = facts.filter(|facts| is_wanted(facts, engine, query));
                known_cgroups.insert(text.to_vec(), facts);
            }
            known_cgroups[text].as_ref()
        });
        let Ok(Some(facts)) = facts else {
            continue;
        };
        let Some(named) = &facts.container else {
            continue;
        };
        let of_cgroup = *claims
            .entry(facts.cgroup.clone())
            .or_insert_with(|| of_cgroup(host, &facts.cgroup));
        let claim = of_cgroup
            .unwrap_or_else(|| of_process(host, pid))
            .join(of_slice(facts));
        let Ok(start) = proc.start_time(pid) else {
            continue;
        };
        let seen = Seen { pid, start };
        let first = found.entry((named.clone(), claim)).or_insert(seen);
        if (start, pid.as_raw_pid()) < (first.start, first.pid.as_raw_pid()) {
            *first = seen;
        }
    }
    let mut records = found
        .into_iter()
        .map(|((named, claim), seen)| record(named, claim, seen, engine))
        .collect();
    stores::retain(host, owners, engine, &mut records);
    records
}

fn is_wanted(facts: &CgroupFacts, engine: Option<Engine>, query: &Query<'_>) -> bool {
    facts.container.as_ref().is_some_and(|named| {
        let is_engines = match (engine, named.engine) {
            (Some(wanted), Some(own)) => wanted.includes(own),
            // An id alone may be a container of any engine, except those that use names as ids.
            (wanted, None) => !matches!(
                wanted,
                Some(Engine::Lab | Engine::Lxc | Engine::Machine | Engine::Unit)
            ),
            (None, Some(_)) => true,
        };
        is_engines && (matches!(query, Query::All) || query.wants_id(&named.id))
    })
}

fn record(named: ContainerId, claim: Claim, seen: Seen, engine: Option<Engine>) -> Record {
    let engine = named.engine.or(engine).unwrap_or(Engine::Oci);
    let mut container = Container::new(engine, named.id);
    if matches!(engine, Engine::Lxc | Engine::Machine) {
        container.name = Some(container.id.clone());
    }
    let mut record = Record::new(container, claim);
    record.pid = Some(seen.pid);
    record.start = Some(seen.start);
    record
}
