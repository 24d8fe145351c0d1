//! A list of namespaces: the rows that are asked for, with the columns that are asked for.

use super::{Named, Options, left_out::LeftOut, named};
use crate::{
    exit::ExitStatus,
    meant, out,
    query::{
        cell::Cell,
        column::{Column, Columns},
        filter::{Filter, Value},
        finder::Finder,
        system::System,
    },
    table::Table,
    text::escape,
};
use nsx_core::{
    census::{self, Census, Entry, Query, Sources, Unseen},
    hash::HashMap,
    ns::{NsId, NsKind, NsSet},
    proc::{ProcError, ProcRoot},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::ffi::OsStr;

/// A question about namespaces.
pub(super) struct Question {
    /// Namespaces of these kinds,
    pub(super) kinds: NsSet,
    /// that are among these,
    pub(super) among: Option<Vec<NsId>>,
    /// and of which this holds.
    pub(super) filter: Option<Filter<Column>>,
    /// The columns that are told of each namespace.
    pub(super) columns: Vec<Column>,
    /// The sources to read, whatever the columns need.
    pub(super) sources: Sources,
    /// The column that says what stands above a namespace, where that is shown too: a tree hangs on
    /// it.
    pub(super) above: Option<Column>,
}

/// The answer: a row for each namespace or process, a cell for each column.
pub(crate) struct Listing<C = Column> {
    pub(crate) columns: Vec<C>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Processes that are in none of the numbers or rows.
    pub(crate) unseen: Unseen,
}

/// The answer with what it leaves out.
pub(super) struct Answer {
    pub(super) listing: Listing,
    pub(super) left_out: LeftOut,
}

impl Question {
    /// As the options put it. An error is the status to end with, once its reason is on standard
    /// error.
    pub(super) fn of(
        options: &Options,
        columns: Vec<Column>,
        proc: &ProcRoot,
    ) -> Result<Self, ExitStatus> {
        let kinds = options.kinds();
        // A process of a saved census is looked for there.
        let task = options.task.as_ref().filter(|_| options.from.is_none());
        let among = task
            .map(|task| namespaces_of(task, kinds, proc))
            .transpose()?;
        let filter = filter_of(options)?;
        let sources = if options.deep {
            Sources::ALL
        } else {
            Sources::PINS
        };
        Ok(Self {
            kinds,
            among,
            filter,
            columns,
            sources,
            above: None,
        })
    }

    /// Returns the sources that the census must read to answer.
    pub(super) fn sources(&self) -> Sources {
        let asked = self.filter.as_ref().map_or(&[][..], Filter::columns);
        let columns = self.columns.iter().chain(asked);
        columns.fold(self.sources.with(Sources::MEMBERS), |sources, column| {
            sources.with(column.spec().sources)
        })
    }

    /// Takes the census that can answer. An error is the status to end with, once its reason is on
    /// standard error.
    pub(super) fn census(&self, proc: &ProcRoot) -> Result<Census, ExitStatus> {
        let query = Query {
            kinds: self.kinds,
            sources: self.sources(),
        };
        let mut census =
            Census::take(proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
        census.find_leaders(proc);
        Ok(census)
    }

    /// Answers from such a census, with what is found out now of the rows.
    pub(super) fn answer(&self, census: &Census, system: &System) -> Answer {
        let mut finder = Finder::new(system);
        // A census that others need too has more.
        let wanted = |entry: &Entry| {
            self.kinds.contains(entry.ns.kind)
                && self
                    .among
                    .as_ref()
                    .is_none_or(|among| among.contains(&entry.ns))
        };
        let entries = &census.namespaces;
        let row = |finder: &mut Finder<'_>, entry| {
            self.columns
                .iter()
                .map(|column| finder.find(entry, *column))
                .collect()
        };
        let mut undecided = 0;
        let mut answer = |entry| {
            let holds = if wanted(entry) {
                self.holds(|column| finder.find(entry, column))
            } else {
                Some(false)
            };
            undecided += usize::from(holds.is_none());
            (holds == Some(true)).then(|| row(&mut finder, entry))
        };
        let mut rows: Vec<Option<Vec<Cell>>> = entries.iter().map(&mut answer).collect();
        let above = |place: usize, column| match finder.find(&entries[place], column) {
            Cell::Number(inode) => entries
                .binary_search_by_key(&inode, |entry| entry.ns.inode)
                .ok(),
            _ => None,
        };
        for place in self.standing_above(rows.iter().map(Option::is_some), above) {
            rows[place] = Some(row(&mut finder, &entries[place]));
        }
        let shown = entries
            .iter()
            .zip(&rows)
            .filter(|(_, row)| row.is_some())
            .map(|(entry, _)| entry);
        let left_out = LeftOut::of(census, shown, &system.proc).undecided(undecided);
        let rows = rows.into_iter().flatten().collect();
        Answer {
            listing: Listing {
                columns: self.columns.clone(),
                rows,
                unseen: census.unseen,
            },
            left_out,
        }
    }

    /// Answers from what was saved.
    pub(super) fn answer_from(&self, listing: Listing, among: Option<&[NsId]>) -> Answer {
        let mut undecided = 0;
        let mut is_asked_for = |row: &Vec<Cell>| {
            let kind = listing.cell(row, Column::Type);
            let is_of_kind = matches!(kind, Cell::Text(name) if NsKind::from_name(name).is_some_and(|kind| self.kinds.contains(kind)));
            let is_among = among.is_none_or(|among| {
                let inode = listing.number(row, Column::Ns);
                among.iter().any(|ns| Some(ns.inode) == inode)
            });
            let is_wanted = is_of_kind && is_among;
            let holds = if is_wanted {
                self.holds(|column| listing.cell(row, column).clone())
            } else {
                Some(false)
            };
            undecided += usize::from(holds.is_none());
            holds == Some(true)
        };
        let mut chosen: Vec<bool> = listing.rows.iter().map(&mut is_asked_for).collect();
        let places = self.above.map(|_| listing.places()).unwrap_or_default();
        let above = |place: usize, column| {
            places
                .get(&listing.number(&listing.rows[place], column)?)
                .copied()
        };
        for place in self.standing_above(chosen.iter().copied(), above) {
            chosen[place] = true;
        }
        let rows = listing
            .rows
            .iter()
            .zip(chosen)
            .filter(|(_, is_chosen)| *is_chosen);
        let rows = rows.map(|(row, _)| row.clone()).collect();
        let left_out = LeftOut::from(listing.unseen).undecided(undecided);
        Answer {
            listing: Listing { rows, ..listing },
            left_out,
        }
    }

    /// The places of what stands above those that are chosen, as far up as it goes, and is not
    /// chosen itself. `above` finds it, where the column is asked for.
    fn standing_above(
        &self,
        chosen: impl Iterator<Item = bool>,
        mut above: impl FnMut(usize, Column) -> Option<usize>,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        let Some(column) = self.above else {
            return found;
        };
        let mut met: Vec<bool> = chosen.collect();
        for place in 0..met.len() {
            let mut next = place;
            while met[next]
                && let Some(up) = above(next, column)
                && !met[up]
            {
                met[up] = true;
                found.push(up);
                next = up;
            }
        }
        found
    }

    /// Returns whether the filter lets a row through; `None` if that is not known.
    fn holds(&self, find: impl FnMut(Column) -> Cell) -> Option<bool> {
        self.filter
            .as_ref()
            .map_or(Some(true), |filter| holds(filter, find))
    }
}

/// The filter that the options have. An error is the status to end with, once its reason is on
/// standard error.
pub(super) fn filter_of<C: Columns>(options: &Options) -> Result<Option<Filter<C>>, ExitStatus> {
    let filter = options
        .filter
        .as_ref()
        .map(|text| Filter::parse(text.as_encoded_bytes(), C::named));
    filter.transpose().map_err(|error| {
        out::error(&escape(out::chain(&error).as_bytes()));
        let text = options
            .filter
            .as_deref()
            .unwrap_or_default()
            .as_encoded_bytes();
        let mended = Filter::mended(text, C::named, C::all().map(|column| column.spec().name));
        out::hint(&match mended.and_then(|mended| meant::quoted(&mended)) {
            Some(mended) => format!("type -Q {mended}"),
            None => format!("{} lists the columns; texts stand in quotes", C::LISTED_BY),
        });
        ExitStatus::FAILURE
    })
}

/// Returns whether a filter lets a row through; `None` if that is not known. Each cell that the
/// filter requires is found once.
pub(super) fn holds<C: Columns>(
    filter: &Filter<C>,
    mut find: impl FnMut(C) -> Cell,
) -> Option<bool> {
    let cells: Vec<_> = filter
        .columns()
        .iter()
        .map(|column| (*column, find(*column)))
        .collect();
    filter.matches(|column| {
        let cell = cells.iter().find(|(asked, _)| *asked == column);
        cell.map_or(Value::Nothing, |(_, cell)| cell.value())
    })
}

impl Listing {
    /// The number that a row has in a column, if it has one.
    pub(super) fn number(&self, row: &[Cell], column: Column) -> Option<u64> {
        match self.cell(row, column) {
            Cell::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the index of each namespace's row, by inode number.
    pub(super) fn places(&self) -> HashMap<u64, usize> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(place, row)| Some((self.number(row, Column::Ns)?, place)))
            .collect()
    }
}

impl<C: Columns> Listing<C> {
    /// Returns a row's cell in a column; unknown if the listing does not have the column.
    pub(crate) fn cell<'r>(&self, row: &'r [Cell], column: C) -> &'r Cell {
        let place = self.columns.iter().position(|own| *own == column);
        place
            .and_then(|place| row.get(place))
            .unwrap_or(&Cell::Unknown)
    }

    /// As it comes back from a file.
    pub(super) fn lossy(self) -> Self {
        let rows = self
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(Cell::lossy).collect());
        Self {
            rows: rows.collect(),
            ..self
        }
    }

    pub(super) fn table(&self, columns: &[C]) -> Table {
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

    /// The rows as JSON objects, with these columns.
    pub(super) fn objects<'a>(&'a self, columns: &'a [C]) -> impl Iterator<Item = Object<'a, C>> {
        self.rows.iter().map(|row| self.object(columns, row))
    }

    pub(super) fn object<'a>(&'a self, columns: &'a [C], row: &'a [Cell]) -> Object<'a, C> {
        Object {
            listing: self,
            columns,
            row,
        }
    }
}

/// A row as a JSON object, keyed by the columns.
pub(super) struct Object<'a, C = Column> {
    listing: &'a Listing<C>,
    columns: &'a [C],
    row: &'a [Cell],
}

impl<C: Columns> Object<'_, C> {
    /// Writes the columns into an object that may have more in it.
    pub(super) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.cells()
            .try_for_each(|(key, cell)| map.serialize_entry(&key, cell))
    }

    /// The keys with what they have.
    pub(super) fn cells(&self) -> impl Iterator<Item = (String, &Cell)> {
        // A column that is asked for twice is one key.
        let columns = self
            .columns
            .iter()
            .enumerate()
            .filter(|(place, column)| !self.columns[..*place].contains(column));
        columns.map(|(_, column)| (column.key(), self.listing.cell(self.row, *column)))
    }
}

impl<C: Columns> Serialize for Object<'_, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

/// The namespaces of the process that was named.
fn namespaces_of(task: &OsStr, kinds: NsSet, proc: &ProcRoot) -> Result<Vec<NsId>, ExitStatus> {
    if proc.is_copy() {
        let pid = named::in_copy(task)?;
        return census::namespaces_of(proc, pid, kinds).map_err(|error| {
            let status = out::failed(
                &format!("read the namespaces of process {pid} in the copy"),
                &error,
            );
            if error == ProcError::Vanished {
                ExitStatus::NO_MATCH
            } else {
                status
            }
        });
    }
    let Named { process, pid } = Named::find(task, proc)?;
    let found = census::namespaces_of(proc, pid, kinds);
    let found = process.runs(proc, pid).and(found);
    found.map_err(|error| super::unread(&process, Some((proc, pid)), &error))
}
