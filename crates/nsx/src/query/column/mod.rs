//! The columns of lists: names, meanings, costs and sources.

mod link;
mod mount;
mod namespace;
mod process;
mod socket;

pub(crate) use link::LinkColumn;
pub(crate) use mount::MountColumn;
pub(crate) use namespace::{NsColumn, USUAL};
pub(crate) use process::ProcessColumn;
pub(crate) use socket::SocketColumn;

use crate::{answer::Format, error::Error, table::Align};
use nsx_core::census::Sources;
use nsx_target::near;

/// The properties of a column.
pub(crate) struct Spec<C> {
    column: C,
    /// The name in headings, options and filters. JSON keys are the same in lower case.
    pub(crate) name: &'static str,
    pub(crate) align: Align,
    /// The meaning of the column, in words.
    pub(crate) about: &'static str,
    /// The cost of the column's cells, beyond the pass over the processes.
    pub(crate) cost: &'static str,
    /// The sources that the census has to read for the column.
    pub(crate) sources: Sources,
}

/// Returns the properties of a column for which the census reads no further source.
const fn spec<C: Copy>(
    column: C,
    name: &'static str,
    align: Align,
    cost: &'static str,
    about: &'static str,
) -> Spec<C> {
    Spec {
        column,
        name,
        align,
        about,
        cost,
        sources: Sources::NONE,
    }
}

/// Costs that columns of namespaces and of processes have.
const NOTHING: &str = "nothing";
const FILE: &str = "a file for each row";
const RECORDS: &str = "a file for each row, the engines' records once";

/// A column of one kind of list.
pub(crate) trait Column: Copy + PartialEq + Sized + 'static {
    /// The properties of all columns, in the order of `--columns`.
    const SPECS: &'static [Spec<Self>];
    /// The columns of a list if none are named.
    const USUAL: &'static [Self];
    /// The options that list the columns.
    const LISTED_BY: &'static str;

    /// Returns the properties of the column.
    fn spec(self) -> &'static Spec<Self>;

    /// Returns all columns, in the order of `--columns`.
    fn all() -> impl Iterator<Item = Self> {
        Self::SPECS.iter().map(|spec| spec.column)
    }

    /// Returns the column with this name, in upper or lower case.
    fn named(name: &str) -> Option<Self> {
        Self::SPECS
            .iter()
            .find(|spec| spec.name.eq_ignore_ascii_case(name))
            .map(|spec| spec.column)
    }

    /// Returns the key in JSON.
    fn key(self) -> String {
        self.spec().name.to_ascii_lowercase()
    }
}

/// Reads the value of `--output`: names with commas between them, or `all`. After a `+`, the columns
/// are added to the `usual` ones, before COMMAND, which can be long and stays last.
///
/// # Errors
/// The reason, in words, why the list cannot be read.
pub(crate) fn parse_list<C: Column>(list: &str, usual: &[C]) -> Result<Vec<C>, String> {
    let (mut columns, last, names) = match (list.strip_prefix('+'), usual.split_last()) {
        (Some(names), Some((last, before))) if last.spec().name == "COMMAND" => {
            (before.to_vec(), Some(*last), names)
        }
        (Some(names), _) => (usual.to_vec(), None, names),
        (None, _) => (Vec::new(), None, list),
    };
    for name in names.split(',') {
        match C::named(name) {
            Some(column) => columns.push(column),
            None if name.eq_ignore_ascii_case("all") => columns.extend(C::all()),
            None => {
                let near = near::nearest(name, C::all().map(|column| column.spec().name));
                let near = near
                    .first()
                    .map_or_else(String::new, |near| format!("did you mean {near}? "));
                return Err(format!(
                    "there is no column {name:?}; {near}{} lists the columns",
                    C::LISTED_BY
                ));
            }
        }
    }
    columns.extend(last);
    Ok(columns)
}

/// Returns the columns that `--output` names, or else the usual ones or, for programs, all.
pub(crate) fn shown<C: Column>(list: Option<&str>, format: Format) -> Result<Vec<C>, Error> {
    match list {
        Some(list) => parse_list(list, C::USUAL).map_err(Error::Usage),
        None if format == Format::Text => Ok(C::USUAL.to_vec()),
        None => Ok(C::all().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<C: Column + std::fmt::Debug>(index_of: fn(C) -> usize) {
        for (index, column) in C::all().enumerate() {
            assert_eq!(index_of(column), index);
            assert_eq!(C::named(&column.key()), Some(column));
        }
    }

    #[test]
    fn every_column_has_its_properties_at_its_index() {
        check(|column: LinkColumn| column as usize);
        check(|column: SocketColumn| column as usize);
        check(|column: MountColumn| column as usize);
        check(|column: NsColumn| column as usize);
        check(|column: ProcessColumn| column as usize);
    }

    #[test]
    fn a_list_names_columns_or_adds_to_the_usual_ones() {
        let parse_list = |list| parse_list(list, &USUAL);
        assert_eq!(
            parse_list("ns,Type"),
            Ok(vec![NsColumn::Ns, NsColumn::Type])
        );
        assert_eq!(
            parse_list("+OWNER").unwrap(),
            [&USUAL[..5], &[NsColumn::Owner, NsColumn::Command]].concat()
        );
        assert_eq!(parse_list("all").unwrap().len(), NsColumn::SPECS.len());
        assert!(parse_list("ns,\u{1b}").unwrap_err().contains("\"\\u{1b}\""));
        assert!(parse_list("").is_err());
    }
}
