//! The view that one gets who asks for nothing in particular: what on this host has namespaces of its own.

use super::{
    Hidden, Options, Sight,
    column::Column,
    finder::Finder,
    groups::{self, Group, Owner},
    report,
};
use crate::{
    cell::Cell,
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
};
use nsx_core::{
    census::{Census, Entry, Query, Sources},
    ns::{NsKind, NsSet},
};
use serde::Serialize;

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
    nprocs: usize,
    pid: Cell,
    user: Cell,
    uid: Cell,
    command: Cell,
}

/// One of its namespaces.
#[derive(Serialize)]
struct Member {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, sight: &Sight) -> Result<ExitStatus, ExitStatus> {
    let query = Query { kinds: NsSet::ALL, sources: Sources::PINS.with(Sources::MEMBERS) };
    let census = Census::take(&sight.proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
    let rows = rows(&census, sight);
    let is_empty = rows.is_empty();
    if options.json_lines {
        out::print_json_lines(&rows)?;
    } else if options.json {
        out::print_json(&Document { version: 1, groups: rows, hidden: census.unseen.into() })?;
    } else {
        out::print(&draw(&rows).render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        report(census.unseen);
    }
    Ok(if is_empty { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

/// The table of a census that was taken with its members and pins.
pub(super) fn table(census: &Census, sight: &Sight) -> Table {
    draw(&rows(census, sight))
}

fn rows(census: &Census, sight: &Sight) -> Vec<Row> {
    let mut finder = Finder::new(sight);
    let groups = groups::groups(census, &sight.proc, &mut finder);
    groups.iter().map(|group| row(group, &mut finder)).collect()
}

fn row(group: &Group<'_>, finder: &mut Finder<'_>) -> Row {
    // Whose process has the lowest id on a host says nothing.
    let leader = if group.owner == Owner::Host { None } else { group.leader() };
    let mut of_leader = |column| leader.map_or(Cell::Nothing, |entry| finder.find(entry, column));
    let member = |entry: &&Entry| Member { ns: entry.ns.inode, kind: entry.ns.kind.name() };
    Row {
        name: Cell::Text(group.owner.name()),
        namespaces: group.namespaces.iter().map(member).collect(),
        nprocs: group.processes,
        pid: of_leader(Column::Pid),
        user: of_leader(Column::User),
        uid: of_leader(Column::Uid),
        command: of_leader(Column::Command),
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
            row.name.shown(),
            kinds(&row.namespaces),
            row.nprocs.to_string(),
            row.pid.shown(),
            row.user.shown(),
            row.command.shown(),
        ]);
    }
    table
}

/// The kinds, each with its number where there are several of it.
fn kinds(namespaces: &[Member]) -> String {
    let count = |kind: &NsKind| namespaces.iter().filter(|member| member.kind == kind.name()).count();
    let kinds = NsKind::ALL.map(|kind| (kind, count(&kind)));
    if kinds.iter().all(|(_, count)| *count == 1) {
        return "one of each".to_owned();
    }
    // With numbers among them, spaces alone would not say which belongs to what.
    let between = if kinds.iter().any(|(_, count)| *count > 1) { ", " } else { " " };
    let kinds = kinds.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| match count {
        1 => kind.to_string(),
        count => format!("{count} {kind}"),
    });
    kinds.collect::<Vec<_>>().join(between)
}
