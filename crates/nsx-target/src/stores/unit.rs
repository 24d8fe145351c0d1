//! systemd's units, by the directories of their cgroups. Only systemd knows the main process of a
//! unit; the process that has run longest stands for it.

use super::{Findings, Query, Record};
use crate::{
    cgroup,
    claim::Claim,
    container::{Container, State},
    engine::Engine,
    files::{Dir, part},
    host::Host,
    person::Owners,
};
use nsx_core::pid::{self, Pid};

/// The depth to which units, and cgroups below a unit, are searched for.
const DEEPEST: usize = 12;

/// Returns whether a word could be nothing but a unit.
pub(crate) fn is_unit(word: &[u8]) -> bool {
    word.ends_with(b".service") || word.ends_with(b".scope")
}

pub(crate) fn look(host: &Host, owners: Owners, query: &Query<'_>, findings: &mut Findings) {
    let wanted = match query {
        Query::Word(word, _) if is_unit(word) => Some(word.to_vec()),
        Query::Word(word, _) => Some([word, &b".service"[..]].concat()),
        Query::All => None,
        Query::Pod(_) => return,
    };
    let is_wanted = |name: &[u8]| {
        wanted
            .as_ref()
            .map_or_else(|| is_unit(name), |wanted| name == wanted)
    };
    // The unified hierarchy alone, the unified hierarchy beside others, and a host without it.
    for root in [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/unified",
        "/sys/fs/cgroup/systemd",
    ] {
        let Ok(directory) = host.system_dir(root) else {
            continue;
        };
        let mut records = Vec::new();
        search(host, owners, &directory, &is_wanted, DEEPEST, &mut records);
        if !records.is_empty() {
            return findings.records.extend(records);
        }
    }
}

/// Searches for units in this slice and those below. The owner of a slice can make units of any
/// name in it.
fn search(
    host: &Host,
    owners: Owners,
    slice: &Dir,
    is_wanted: &dyn Fn(&[u8]) -> bool,
    depth: usize,
    records: &mut Vec<Record>,
) {
    for name in slice.names().unwrap_or_default() {
        let is_slice = name.ends_with(b".slice") || name.starts_with(b"user@");
        let is_wanted_itself = is_wanted(&name);
        if !is_wanted_itself && (depth == 0 || !is_slice) {
            continue;
        }
        let user = cgroup::user(&name).map_or(Claim::System, Claim::of);
        let Ok(below) = slice
            .below(part(&name))
            .and_then(|below| below.claimed(user))
        else {
            continue;
        };
        if is_wanted_itself && host.wants(owners, below.claim()) {
            records.push(record(host, &below, &name));
        }
        if is_slice && depth > 0 {
            search(host, owners, &below, is_wanted, depth - 1, records);
        }
    }
}

fn record(host: &Host, directory: &Dir, unit: &[u8]) -> Record {
    let mut container = Container::new(Engine::Unit, unit);
    container.name = Some(part(unit).to_owned());
    let mut pids = Vec::new();
    processes(directory, DEEPEST, &mut pids);
    let started = |pid: &Pid| host.proc().start_time(*pid).unwrap_or(u64::MAX);
    let mut record = Record::new(container, directory.claim());
    record.pid = pids.into_iter().min_by_key(started);
    record.container.state = if record.pid.is_some() {
        State::Running
    } else {
        State::Stopped("empty")
    };
    record.once_ended = Some(State::Stopped("stopped"));
    record
}

/// Adds all processes in a cgroup and below it.
fn processes(directory: &Dir, depth: usize, pids: &mut Vec<Pid>) {
    let text = directory.read_kernels("cgroup.procs").unwrap_or_default();
    pids.extend(
        text.split(|&byte| byte == b'\n')
            .filter_map(|line| pid::parse(line).ok()),
    );
    if depth == 0 {
        return;
    }
    for name in directory.names().unwrap_or_default() {
        // Files of the kernel have a dot in their names, but directories may have one, too.
        if let Ok(below) = directory.below_kernels(part(&name)) {
            processes(&below, depth - 1, pids);
        }
    }
}
