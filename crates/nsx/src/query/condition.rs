//! The condition that the rows of a list fulfil, as `--filter` has it.

use super::{
    cell::Cell,
    column::Column,
    filter::{Filter, Value},
};
use crate::{error::Error, meant};
use std::ffi::OsStr;

/// Reads the expression of `--filter`.
pub(crate) fn read<C: Column>(expression: Option<&OsStr>) -> Result<Option<Filter<C>>, Error> {
    let Some(expression) = expression.map(OsStr::as_encoded_bytes) else {
        return Ok(None);
    };
    Filter::parse(expression, C::named)
        .map(Some)
        .map_err(|error| {
            let names = C::all().map(|column| column.spec().name);
            let mended = Filter::mended(expression, C::named, names);
            let hint = match mended.and_then(|mended| meant::quoted(&mended)) {
                Some(mended) => format!("type -Q {mended}"),
                None => format!("{} lists the columns; texts stand in quotes", C::LISTED_BY),
            };
            Error::usage(error.to_string()).with_hints([hint])
        })
}

/// Returns whether a filter lets a row through, which a list without a filter always does; `None` if
/// that is not known. `find` is called once for each column that the filter reads.
pub(crate) fn holds<C: Column>(
    filter: Option<&Filter<C>>,
    mut find: impl FnMut(C) -> Cell,
) -> Option<bool> {
    let Some(filter) = filter else {
        return Some(true);
    };
    let cells: Vec<_> = filter
        .columns()
        .iter()
        .map(|column| (*column, find(*column)))
        .collect();
    filter.matches(|column| {
        let cell = cells.iter().find(|(other, _)| *other == column);
        cell.map_or(Value::Nothing, |(_, cell)| cell.value())
    })
}
