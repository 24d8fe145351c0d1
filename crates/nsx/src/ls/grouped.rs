//! The view that one gets who asks for nothing in particular: what on this host has namespaces of
//! its own.

use super::{
    Hidden, LeftOut, Options,
    groups::{self, Group},
    owners::Owner,
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{cell::Cell, finder::Finder, process_column::ProcessColumn, system::System},
    table::{Align, Table},
};
use nsx_core::{
    census::{Census, Query, Sources},
    ns::{NsId, NsKind, NsSet},
};
use nsx_target::Host;
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
struct Row {
    name: Cell,
    namespaces: Vec<Member>,
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

/// A namespace of the group.
#[derive(Serialize)]
struct Member {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A namespace that belongs to another group.
#[derive(Serialize)]
struct Shared {
    #[serde(flatten)]
    member: Member,
    with: Cell,
    /// `true` if the namespace is told to people: containers have most of their namespaces for
    /// themselves, processes share most.
    #[serde(skip)]
    is_news: bool,
}

/// The kinds of namespace that a container has for itself unless it is told otherwise.
const OF_CONTAINERS: NsSet = NsSet::EMPTY
    .with(NsKind::Ipc)
    .with(NsKind::Mnt)
    .with(NsKind::Net)
    .with(NsKind::Pid)
    .with(NsKind::Uts);

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    let query = Query {
        kinds: NsSet::ALL,
        sources: Sources::PINS.with(Sources::MEMBERS),
    };
    let mut census = Census::take(&system.proc, query)
        .map_err(|errno| out::failed("list the processes", &errno))?;
    census.find_leaders(&system.proc);
    let rows = all(&census, system);
    let left_out = LeftOut::all_of(&census, &system.proc);
    let is_empty = rows.is_empty();
    if options.json_lines {
        out::print_json_lines(&rows)?;
    } else if options.json {
        out::print_json(&Document {
            version: 1,
            groups: rows,
            hidden: left_out.hidden(),
        })?;
    } else {
        out::print(&draw(&rows).render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        left_out.report();
    }
    Ok(if is_empty {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    })
}

/// The table of a census that was taken with its members, leaders and pins.
pub(super) fn table(census: &Census, system: &System) -> Table {
    draw(&all(census, system))
}

/// The table of groups that were saved, each as JSON has it.
pub(super) fn table_of_saved(groups: &[Value]) -> Table {
    draw(&groups.iter().map(Row::from_json).collect::<Vec<_>>())
}

/// The rows of a census that was taken with its members and pins, as JSON has them.
pub(super) fn rows(census: &Census, system: &System) -> Vec<impl Serialize + use<>> {
    all(census, system)
}

fn all(census: &Census, system: &System) -> Vec<Row> {
    let mut finder = Finder::new(system);
    let groups = groups::groups(census, &system.proc, &mut finder);
    groups
        .iter()
        .map(|group| row(group, system, &mut finder))
        .collect()
}

fn row(group: &Group<'_>, system: &System, finder: &mut Finder<'_>) -> Row {
    let mut of_leader = |column| match group.leader {
        Some(leader) => finder.of_member(
            leader,
            group.namespaces.iter().map(|entry| entry.ns),
            column,
        ),
        None if group.owner == Owner::Host || group.is_whole() => Cell::Nothing,
        None => Cell::Unknown,
    };
    let member = |ns: NsId| Member {
        ns: ns.inode,
        kind: ns.kind.name(),
    };
    let is_container = matches!(group.owner, Owner::Container(_));
    let shared = |(ns, owner): &(NsId, Owner)| Shared {
        member: member(*ns),
        with: Cell::Text(owner.name()),
        is_news: *owner != Owner::Host || (is_container && OF_CONTAINERS.contains(ns.kind)),
    };
    let is_frozen = |leader, host: &Host| host.is_frozen(leader) == Ok(Some(true));
    Row {
        name: Cell::Text(group.owner.name()),
        namespaces: group
            .namespaces
            .iter()
            .map(|entry| member(entry.ns))
            .collect(),
        shared: group.shared.iter().map(shared).collect(),
        paused: is_container
            && group
                .leader
                .zip(system.host.as_ref())
                .is_some_and(|(leader, host)| is_frozen(leader, host)),
        nprocs: Cell::count(group.processes, group.is_whole()),
        seen: group.processes,
        pid: of_leader(ProcessColumn::Pid),
        user: of_leader(ProcessColumn::User),
        uid: of_leader(ProcessColumn::Uid),
        command: of_leader(ProcessColumn::Command),
    }
}

impl Row {
    /// Reads a row from what [`Serialize`] writes. Whether it is news with whom namespaces are
    /// shared is not written, so none of these is told.
    fn from_json(group: &Value) -> Self {
        let cell = |key: &str| Cell::from_json(&group[key]).unwrap_or(Cell::Unknown);
        let member = |member: &Value| {
            let kind = NsKind::from_name(member["type"].as_str()?.as_bytes())?;
            Some(Member {
                ns: member["ns"].as_u64()?,
                kind: kind.name(),
            })
        };
        let seen = group["seen"]
            .as_u64()
            .and_then(|seen| seen.try_into().ok())
            .unwrap_or(0);
        let or = |cell, other: Cell| if cell == Cell::Nothing { other } else { cell };
        Self {
            name: cell("name"),
            namespaces: group["namespaces"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(member)
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

fn draw(rows: &[Row]) -> Table {
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

/// The kinds, each with its number where there are several of it, and with whom the others are
/// shared.
fn kinds(namespaces: &[Member], shared: &[Shared]) -> String {
    let count = |kind: &NsKind| {
        namespaces
            .iter()
            .filter(|member| member.kind == kind.name())
            .count()
    };
    let kinds = NsKind::ALL.map(|kind| (kind, count(&kind)));
    if kinds.iter().all(|(_, count)| *count == 1) {
        return "one of each".to_owned();
    }
    // With numbers among them, spaces alone would not say which belongs to what.
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
    let shared = shared.iter().filter(|shared| shared.is_news);
    let shared = shared.map(|shared| format!("{}={}", shared.member.kind, shared.with.shown()));
    kinds.chain(shared).collect::<Vec<_>>().join(between)
}
