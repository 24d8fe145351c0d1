//! Tables with columns that are shown on request.

use crate::table::{Align, Table};
use clap::ValueEnum;

/// Ids that a process shares with others, in columns of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum With {
    /// Its process group
    Pgid,
    /// Its session
    Sid,
}

/// Makes a table of rows that have a cell for each column. The first part of a column tells whether
/// it is shown.
pub(super) fn table<const N: usize>(
    columns: [(bool, &'static str, Align); N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    let shown = columns.iter().filter(|(is_shown, ..)| *is_shown);
    let shown: Vec<_> = shown.map(|&(_, name, align)| (name, align)).collect();
    let mut table = Table::new(&shown);
    for row in rows {
        let cells = columns.iter().zip(row);
        let shown = cells.filter(|((is_shown, ..), _)| *is_shown);
        table.row(shown.map(|(_, cell)| cell));
    }
    table
}
