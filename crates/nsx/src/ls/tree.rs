//! Namespaces as trees, by owner, parent or process.

use crate::{
    query::{
        cell::Cell,
        column::NsColumn,
        forest::Forest,
        listing::{self, Listing, Object},
    },
    table::Table,
};
use nsx_core::{census::Census, hash::HashMap, pid::Pid, proc::ProcRoot};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// The order of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// User namespaces with the namespaces that they own.
    Owner,
    /// PID and user namespaces below their parents.
    Parent,
    /// Namespaces below the namespace that their leader's nearest ancestor elsewhere is in.
    Process,
}

impl Order {
    /// Returns the columns that the order needs.
    pub(super) fn columns(self) -> &'static [NsColumn] {
        match self {
            Self::Owner => &[NsColumn::Ns, NsColumn::Owner],
            Self::Parent => &[NsColumn::Ns, NsColumn::Parent],
            Self::Process => &[NsColumn::Ns, NsColumn::Type, NsColumn::Pid],
        }
    }

    /// Returns the column with the namespace above a row's; `None` if no column has it.
    pub(super) fn parent(self) -> Option<NsColumn> {
        match self {
            Self::Owner => Some(NsColumn::Owner),
            Self::Parent => Some(NsColumn::Parent),
            Self::Process => None,
        }
    }
}

/// Puts the rows of a listing, which has the columns that the order needs, below one another.
/// [`Order::Process`] requires `origins`.
pub(super) fn forest<'l>(
    listing: &'l Listing,
    order: Order,
    mut origins: Option<Origins<'_>>,
) -> Forest<&'l [Cell]> {
    let rows: Vec<_> = listing.rows.iter().map(Vec::as_slice).collect();
    let indices = listing.indices();
    Forest::of(rows, |row| {
        let above = match &mut origins {
            Some(origins) => origins.above(listing, row),
            None => listing.number(row, order.parent()?),
        };
        indices.get(&above?).copied()
    })
}

/// The processes that the leaders of namespaces descend from.
pub(super) struct Origins<'a> {
    proc: &'a ProcRoot,
    /// A census with members.
    census: &'a Census,
    parents: HashMap<Pid, Option<Pid>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(census: &'a Census, proc: &'a ProcRoot) -> Self {
        Self {
            proc,
            census,
            parents: HashMap::default(),
        }
    }

    /// Returns the namespace of the leader's nearest ancestor that is in another namespace of the
    /// row's kind.
    fn above(&mut self, listing: &Listing, row: &[Cell]) -> Option<u64> {
        let ns = listing.ns(row)?;
        let leader = Pid::from_raw(i32::try_from(listing.number(row, NsColumn::Pid)?).ok()?)?;
        let census = self.census;
        // Parents are read one after the other, so that they could form a circle.
        let mut ancestors =
            std::iter::successors(Some(leader), |pid| self.parent(*pid)).take(census.members.len());
        let elsewhere = ancestors
            .find_map(|pid| census.member(pid)?.ns(ns.kind).filter(|other| *other != ns))?;
        Some(elsewhere.inode)
    }

    fn parent(&mut self, pid: Pid) -> Option<Pid> {
        *self
            .parents
            .entry(pid)
            .or_insert_with(|| self.proc.status(pid).ok()?.ppid)
    }
}

/// Returns a table with the lines of the tree in the first column.
pub(super) fn table(listing: &Listing, columns: &[NsColumn], forest: &Forest<&[Cell]>) -> Table {
    listing::tree(columns, &forest.lines(), |row, index| {
        listing.cell(row, columns[index]).shown()
    })
}

/// A row and the rows below it, which JSON has as `children`.
pub(super) struct Nested<'a> {
    row: Object<'a>,
    children: Vec<Self>,
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.row.entries(&mut map)?;
        map.serialize_entry("children", &self.children)?;
        map.end()
    }
}

/// Returns the trees for JSON.
pub(super) fn nested<'a>(
    columns: &'a [NsColumn],
    listing: &'a Listing,
    forest: &'a Forest<&'a [Cell]>,
) -> Vec<Nested<'a>> {
    forest.fold(|row, children| Nested {
        row: listing.object(columns, row),
        children,
    })
}
