//! Namespaces as trees: what owns what, what stands below what.

use super::{
    column::{Column, Columns},
    forest::Forest,
    listing::Listing,
};
use crate::{cell::Cell, table::Align, table::Table};
use clap::ValueEnum;
use nsx_core::{
    census::{Census, Query, Sources},
    ns::{NsId, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::HashMap;

/// What stands below what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    /// User namespaces with the namespaces that they own
    #[default]
    Owner,
    /// PID and user namespaces below their parents
    Parent,
    /// Namespaces below the one that their leader's parent, or the next of its ancestors elsewhere, is in
    Process,
    /// PID namespaces with their processes, each below its parent
    Pid,
}

impl Order {
    /// The columns that say what stands above a namespace.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Owner => &[Column::Ns, Column::Owner],
            Self::Parent => &[Column::Ns, Column::Parent],
            Self::Process | Self::Pid => &[Column::Ns, Column::Type, Column::Pid],
        }
    }
}

/// The rows of a listing, below one another. The listing has the columns that the order asks for.
///
/// # Errors
/// The errno with which the processes could not be listed, where their parents are asked for.
pub(super) fn forest<'l>(
    listing: &'l Listing,
    order: Order,
    proc: &ProcRoot,
) -> Result<Forest<&'l [Cell]>, rustix::io::Errno> {
    let rows: Vec<_> = listing.rows.iter().map(Vec::as_slice).collect();
    let places: HashMap<_, _> =
        rows.iter().enumerate().map(|(place, row)| (number(listing, row, Column::Ns), place)).collect();
    let origins = if order == Order::Process { Some(Origins::find(proc)?) } else { None };
    let above = |row: &&[Cell]| match &origins {
        Some(origins) => origins.above(listing, row),
        None => number(listing, row, order.columns()[1]),
    };
    Ok(Forest::of(rows, |row| above(row).and_then(|ns| places.get(&Some(ns)).copied())))
}

fn number(listing: &Listing, row: &[Cell], column: Column) -> Option<u64> {
    match listing.cell(row, column) {
        Cell::Number(number) => Some(*number),
        _ => None,
    }
}

/// Where the leaders of namespaces come from.
struct Origins {
    census: Census,
    parents: HashMap<Pid, Pid>,
}

impl Origins {
    fn find(proc: &ProcRoot) -> Result<Self, rustix::io::Errno> {
        let census = Census::take(proc, Query { kinds: NsSet::ALL, sources: Sources::MEMBERS })?;
        let mut buffer = Vec::new();
        let parent = |pid: Pid| Some((pid, proc.status(pid, &mut buffer).ok()?.ppid?));
        let parents = census.members.iter().map(|member| member.pid).filter_map(parent).collect();
        Ok(Self { census, parents })
    }

    /// The namespace of the same kind that the nearest ancestor of the leader is in who is not in this one.
    fn above(&self, listing: &Listing, row: &[Cell]) -> Option<u64> {
        let Cell::Text(kind) = listing.cell(row, Column::Type) else { return None };
        let kind = nsx_core::ns::NsKind::from_name(kind)?;
        let ns = NsId { kind, inode: number(listing, row, Column::Ns)? };
        let leader = Pid::from_raw(i32::try_from(number(listing, row, Column::Pid)?).ok()?)?;
        // Ids that were read one after the other could lead round in a circle.
        let ancestors = std::iter::successors(Some(leader), |pid| self.parents.get(pid).copied());
        let elsewhere = ancestors.take(self.census.members.len()).find_map(|pid| {
            let place = self.census.members.binary_search_by_key(&pid.as_raw_pid(), |member| member.pid.as_raw_pid());
            self.census.members[place.ok()?].ns(kind).filter(|other| *other != ns)
        });
        elsewhere.map(|ns| ns.inode)
    }
}

/// For people: the lines of the tree in the first column.
pub(super) fn table(listing: &Listing, columns: &[Column], forest: &Forest<&[Cell]>) -> Table {
    let headings: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| (column.spec().name, if place == 0 { Align::Left } else { column.spec().align }))
        .collect();
    let mut table = Table::new(&headings);
    for (lead, row) in forest.lines() {
        let mut cells: Vec<_> = columns.iter().map(|column| listing.cell(row, *column).shown()).collect();
        if let Some(first) = cells.first_mut() {
            first.insert_str(0, &lead);
        }
        table.row(cells);
    }
    table
}

/// For programs: each row with what stands below it as `children`.
pub(super) struct Nested<'a> {
    pub(super) row: super::listing::Object<'a>,
    pub(super) children: Vec<Self>,
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.row.entries(&mut map)?;
        map.serialize_entry("children", &self.children)?;
        map.end()
    }
}

/// The trees as JSON has them.
pub(super) fn nested<'a>(
    columns: &'a [Column],
    listing: &'a Listing,
    forest: &'a Forest<&'a [Cell]>,
) -> Vec<Nested<'a>> {
    forest.fold(|row, children| Nested { row: listing.object(columns, row), children })
}
