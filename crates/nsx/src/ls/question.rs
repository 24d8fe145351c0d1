//! A question about namespaces: which of them to show, and in which columns.

use super::{named, selection::Selection};
use crate::{
    error::Error,
    query::{
        cell::Cell,
        column::{Column, NsColumn},
        condition,
        filter::Filter,
        finder::CellFinder,
        left_out::LeftOut,
        listing::Listing,
        system::System,
    },
};
use nsx_core::{
    census::{Census, Entry, Sources},
    ns::{NsId, NsSet},
    proc::ProcRoot,
};

/// A question about namespaces.
pub(super) struct Question {
    /// The kinds to show.
    pub(super) kinds: NsSet,
    /// The namespaces to choose from, if not all.
    pub(super) among: Option<Vec<NsId>>,
    /// The condition that the namespaces fulfil.
    pub(super) filter: Option<Filter<NsColumn>>,
    /// The columns of each row.
    pub(super) columns: Vec<NsColumn>,
    /// The sources to read, whatever the columns need.
    pub(super) sources: Sources,
    /// The column with a namespace's parent in a tree. All ancestors of the namespaces are shown,
    /// too.
    pub(super) parent: Option<NsColumn>,
}

/// The namespaces that answer a question.
pub(super) struct Found {
    pub(super) listing: Listing,
    pub(super) left_out: LeftOut,
}

impl Selection {
    /// Returns the question which of a system's namespaces are selected.
    pub(super) fn question(
        self,
        columns: Vec<NsColumn>,
        proc: &ProcRoot,
    ) -> Result<Question, Error> {
        let among = self
            .process
            .as_deref()
            .map(|word| named::namespaces_of(word, self.kinds, proc))
            .transpose()?;
        Ok(self.question_among(among, columns))
    }

    /// Returns the question which of these namespaces are selected.
    pub(super) fn question_among(
        self,
        among: Option<Vec<NsId>>,
        columns: Vec<NsColumn>,
    ) -> Question {
        Question {
            kinds: self.kinds,
            among,
            filter: self.filter,
            columns,
            sources: if self.deep {
                Sources::ALL
            } else {
                Sources::PINS
            },
            parent: None,
        }
    }
}

impl Question {
    /// A question about everything that can be found out about all namespaces.
    pub(super) fn everything() -> Self {
        Self {
            kinds: NsSet::ALL,
            among: None,
            filter: None,
            columns: NsColumn::all().collect(),
            sources: Sources::ALL,
            parent: None,
        }
    }

    /// Returns the sources that a census must read to answer.
    pub(super) fn sources(&self) -> Sources {
        let filtered = self.filter.as_ref().map_or(&[][..], Filter::columns);
        let columns = self.columns.iter().chain(filtered);
        columns.fold(self.sources.with(Sources::MEMBERS), |sources, column| {
            sources.with(column.spec().sources)
        })
    }

    /// Takes a census that can answer.
    pub(super) fn census(&self, system: &System) -> Result<Census, Error> {
        system.census_with_leaders(self.kinds, self.sources())
    }

    /// Answers from a census that [`Question::census`] took, or that has more.
    pub(super) fn answer(&self, census: &Census, system: &System) -> Found {
        let entries = &census.namespaces;
        let mut finder = CellFinder::new(system);
        let filter = self.filter.as_ref();
        let mut undecided = 0;
        let mut rows: Vec<Option<Vec<Cell>>> = Vec::with_capacity(entries.len());
        for entry in entries {
            let holds = if self.includes(entry.ns) {
                condition::holds(filter, |column| finder.find(entry, column))
            } else {
                Some(false)
            };
            undecided += usize::from(holds.is_none());
            rows.push((holds == Some(true)).then(|| self.row(entry, &mut finder)));
        }
        if let Some(column) = self.parent {
            let chosen = rows.iter().map(Option::is_some).collect();
            let ancestors = ancestors(chosen, |index| {
                let Cell::Number(inode) = finder.find(&entries[index], column) else {
                    return None;
                };
                entries
                    .binary_search_by_key(&inode, |entry| entry.ns.inode)
                    .ok()
            });
            for index in ancestors {
                rows[index] = Some(self.row(&entries[index], &mut finder));
            }
        }
        let shown = entries
            .iter()
            .zip(&rows)
            .filter(|(_, row)| row.is_some())
            .map(|(entry, _)| entry);
        let left_out = LeftOut::of(census, shown, &system.proc).undecided(undecided);
        Found {
            listing: Listing {
                columns: self.columns.clone(),
                rows: rows.into_iter().flatten().collect(),
                unseen: census.unseen,
            },
            left_out,
        }
    }

    /// Answers from the listing of a saved census.
    pub(super) fn answer_from(&self, listing: Listing) -> Found {
        let filter = self.filter.as_ref();
        let mut undecided = 0;
        let mut chosen = Vec::with_capacity(listing.rows.len());
        for row in &listing.rows {
            let holds = if listing.ns(row).is_some_and(|ns| self.includes(ns)) {
                condition::holds(filter, |column| listing.cell(row, column).clone())
            } else {
                Some(false)
            };
            undecided += usize::from(holds.is_none());
            chosen.push(holds == Some(true));
        }
        if let Some(column) = self.parent {
            let indices = listing.indices();
            let ancestors = ancestors(chosen.clone(), |index| {
                let inode = listing.number(&listing.rows[index], column)?;
                indices.get(&inode).copied()
            });
            for index in ancestors {
                chosen[index] = true;
            }
        }
        let rows = listing.rows.into_iter().zip(chosen);
        let rows = rows.filter(|(_, is_chosen)| *is_chosen);
        Found {
            listing: Listing {
                rows: rows.map(|(row, _)| row).collect(),
                ..listing
            },
            left_out: LeftOut::from(listing.unseen).undecided(undecided),
        }
    }

    /// Returns whether a namespace is one to choose from. A census that others need, too, has more.
    fn includes(&self, ns: NsId) -> bool {
        let among = self.among.as_ref();
        self.kinds.contains(ns.kind) && among.is_none_or(|among| among.contains(&ns))
    }

    fn row(&self, entry: &Entry, finder: &mut CellFinder<'_>) -> Vec<Cell> {
        self.columns
            .iter()
            .map(|column| finder.find(entry, *column))
            .collect()
    }
}

/// Returns the indices of the ancestors of chosen rows that are not chosen themselves. `parent`
/// finds the index of a row's parent.
fn ancestors(mut chosen: Vec<bool>, mut parent: impl FnMut(usize) -> Option<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for index in 0..chosen.len() {
        let mut next = index;
        while chosen[next]
            && let Some(above) = parent(next)
            && !chosen[above]
        {
            chosen[above] = true;
            found.push(above);
            next = above;
        }
    }
    found
}
