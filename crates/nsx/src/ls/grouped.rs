//! The view that one gets who asks for nothing in particular: what on this host has namespaces of its own.

use super::{
    Options, Sight,
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
    census::{Census, Query, Sources},
    ns::{NsKind, NsSet},
};

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, sight: &Sight) -> Result<ExitStatus, ExitStatus> {
    let query = Query { kinds: NsSet::ALL, sources: Sources::PINS.with(Sources::MEMBERS) };
    let census = Census::take(&sight.proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
    let table = table(&census, sight);
    out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
    if !options.quiet {
        report(census.unseen);
    }
    Ok(if table.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

/// The table of a census that was taken with its members and pins.
pub(super) fn table(census: &Census, sight: &Sight) -> Table {
    let mut finder = Finder::new(sight);
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("NAMESPACES", Align::Left),
        ("NPROCS", Align::Right),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for group in groups::groups(census, &sight.proc, &mut finder) {
        table.row(row(&group, &mut finder).iter().map(Cell::shown));
    }
    table
}

fn row(group: &Group<'_>, finder: &mut Finder<'_>) -> Vec<Cell> {
    // Whose process has the lowest id on a host says nothing.
    let leader = if group.owner == Owner::Host { None } else { group.leader() };
    let mut of_leader = |column| leader.map_or(Cell::Nothing, |entry| finder.find(entry, column));
    vec![
        Cell::Text(group.owner.name()),
        Cell::text(kinds(group)),
        Cell::Number(group.processes as u64),
        of_leader(Column::Pid),
        of_leader(Column::User),
        of_leader(Column::Command),
    ]
}

/// The kinds, each with its number where there are several of it.
fn kinds(group: &Group<'_>) -> String {
    if group.namespaces.len() == NsKind::ALL.len() && group.kinds().len() == NsKind::ALL.len() {
        return "one of each".to_owned();
    }
    let kinds = group.kinds().into_iter().map(|(kind, count)| match count {
        1 => kind.to_string(),
        count => format!("{count} {kind}"),
    });
    let kinds: Vec<_> = kinds.collect();
    // With numbers among them, spaces alone would not say which belongs to what.
    let between = if group.kinds().iter().any(|(_, count)| *count > 1) { ", " } else { " " };
    kinds.join(between)
}
