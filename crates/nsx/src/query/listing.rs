//! A list of namespaces or processes: rows of cells, one cell for each column.

use crate::{
    query::{
        cell::Cell,
        column::{Column, NsColumn},
    },
    table::{Align, Table},
};
use nsx_core::{
    census::Unseen,
    hash::HashMap,
    ns::{NsId, NsKind},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A list of namespaces or processes.
pub(crate) struct Listing<C = NsColumn> {
    pub(crate) columns: Vec<C>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// The processes that are in none of the numbers or rows.
    pub(crate) unseen: Unseen,
}

impl Listing {
    /// Returns the number that a row has in a column; `None` if its cell is not a number.
    pub(crate) fn number(&self, row: &[Cell], column: NsColumn) -> Option<u64> {
        match self.cell(row, column) {
            Cell::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the namespace of a row; `None` if the listing has no columns for it.
    pub(crate) fn ns(&self, row: &[Cell]) -> Option<NsId> {
        let Cell::Text(kind) = self.cell(row, NsColumn::Type) else {
            return None;
        };
        Some(NsId {
            kind: NsKind::from_name(kind)?,
            inode: self.number(row, NsColumn::Ns)?,
        })
    }

    /// Returns the index of each namespace's row, by inode number.
    pub(crate) fn indices(&self) -> HashMap<u64, usize> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(index, row)| Some((self.number(row, NsColumn::Ns)?, index)))
            .collect()
    }
}

impl<C: Column> Listing<C> {
    /// Returns a row's cell in a column; unknown if the listing does not have the column.
    pub(crate) fn cell<'r>(&self, row: &'r [Cell], column: C) -> &'r Cell {
        let index = self.columns.iter().position(|own| *own == column);
        index
            .and_then(|index| row.get(index))
            .unwrap_or(&Cell::Unknown)
    }

    /// Returns the listing as a saved census has it: bytes that are not UTF-8 are replaced.
    pub(crate) fn lossy(self) -> Self {
        let rows = self
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(Cell::lossy).collect());
        Self {
            rows: rows.collect(),
            ..self
        }
    }

    /// Returns a table with these columns.
    pub(crate) fn table(&self, columns: &[C]) -> Table {
        let headings: Vec<_> = columns
            .iter()
            .map(|column| (column.spec().name, column.spec().align))
            .collect();
        let mut table = Table::new(&headings);
        for row in &self.rows {
            table.row(columns.iter().map(|column| self.cell(row, *column).shown()));
        }
        table
    }

    /// Returns the rows as JSON objects with these columns.
    pub(crate) fn objects<'a>(&'a self, columns: &'a [C]) -> impl Iterator<Item = Object<'a, C>> {
        self.rows.iter().map(|row| self.object(columns, row))
    }

    /// Returns a row as a JSON object with these columns.
    pub(crate) fn object<'a>(&'a self, columns: &'a [C], row: &'a [Cell]) -> Object<'a, C> {
        Object {
            listing: self,
            columns,
            row,
        }
    }
}

/// Returns a table with the rows of a tree, in which the first column has the lines that lead to
/// each. `shown` returns the text of a row in the column with an index.
pub(crate) fn tree<C: Column, R>(
    columns: &[C],
    lines: &[(String, R)],
    mut shown: impl FnMut(&R, usize) -> String,
) -> Table {
    let headings = columns.iter().enumerate().map(|(index, column)| {
        let spec = column.spec();
        (spec.name, if index == 0 { Align::Left } else { spec.align })
    });
    let mut table = Table::new(&headings.collect::<Vec<_>>());
    for (lead, row) in lines {
        table.row((0..columns.len()).map(|index| {
            let lead = if index == 0 { lead } else { "" };
            format!("{lead}{}", shown(row, index))
        }));
    }
    table
}

/// A row as a JSON object, keyed by the columns.
pub(crate) struct Object<'a, C = NsColumn> {
    listing: &'a Listing<C>,
    columns: &'a [C],
    row: &'a [Cell],
}

impl<C: Column> Object<'_, C> {
    /// Writes the columns into an object, which may have more keys.
    pub(crate) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.cells()
            .try_for_each(|(key, cell)| map.serialize_entry(&key, cell))
    }

    /// Returns the keys with their cells.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (String, &Cell)> {
        // A column that is named twice is one key.
        let columns = self
            .columns
            .iter()
            .enumerate()
            .filter(|(index, column)| !self.columns[..*index].contains(column));
        columns.map(|(_, column)| (column.key(), self.listing.cell(self.row, *column)))
    }
}

impl<C: Column> Serialize for Object<'_, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}
