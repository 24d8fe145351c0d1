//! The containers, units, processes and files that have namespaces of their own.

use super::identity::Identity;
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell,
        column::ProcessColumn,
        finder::CellFinder,
        grouping::{self, Group},
        left_out::{Hidden, LeftOut},
        owners::Owner,
        system::System,
    },
    table::{Align, Table},
};
use nsx_core::{
    census::{Census, Sources},
    ns::{NsId, NsKind, NsSet},
};
use serde::Serialize;
use serde_json::Value;

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    groups: Vec<Row>,
    hidden: Hidden,
}

/// A group.
#[derive(Serialize)]
pub(super) struct Row {
    name: Cell,
    namespaces: Vec<Identity>,
    /// The other namespaces that its leader is in.
    shared: Vec<Shared>,
    /// `true` if the group is a container that is frozen.
    paused: bool,
    nprocs: Cell,
    seen: usize,
    pid: Cell,
    user: Cell,
    uid: Cell,
    command: Cell,
}

/// A namespace that belongs to another group.
#[derive(Serialize)]
struct Shared {
    #[serde(flatten)]
    ns: Identity,
    with: Cell,
    /// `true` if the table shows it: containers have most of their namespaces for themselves,
    /// processes share most.
    #[serde(skip)]
    is_shown: bool,
}

/// The kinds of namespace that a container has for itself by default.
const OF_CONTAINERS: NsSet = NsSet::EMPTY
    .with(NsKind::Ipc)
    .with(NsKind::Mnt)
    .with(NsKind::Net)
    .with(NsKind::Pid)
    .with(NsKind::Uts);

/// Lists the groups of a system.
pub(super) fn answer(system: &System, format: Format) -> Result<Answer, Error> {
    let census = system.census_with_leaders(NsSet::ALL, Sources::PINS.with(Sources::MEMBERS))?;
    let groups = rows(&census, system);
    let left_out = LeftOut::all_of(&census, &system.proc);
    let found = !groups.is_empty();
    let answer = match format {
        Format::Text => Answer::table(table(&groups)),
        Format::Json => Answer::json(&Document {
            version: 1,
            groups,
            hidden: left_out.hidden(),
        })?,
        Format::JsonLines => Answer::json_lines(&groups)?,
    };
    Ok(answer.found(found).with_notes(left_out.notes()))
}

/// Returns the groups of a census that was taken with its members, leaders and pins.
pub(super) fn rows(census: &Census, system: &System) -> Vec<Row> {
    let mut finder = CellFinder::new(system);
    let groups = grouping::groups(census, &system.proc, &mut finder);
    groups
        .iter()
        .map(|group| row(group, system, &mut finder))
        .collect()
}

fn row(group: &Group<'_>, system: &System, finder: &mut CellFinder<'_>) -> Row {
    let mut of_leader = |column| match group.leader {
        Some(leader) => finder.of_member(
            leader,
            group.namespaces.iter().map(|entry| entry.ns),
            column,
        ),
        None if group.owner == Owner::Host || group.is_whole() => Cell::Nothing,
        None => Cell::Unknown,
    };
    let is_container = matches!(group.owner, Owner::Container(_));
    let shared = |(ns, owner): &(NsId, Owner)| Shared {
        ns: Identity(*ns),
        with: Cell::Text(owner.name()),
        is_shown: *owner != Owner::Host || (is_container && OF_CONTAINERS.contains(ns.kind)),
    };
    let namespaces = group.namespaces.iter();
    Row {
        name: Cell::Text(group.owner.name()),
        namespaces: namespaces.map(|entry| Identity(entry.ns)).collect(),
        shared: group.shared.iter().map(shared).collect(),
        paused: is_container && is_frozen(group, system),
        nprocs: Cell::count(group.processes, group.is_whole()),
        seen: group.processes,
        pid: of_leader(ProcessColumn::Pid),
        user: of_leader(ProcessColumn::User),
        uid: of_leader(ProcessColumn::Uid),
        command: of_leader(ProcessColumn::Command),
    }
}

/// Returns whether the leader of a group is known to be frozen.
fn is_frozen(group: &Group<'_>, system: &System) -> bool {
    let (Some(leader), Some(host)) = (group.leader, &system.host) else {
        return false;
    };
    host.is_frozen(leader) == Ok(Some(true))
}

impl Row {
    /// Reads a row from JSON, which does not have all that is needed to show shared namespaces.
    pub(super) fn from_json(group: &Value) -> Self {
        let cell = |key: &str| Cell::from_json(&group[key]).unwrap_or(Cell::Unknown);
        let namespace = |namespace: &Value| {
            let kind = NsKind::from_name(namespace["type"].as_str()?.as_bytes())?;
            let inode = namespace["ns"].as_u64()?;
            Some(Identity(NsId { kind, inode }))
        };
        let seen = group["seen"]
            .as_u64()
            .and_then(|seen| seen.try_into().ok())
            .unwrap_or(0);
        let or = |cell, other| if cell == Cell::Nothing { other } else { cell };
        Self {
            name: cell("name"),
            namespaces: group["namespaces"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(namespace)
                .collect(),
            shared: Vec::new(),
            paused: group["paused"] == true,
            nprocs: or(cell("nprocs"), Cell::count(seen, false)),
            seen,
            pid: cell("pid"),
            user: or(cell("user"), cell("uid")),
            uid: cell("uid"),
            command: cell("command"),
        }
    }
}

/// Returns the table of groups.
pub(super) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("NAMESPACES", Align::Left),
        ("NPROCS", Align::Right),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for row in rows {
        table.row([
            row.name.shown() + if row.paused { " (paused)" } else { "" },
            kinds(&row.namespaces, &row.shared),
            row.nprocs.shown(),
            row.pid.shown(),
            row.user.shown(),
            row.command.shown(),
        ]);
    }
    table
}

/// Returns the kinds of a group's namespaces in words: with their number if the group has several of
/// a kind, and with the owners of those that it shares.
fn kinds(namespaces: &[Identity], shared: &[Shared]) -> String {
    let count = |kind| namespaces.iter().filter(|ns| ns.0.kind == kind).count();
    let kinds = NsKind::ALL.map(|kind| (kind, count(kind)));
    if kinds.iter().all(|(_, count)| *count == 1) {
        return "one of each".to_owned();
    }
    // Spaces alone would not tell which number belongs to which kind.
    let between = if kinds.iter().any(|(_, count)| *count > 1) {
        ", "
    } else {
        " "
    };
    let kinds = kinds
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| match count {
            1 => kind.to_string(),
            count => format!("{count} {kind}"),
        });
    let shared = shared.iter().filter(|shared| shared.is_shown);
    let shared = shared.map(|shared| format!("{}={}", shared.ns.0.kind, shared.with.shown()));
    kinds.chain(shared).collect::<Vec<_>>().join(between)
}
