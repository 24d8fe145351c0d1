//! Containers by the cgroups of all processes: what is left where records cannot be read, and all that an ordinary user may
//! know of other people's containers.

use crate::{
    cgroup::{Named, Place},
    container::Container,
    engine::Engine,
    host::Host,
    stores::{Query, Record},
};
use nsx_core::pid::Pid;
use std::collections::HashMap;

/// A container that has processes, and the one of them that started first.
#[derive(Clone, Debug)]
struct Seen {
    pid: Pid,
    start: u64,
    place: Place,
}

/// The containers that a query's word means, by their ids or, where a cgroup has it, their names.
///
/// The process that started first stands for the container: a container's first process is there before all others, and its
/// end is theirs where it is PID 1.
pub(crate) fn look(host: &Host, engine: Option<Engine>, query: &Query<'_>) -> Vec<Record> {
    let proc = host.proc();
    let mut buffer = Vec::new();
    // Most processes of a host share a few cgroups.
    let mut places: HashMap<Vec<u8>, Option<Place>> = HashMap::new();
    let mut found: HashMap<Named, Seen> = HashMap::new();
    for pid in proc.pids().unwrap_or_default() {
        if proc.read(pid, "cgroup", &mut buffer).is_err() {
            continue;
        }
        let place = match places.get(&buffer) {
            Some(place) => place,
            None => {
                let place = Some(Place::parse(&buffer)).filter(|place| is_wanted(place, engine, query));
                places.entry(buffer.clone()).or_insert(place)
            }
        };
        let Some((place, named)) = place.as_ref().and_then(|place| Some((place, place.container.as_ref()?))) else {
            continue;
        };
        let Ok(start) = proc.start_time(pid, &mut buffer) else { continue };
        let seen = Seen { pid, start, place: place.clone() };
        let first = found.entry(named.clone()).or_insert_with(|| seen.clone());
        if (start, pid.as_raw_pid()) < (first.start, first.pid.as_raw_pid()) {
            *first = seen;
        }
    }
    found.into_iter().map(|(named, seen)| record(named, seen, engine)).collect()
}

fn is_wanted(place: &Place, engine: Option<Engine>, query: &Query<'_>) -> bool {
    place.container.as_ref().is_some_and(|named| {
        let is_engines = match (engine, named.engine) {
            (Some(wanted), Some(own)) => wanted.includes(own),
            // An id alone may be that of any engine but those that have names for ids.
            (wanted, None) => !matches!(wanted, Some(Engine::Lxc | Engine::Machine | Engine::Unit)),
            (None, Some(_)) => true,
        };
        is_engines && query.wants_id(&named.id)
    })
}

fn record(named: Named, seen: Seen, engine: Option<Engine>) -> Record {
    let engine = named.engine.or(engine).unwrap_or(Engine::Oci);
    let mut container = Container::new(engine, named.id);
    // In a user's part of the tree whatever is said is the user's word.
    container.owner = seen.place.user.filter(|uid| *uid != 0);
    if matches!(engine, Engine::Lxc | Engine::Machine) {
        container.name = Some(container.id.clone());
    }
    let mut record = Record::new(container);
    record.pid = Some(seen.pid);
    record.start = Some(seen.start);
    record
}
