//! The view that one gets who asks for nothing in particular: what on this host has namespaces of its own.

use super::{
    Options, Sight,
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
    census::{Census, Query, Sources, Unseen},
    ns::{NsKind, NsSet},
};

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, sight: &Sight) -> Result<ExitStatus, ExitStatus> {
    let (unseen, table) = table(sight)?;
    out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
    if !options.quiet {
        report(unseen);
    }
    Ok(if table.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

/// The table, and what is not in it.
pub(super) fn table(sight: &Sight) -> Result<(Unseen, Table), ExitStatus> {
    let query = Query { kinds: NsSet::ALL, sources: Sources::PINS.with(Sources::MEMBERS) };
    let census = Census::take(&sight.proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
    let mut finder = Finder::new(sight);
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("NAMESPACES", Align::Left),
        ("NPROCS", Align::Right),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for group in groups::groups(&census, &sight.proc, &mut finder) {
        table.row(row(&group, &mut finder).iter().map(Cell::shown).collect());
    }
    Ok((census.unseen, table))
}

fn row(group: &Group<'_>, finder: &mut Finder<'_>) -> Vec<Cell> {
    let (user, command) = match (group.leader(), &group.owner) {
        // Whose process has the lowest id on a host says nothing.
        (_, Owner::Host) | (None, _) => (Cell::Nothing, Cell::Nothing),
        (Some(pid), _) => finder.user_and_command(pid),
    };
    let leader = group.leader().filter(|_| group.owner != Owner::Host);
    vec![
        Cell::Text(group.owner.name()),
        Cell::text(kinds(group)),
        Cell::Number(group.processes as u64),
        Cell::number(leader.map(|pid| pid.as_raw_pid().unsigned_abs())),
        user,
        command,
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
