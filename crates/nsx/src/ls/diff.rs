//! `nsx ls --diff`: the changes of namespaces between two censuses.
//!
//! A census need not have seen everything. A namespace in only one census was created or destroyed
//! only if the other census would have shown it, or if another namespace has its inode number in the
//! other census. Numbers of processes and leaders are compared only if both viewers could see the
//! same processes.
//!
//! Ids that are never reused (6.18) tell namespaces apart, but do not tell their age. Each processor
//! hands out ids from a batch of its own, so a later id may be lower than an earlier one. An id above
//! all that were seen may belong to a namespace that was hidden, because a process in it then ran for
//! another user.

use super::{row_groups::RowGroup, saved::Saved};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell,
        column::{Column, NsColumn, USUAL},
        left_out::Hidden,
        listing::{Listing, Object},
    },
    table::{Align, Table},
};
use nsx_core::hash::{HashMap, HashSet};
use serde::Serialize;

/// The columns that are compared if a namespace is in both censuses: those that do not change merely
/// with time.
const COMPARED: [NsColumn; 8] = [
    NsColumn::Owner,
    NsColumn::Parent,
    NsColumn::Nsfs,
    NsColumn::NetnsId,
    NsColumn::UidMap,
    NsColumn::GidMap,
    NsColumn::Hostname,
    NsColumn::Nlinks,
];

/// The columns that are also compared if both viewers could see the same processes.
const COMPARED_OF_PROCESSES: [NsColumn; 11] = [
    NsColumn::Nprocs,
    NsColumn::Pid,
    NsColumn::User,
    NsColumn::Command,
    NsColumn::Holders,
    NsColumn::Container,
    NsColumn::Engine,
    NsColumn::Pod,
    NsColumn::Unit,
    NsColumn::Cgroup,
    NsColumn::Nmounts,
];

/// The kind and the inode number of a namespace.
type Key<'a> = (&'a Cell, &'a Cell);

/// The differences, in the order of the listings.
#[derive(Default)]
struct Difference<'a> {
    /// Rows of the later census.
    created: Vec<&'a [Cell]>,
    /// Rows of the later census that may have been hidden from the earlier one.
    created_or_hidden: Vec<&'a [Cell]>,
    /// Rows of the earlier census.
    destroyed: Vec<&'a [Cell]>,
    /// Rows of the earlier census that may be hidden from the later one.
    gone_or_hidden: Vec<&'a [Cell]>,
    /// Rows of both, and the columns in which they differ.
    changed: Vec<(&'a [Cell], &'a [Cell], Vec<NsColumn>)>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    created: Vec<Object<'a>>,
    created_or_hidden: Vec<Object<'a>>,
    destroyed: Vec<Object<'a>>,
    gone_or_hidden: Vec<Object<'a>>,
    changed: Vec<Changed<'a>>,
    hidden: BothHidden,
}

#[derive(Serialize)]
struct Changed<'a> {
    before: Object<'a>,
    after: Object<'a>,
}

#[derive(Serialize)]
struct BothHidden {
    before: Hidden,
    after: Hidden,
}

/// Shows what differs between two censuses, with `details` each namespace.
pub(super) fn answer(
    before: &Saved,
    after: &Saved,
    details: bool,
    format: Format,
) -> Result<Answer, Error> {
    let mut notes = Vec::new();
    if before.boot != after.boot {
        notes.push(
            "the censuses are of different hosts or boots, on which no namespace is the same"
                .to_owned(),
        );
    }
    let (old, new) = (&before.listing, &after.listing);
    let difference = Difference::between(before, after);
    let answer = if format == Format::Json {
        let changed = difference.changed.iter();
        Answer::json(&Document {
            version: 1,
            created: objects(new, &difference.created),
            created_or_hidden: objects(new, &difference.created_or_hidden),
            destroyed: objects(old, &difference.destroyed),
            gone_or_hidden: objects(old, &difference.gone_or_hidden),
            changed: changed
                .map(|(before, after, _)| Changed {
                    before: old.object(&old.columns, before),
                    after: new.object(&new.columns, after),
                })
                .collect(),
            hidden: BothHidden {
                before: old.unseen.into(),
                after: new.unseen.into(),
            },
        })?
    } else if details {
        Answer::table(difference.details(old, new))
    } else {
        Answer::table(difference.table(old, new))
    };
    if !difference.created_or_hidden.is_empty() {
        notes.extend(unseen("earlier", before, "what is new may have been there"));
    }
    if !difference.gone_or_hidden.is_empty() {
        notes.extend(unseen("later", after, "what is gone may still be there"));
    }
    if !difference.changed.is_empty() && format == Format::Text && !details {
        let changed = difference.changed.len();
        let subject = if changed == 1 {
            "1 other namespace has".to_owned()
        } else {
            format!("{changed} other namespaces have")
        };
        notes.push(format!("{subject} changed: -v shows how"));
    }
    Ok(answer.found(!difference.is_empty()).with_notes(notes))
}

fn objects<'a>(listing: &'a Listing, rows: &[&'a [Cell]]) -> Vec<Object<'a>> {
    rows.iter()
        .map(|row| listing.object(&listing.columns, row))
        .collect()
}

/// Returns a note on what a census did not see, and what follows from that.
fn unseen(which: &str, census: &Saved, so: &str) -> Option<String> {
    let unseen = census.listing.unseen;
    let parts = [
        (unseen.hidden(), "", "process", "processes"),
        (unseen.closed, "the descriptors of ", "process", "processes"),
        (
            unseen.sockets,
            "the network namespace of ",
            "socket",
            "sockets",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let mut parts: Vec<_> = parts
        .map(|(count, of, one, many)| {
            format!("{of}{count} {}", if count == 1 { one } else { many })
        })
        .collect();
    if !census.viewer.as_ref().is_some_and(|viewer| viewer.all) {
        parts.push("any process that /proc does not list".to_owned());
    }
    (!parts.is_empty()).then(|| {
        let parts = parts.join(", ");
        format!("the {which} census did not see {parts}: {so}")
    })
}

impl<'a> Difference<'a> {
    fn between(before: &'a Saved, after: &'a Saved) -> Self {
        fn key<'r>(listing: &'r Listing, row: &'r [Cell]) -> Key<'r> {
            (
                listing.cell(row, NsColumn::Type),
                listing.cell(row, NsColumn::Ns),
            )
        }
        let (old, new) = (&before.listing, &after.listing);
        let same_host = before.boot == after.boot;
        let whole = [before, after].map(Saved::is_whole);
        // The same processes are hidden from the same user.
        let sees_same_processes =
            whole == [true; 2] || before.viewer.is_some() && before.viewer == after.viewer;
        let of_processes = if sees_same_processes {
            &COMPARED_OF_PROCESSES[..]
        } else {
            &[]
        };
        let earlier: HashMap<_, _> = old
            .rows
            .iter()
            .map(|row| (key(old, row), row.as_slice()))
            .collect();
        let mut difference = Self::default();
        let (mut met, mut replaced) = (HashSet::default(), HashSet::default());
        for row in &new.rows {
            let known = earlier.get(&key(new, row)).copied().filter(|_| same_host);
            let Some(known) = known else {
                let is_new = whole[0] || !same_host;
                let rows = if is_new {
                    &mut difference.created
                } else {
                    &mut difference.created_or_hidden
                };
                rows.push(row);
                continue;
            };
            // Inode numbers are reused, ids are not; an old kernel has no ids.
            let is_other = match (
                old.cell(known, NsColumn::Id64),
                new.cell(row, NsColumn::Id64),
            ) {
                (Cell::Number(one), Cell::Number(other)) => one != other,
                // The only process ended before the id was read, so the namespace that another
                // process is in is another one.
                (Cell::Unknown, Cell::Number(_)) => {
                    let pids = [old.cell(known, NsColumn::Pid), new.cell(row, NsColumn::Pid)];
                    old.cell(known, NsColumn::Nprocs) == &Cell::Number(1) && pids[0] != pids[1]
                }
                _ => false,
            };
            if is_other {
                difference.created.push(row);
                replaced.insert(key(old, known));
                continue;
            }
            met.insert(key(old, known));
            let differs =
                |column: &NsColumn| match (old.cell(known, *column), new.cell(row, *column)) {
                    // An unknown cell may be equal.
                    (Cell::Unknown | Cell::Hidden, _) | (_, Cell::Unknown | Cell::Hidden) => false,
                    (before, after) => before != after,
                };
            let columns: Vec<_> = of_processes
                .iter()
                .chain(&COMPARED)
                .copied()
                .filter(differs)
                .collect();
            if !columns.is_empty() {
                difference.changed.push((known, row, columns));
            }
        }
        let absent = old
            .rows
            .iter()
            .map(Vec::as_slice)
            .filter(|row| !met.contains(&key(old, row)));
        (difference.destroyed, difference.gone_or_hidden) =
            absent.partition(|row| whole[1] || !same_host || replaced.contains(&key(old, row)));
        difference
    }

    fn is_empty(&self) -> bool {
        let rows = [
            &self.created,
            &self.created_or_hidden,
            &self.destroyed,
            &self.gone_or_hidden,
        ];
        rows.iter().all(|rows| rows.is_empty()) && self.changed.is_empty()
    }

    /// Returns the rows that are in only one census, with the kind of change and the census.
    fn alone<'d>(
        &'d self,
        old: &'d Listing,
        new: &'d Listing,
    ) -> [(&'static str, &'d Listing, &'d [&'a [Cell]]); 4] {
        [
            ("created", new, &self.created),
            ("created or hidden", new, &self.created_or_hidden),
            ("destroyed", old, &self.destroyed),
            ("gone or hidden", old, &self.gone_or_hidden),
        ]
    }

    /// Returns a table with a row for each container, unit, process or file whose namespaces came or
    /// went.
    fn table(&self, old: &Listing, new: &Listing) -> Table {
        let mut table = Table::new(&[
            ("CHANGE", Align::Left),
            ("NAME", Align::Left),
            ("NAMESPACES", Align::Left),
            ("PID", Align::Right),
            ("USER", Align::Left),
            ("COMMAND", Align::Left),
        ]);
        let [created, created_or_hidden, destroyed, gone_or_hidden] = self.alone(old, new);
        for [(certain, listing, rows), (uncertain, _, others)] in
            [[created, created_or_hidden], [destroyed, gone_or_hidden]]
        {
            for group in RowGroup::of(listing, &[rows, others].concat()) {
                // The group certainly came or went if one of its namespaces did.
                let is_certain = group
                    .rows
                    .iter()
                    .any(|row| rows.iter().any(|one| std::ptr::eq(*one, *row)));
                let word = if is_certain { certain } else { uncertain };
                let of_first = |column| listing.cell(group.first(listing), column).shown();
                let [pid, user, command] =
                    [NsColumn::Pid, NsColumn::User, NsColumn::Command].map(of_first);
                table.row([
                    word.to_owned(),
                    group.name.clone(),
                    group.kinds(listing),
                    pid,
                    user,
                    command,
                ]);
            }
        }
        table
    }

    /// Returns a table with a row for each namespace that came, went or changed.
    fn details(&self, old: &Listing, new: &Listing) -> Table {
        let mut headings = vec![("CHANGE", Align::Left)];
        headings.extend(USUAL.map(|column| (column.spec().name, column.spec().align)));
        let mut table = Table::new(&headings);
        let cells =
            |listing: &Listing, row: &[Cell]| USUAL.map(|column| listing.cell(row, column).shown());
        for (word, listing, rows) in self.alone(old, new) {
            for row in rows {
                table.row([&[word.to_owned()][..], &cells(listing, row)].concat());
            }
        }
        for (before, after, columns) in &self.changed {
            let mut cells = cells(new, after).to_vec();
            let changes: Vec<_> = columns
                .iter()
                .map(|column| {
                    let [before, after] =
                        [old.cell(before, *column), new.cell(after, *column)].map(Cell::shown);
                    format!("{}: {before} → {after}", column.spec().name)
                })
                .collect();
            // The changes replace the command, which is last.
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
    use crate::ls::saved::Viewer;
    use nsx_core::census::Unseen;

    fn census(rows: &[(u64, u64, u64)], denied: usize) -> Saved {
        let row = |&(ns, id64, nprocs): &(u64, u64, u64)| {
            vec![
                Cell::text("net"),
                Cell::Number(ns),
                Cell::Number(id64),
                Cell::Number(nprocs),
            ]
        };
        let listing = Listing {
            columns: vec![
                NsColumn::Type,
                NsColumn::Ns,
                NsColumn::Id64,
                NsColumn::Nprocs,
            ],
            rows: rows.iter().map(row).collect(),
            unseen: Unseen {
                denied,
                ..Unseen::default()
            },
        };
        // A viewer from whom more is hidden is another user.
        let viewer = Viewer {
            euid: u32::try_from(denied).unwrap(),
            pid_ns: None,
            all: true,
        };
        Saved {
            listing,
            boot: Some("1".to_owned()),
            viewer: Some(viewer),
            more: None,
        }
    }

    #[test]
    fn a_reused_inode_number_is_another_namespace() {
        let (old, new) = (
            census(&[(1, 10, 3), (2, 11, 1), (3, 12, 1)], 0),
            census(&[(1, 10, 4), (2, 99, 1), (3, 12, 1)], 0),
        );
        let difference = Difference::between(&old, &new);
        assert_eq!(difference.created, [new.listing.rows[1].as_slice()]);
        assert_eq!(difference.destroyed, [old.listing.rows[1].as_slice()]);
        assert_eq!(difference.changed.len(), 1);
        assert_eq!(difference.changed[0].2, [NsColumn::Nprocs]);
        assert!(Difference::between(&old, &old).is_empty());
        let elsewhere = Saved {
            boot: None,
            ..census(&[(1, 10, 3)], 1)
        };
        let difference = Difference::between(&old, &elsewhere);
        assert_eq!(
            (difference.created.len(), difference.destroyed.len()),
            (1, 3)
        );
    }

    #[test]
    fn a_namespace_without_an_id_is_not_the_one_that_got_its_number() {
        let [mut old, mut new] = [census(&[(1, 10, 1)], 0), census(&[(1, 11, 1)], 0)];
        for (census, pid) in [(&mut old, 70), (&mut new, 71)] {
            census.listing.columns.push(NsColumn::Pid);
            census.listing.rows[0].push(Cell::Number(pid));
        }
        old.listing.rows[0][2] = Cell::Unknown;
        let difference = Difference::between(&old, &new);
        assert_eq!(
            (difference.created.len(), difference.destroyed.len()),
            (1, 1)
        );
        // The namespace has the same process, or has several processes.
        for (index, value) in [(4, 71), (3, 2)] {
            let mut same = census(&[], 0);
            same.listing = Listing {
                columns: old.listing.columns.clone(),
                rows: old.listing.rows.clone(),
                unseen: old.listing.unseen,
            };
            same.listing.rows[0][index] = Cell::Number(value);
            assert!(Difference::between(&same, &new).created.is_empty());
        }
    }

    #[test]
    fn a_namespace_that_may_be_hidden_is_neither_created_nor_destroyed() {
        let (all, some) = (
            census(&[(1, 10, 3), (2, 11, 1)], 0),
            census(&[(1, 10, 1)], 60),
        );
        let lost = Difference::between(&all, &some);
        assert_eq!(lost.gone_or_hidden, [all.listing.rows[1].as_slice()]);
        let found = Difference::between(&some, &all);
        assert_eq!(found.created_or_hidden, [all.listing.rows[1].as_slice()]);
        for difference in [lost, found] {
            // Fewer processes that are seen are not a change.
            assert!(
                difference.created.is_empty()
                    && difference.destroyed.is_empty()
                    && difference.changed.is_empty()
            );
        }
        // Another namespace has the inode number, so the first one is gone for every viewer.
        let reused = census(&[(2, 99, 1)], 60);
        let difference = Difference::between(&all, &reused);
        assert_eq!(
            (difference.created.len(), difference.destroyed.len()),
            (1, 1)
        );
        let mut shielded = census(&[], 0);
        shielded.viewer.as_mut().unwrap().all = false;
        assert_eq!(Difference::between(&all, &shielded).gone_or_hidden.len(), 2);
        // Ids above or below those that the user saw do not tell a namespace's age.
        let later = census(&[(1, 10, 1), (3, 12, 1), (4, 9, 1)], 60);
        let found = Difference::between(&some, &later);
        assert!(found.created.is_empty(), "{:?}", found.created);
        assert_eq!(
            found.created_or_hidden,
            [later.listing.rows[1].as_slice(), &later.listing.rows[2]]
        );
        // To the same user they are as hidden as before.
        let more = census(&[(1, 10, 2)], 60);
        assert_eq!(Difference::between(&some, &more).changed.len(), 1);
    }
}
