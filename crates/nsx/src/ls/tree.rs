//! Namespaces as trees: what owns what, what stands below what.

use super::listing::Listing;
use crate::{
    query::{
        cell::Cell,
        column::{Column, Columns},
        forest::Forest,
    },
    table::Align,
    table::Table,
};
use clap::ValueEnum;
use nsx_core::{
    census::{Census, Sources},
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::ProcRoot,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Why there is no tree of what was saved by its processes.
pub(super) const NOT_SAVED: &str = "what was saved does not say which process made which: \
--tree=owner and --tree=parent can be had";

/// The order of a tree: which rows stand below which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    /// User namespaces with the namespaces that they own
    #[default]
    Owner,
    /// PID and user namespaces below their parents
    Parent,
    /// Namespaces below the one that their leader's parent, or the next of its ancestors elsewhere,
    /// is in
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

    /// Returns the further sources that the census must have.
    pub(super) fn sources(self) -> Sources {
        match self {
            Self::Process => Sources::MEMBERS,
            Self::Owner | Self::Parent | Self::Pid => Sources::NONE,
        }
    }
}

/// The rows of a listing, below one another. The listing has the columns that the order asks for;
/// `origins` are of the census that it was made from, where processes are asked for.
pub(super) fn forest<'l>(
    listing: &'l Listing,
    order: Order,
    mut origins: Option<Origins<'_>>,
) -> Forest<&'l [Cell]> {
    let rows: Vec<_> = listing.rows.iter().map(Vec::as_slice).collect();
    let places = listing.places();
    Forest::of(rows, |row| {
        let above = match &mut origins {
            Some(origins) => origins.above(listing, row),
            None => listing.number(row, order.columns()[1]),
        };
        places.get(&above?).copied()
    })
}

/// The ancestors that the leaders of namespaces come from.
pub(super) struct Origins<'a> {
    proc: &'a ProcRoot,
    /// Has its members.
    census: &'a Census,
    /// Each asked for once.
    parents: HashMap<Pid, Option<Pid>>,
    buffer: Vec<u8>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(census: &'a Census, proc: &'a ProcRoot) -> Self {
        Self {
            proc,
            census,
            parents: HashMap::default(),
            buffer: Vec::new(),
        }
    }

    /// The namespace of the same kind that the nearest ancestor of the leader is in who is not in
    /// this one.
    fn above(&mut self, listing: &Listing, row: &[Cell]) -> Option<u64> {
        let Cell::Text(kind) = listing.cell(row, Column::Type) else {
            return None;
        };
        let kind = NsKind::from_name(kind)?;
        let ns = NsId {
            kind,
            inode: listing.number(row, Column::Ns)?,
        };
        let leader = Pid::from_raw(i32::try_from(listing.number(row, Column::Pid)?).ok()?)?;
        let census = self.census;
        // Ids that were read one after the other could lead round in a circle.
        let mut ancestors =
            std::iter::successors(Some(leader), |pid| self.parent(*pid)).take(census.members.len());
        let elsewhere =
            ancestors.find_map(|pid| census.member(pid)?.ns(kind).filter(|other| *other != ns))?;
        Some(elsewhere.inode)
    }

    fn parent(&mut self, pid: Pid) -> Option<Pid> {
        *self
            .parents
            .entry(pid)
            .or_insert_with(|| self.proc.status(pid, &mut self.buffer).ok()?.ppid)
    }
}

/// For people: the lines of the tree in the first column.
pub(super) fn table(listing: &Listing, columns: &[Column], forest: &Forest<&[Cell]>) -> Table {
    let headings: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            (
                column.spec().name,
                if place == 0 {
                    Align::Left
                } else {
                    column.spec().align
                },
            )
        })
        .collect();
    let mut table = Table::new(&headings);
    for (lead, row) in forest.lines() {
        let mut cells: Vec<_> = columns
            .iter()
            .map(|column| listing.cell(row, *column).shown())
            .collect();
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
    forest.fold(|row, children| Nested {
        row: listing.object(columns, row),
        children,
    })
}
