//! What became of the namespaces between two censuses.

use super::{
    column::{Column, Columns, USUAL},
    listing::{Listing, Object},
    saved::Saved,
};
use crate::{
    cell::Cell,
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
};
use serde::Serialize;
use std::collections::HashMap;

/// What is compared of a namespace that is in both: what does not change by the mere passing of time.
const COMPARED: [Column; 8] = [
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Command,
    Column::Owner,
    Column::Parent,
    Column::Nsfs,
    Column::Holders,
];

/// A namespace: its kind, its inode number.
type Key<'a> = (&'a Cell, &'a Cell);

/// The differences, in the order of the listings.
struct Difference<'a> {
    /// Rows of the later one.
    created: Vec<&'a [Cell]>,
    /// Rows of the earlier one.
    destroyed: Vec<&'a [Cell]>,
    /// Rows of both, and the columns in which they differ.
    changed: Vec<(&'a [Cell], &'a [Cell], Vec<Column>)>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    created: Vec<Object<'a>>,
    destroyed: Vec<Object<'a>>,
    changed: Vec<Changed<'a>>,
}

#[derive(Serialize)]
struct Changed<'a> {
    before: Object<'a>,
    after: Object<'a>,
}

/// Shows what differs. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(before: &Saved, after: &Saved, json: bool, color: out::Color) -> Result<ExitStatus, ExitStatus> {
    if before.boot != after.boot {
        out::note("the censuses are of different hosts or boots, on which no namespace is the same");
    }
    let same_host = before.boot == after.boot;
    let (old, new) = (&before.listing, &after.listing);
    let difference = Difference::between(old, new, same_host);
    if json {
        let changed = difference.changed.iter();
        out::print_json(&Document {
            version: 1,
            created: difference.created.iter().map(|row| new.object(&new.columns, row)).collect(),
            destroyed: difference.destroyed.iter().map(|row| old.object(&old.columns, row)).collect(),
            changed: changed
                .map(|(before, after, _)| Changed {
                    before: old.object(&old.columns, before),
                    after: new.object(&new.columns, after),
                })
                .collect(),
        })?;
    } else {
        out::print(&difference.table(old, new).render(&Styles::stdout(color), out::width()))?;
    }
    Ok(if difference.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

impl<'a> Difference<'a> {
    fn between(old: &'a Listing, new: &'a Listing, same_host: bool) -> Self {
        fn key<'r>(listing: &'r Listing, row: &'r [Cell]) -> Key<'r> {
            (listing.cell(row, Column::Type), listing.cell(row, Column::Ns))
        }
        let earlier: HashMap<_, _> = old.rows.iter().map(|row| (key(old, row), row.as_slice())).collect();
        let mut difference = Self { created: Vec::new(), destroyed: Vec::new(), changed: Vec::new() };
        let mut met = HashMap::new();
        for row in &new.rows {
            let known = earlier.get(&key(new, row)).copied().filter(|known| {
                // Inode numbers are used again, these ids are not; an old kernel has none.
                let ids = (old.cell(known, Column::Id64), new.cell(row, Column::Id64));
                same_host && !matches!(ids, (Cell::Number(one), Cell::Number(other)) if one != other)
            });
            let Some(known) = known else {
                difference.created.push(row);
                continue;
            };
            met.insert(key(old, known), ());
            let differs = |column: &Column| match (old.cell(known, *column), new.cell(row, *column)) {
                // What was not seen may have been the same.
                (Cell::Unknown | Cell::Hidden, _) | (_, Cell::Unknown | Cell::Hidden) => false,
                (before, after) => before != after,
            };
            let columns: Vec<_> = COMPARED.into_iter().filter(differs).collect();
            if !columns.is_empty() {
                difference.changed.push((known, row, columns));
            }
        }
        difference.destroyed =
            old.rows.iter().map(Vec::as_slice).filter(|row| !met.contains_key(&key(old, row))).collect();
        difference
    }

    fn is_empty(&self) -> bool {
        self.created.is_empty() && self.destroyed.is_empty() && self.changed.is_empty()
    }

    fn table(&self, old: &Listing, new: &Listing) -> Table {
        let mut headings = vec![("CHANGE", Align::Left)];
        headings.extend(USUAL.map(|column| (column.spec().name, column.spec().align)));
        let mut table = Table::new(&headings);
        let cells = |listing: &Listing, row: &[Cell]| USUAL.map(|column| listing.cell(row, column).shown());
        for row in &self.created {
            table.row([&["created".to_owned()][..], &cells(new, row)].concat());
        }
        for row in &self.destroyed {
            table.row([&["destroyed".to_owned()][..], &cells(old, row)].concat());
        }
        for (before, after, columns) in &self.changed {
            let mut cells = cells(new, after).to_vec();
            let changes: Vec<_> = columns
                .iter()
                .map(|column| {
                    let [before, after] = [old.cell(before, *column), new.cell(after, *column)].map(Cell::shown);
                    format!("{}: {before} → {after}", column.spec().name)
                })
                .collect();
            // In place of the command, which is the last.
            if let Some(last) = cells.last_mut() {
                *last = changes.join("; ");
            }
            table.row([&["changed".to_owned()][..], &cells].concat());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsx_core::census::Unseen;

    fn listing(rows: &[(u64, u64, u64)]) -> Listing {
        let row = |&(ns, id64, nprocs): &(u64, u64, u64)| {
            vec![Cell::text("net"), Cell::Number(ns), Cell::Number(id64), Cell::Number(nprocs)]
        };
        Listing {
            columns: vec![Column::Type, Column::Ns, Column::Id64, Column::Nprocs],
            rows: rows.iter().map(row).collect(),
            unseen: Unseen::default(),
        }
    }

    #[test]
    fn a_number_that_is_used_again_is_another_namespace() {
        let (old, new) =
            (listing(&[(1, 10, 3), (2, 11, 1), (3, 12, 1)]), listing(&[(1, 10, 4), (2, 99, 1), (3, 12, 1)]));
        let difference = Difference::between(&old, &new, true);
        assert_eq!(difference.created, [new.rows[1].as_slice()]);
        assert_eq!(difference.destroyed, [old.rows[1].as_slice()]);
        assert_eq!(difference.changed.len(), 1);
        assert_eq!(difference.changed[0].2, [Column::Nprocs]);
        assert!(Difference::between(&old, &old, true).is_empty());
        assert_eq!(Difference::between(&old, &old, false).created.len(), 3);
    }
}
