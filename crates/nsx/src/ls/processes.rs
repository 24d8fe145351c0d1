//! The list of processes in nested PID namespaces.

use super::{named::NamedProcess, selection::Scope};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell,
        column::{Column, ProcessColumn},
        condition,
        filter::Filter,
        finder::CellFinder,
        left_out::{Hidden, LeftOut},
        listing::Listing,
        process::{ProcessInfo, ProcessReader},
        system::System,
    },
};
use nsx_core::{
    census::{Living, Resident, Residents, Unseen},
    ns::{NsId, NsKind},
    pid::Lineages,
    proc::{NsLink, ProcError, ProcRoot},
};
use serde::Serialize;
use std::ffi::OsStr;

/// The request to show processes.
pub(super) struct Processes {
    pub(super) scope: Scope,
    /// The condition that the processes fulfil.
    pub(super) filter: Option<Filter<ProcessColumn>>,
    /// The columns of each row, if any are named.
    pub(super) columns: Option<Vec<ProcessColumn>>,
}

/// The columns that are shown if no columns are named and a process is in a container.
pub(super) const WITH_CONTAINER: [ProcessColumn; 5] = [
    ProcessColumn::Chain,
    ProcessColumn::Ns,
    ProcessColumn::Container,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// The note if no process is selected.
pub(super) const NO_MATCH: &str = "no process matches";

/// The JSON document.
#[derive(Serialize)]
struct Document<R> {
    version: u32,
    processes: Vec<R>,
    hidden: Hidden,
}

/// A process, if no columns are named.
#[derive(Serialize)]
pub(super) struct Row {
    pid: i32,
    /// The ids of the process, outermost first.
    chain: Vec<i32>,
    /// The PID namespace that the process itself is in.
    ns: Option<u64>,
    #[serde(flatten)]
    info: ProcessInfo,
}

impl Processes {
    /// Lists the processes of a system.
    pub(super) fn answer(self, system: &System, format: Format) -> Result<Answer, Error> {
        let mut finder = CellFinder::new(system);
        let Found {
            mut processes,
            unseen,
            ..
        } = self.scope.find(&system.proc)?;
        let mut left_out = LeftOut::from(unseen);
        if let Some(filter) = &self.filter {
            processes.retain(|process| {
                let holds =
                    condition::holds(Some(filter), |column| finder.of_resident(process, column));
                left_out.is_shown(holds)
            });
        }
        let mut notes = Vec::new();
        if processes.is_empty() {
            notes.push(if self.selects() {
                NO_MATCH.to_owned()
            } else {
                "no process is in a nested PID namespace".to_owned()
            });
        }
        notes.extend(left_out.notes());
        let found = !processes.is_empty();
        let answer = match (format, self.columns) {
            (Format::Text, None) => {
                let listing = listing(&processes, WITH_CONTAINER.to_vec(), &mut finder);
                Answer::table(listing.table(usual_columns(&listing)))
            }
            (Format::Text, Some(columns)) => {
                let listing = listing(&processes, columns, &mut finder);
                Answer::table(listing.table(&listing.columns))
            }
            (_, None) => {
                let mut reader = ProcessReader::new(&system.proc);
                let rows = processes.iter().map(|it| row(it, &mut reader));
                json(rows, &left_out, format)?
            }
            (_, Some(columns)) => {
                let listing = listing(&processes, columns, &mut finder);
                json(listing.objects(&listing.columns), &left_out, format)?
            }
        };
        Ok(answer.found(found).with_notes(notes))
    }

    /// Returns whether processes are selected, beside those in nested PID namespaces or all.
    pub(super) fn selects(&self) -> bool {
        matches!(self.scope, Scope::Below(_)) || self.filter.is_some()
    }
}

fn json(
    rows: impl Iterator<Item = impl Serialize>,
    left_out: &LeftOut,
    format: Format,
) -> Result<Answer, Error> {
    if format == Format::JsonLines {
        return Answer::json_lines(rows);
    }
    Answer::json(&Document {
        version: 1,
        processes: rows.collect(),
        hidden: left_out.hidden(),
    })
}

/// Returns the columns that are shown if none are named, of a listing that has CONTAINER.
pub(super) fn usual_columns(listing: &Listing<ProcessColumn>) -> &'static [ProcessColumn] {
    if has_container(listing) {
        &WITH_CONTAINER
    } else {
        ProcessColumn::USUAL
    }
}

/// Returns whether any process of a listing, which has CONTAINER, is in a container.
pub(super) fn has_container(listing: &Listing<ProcessColumn>) -> bool {
    let mut rows = listing.rows.iter();
    rows.any(|row| matches!(listing.cell(row, ProcessColumn::Container), Cell::Text(_)))
}

/// Returns the row of a process, if no columns are named.
pub(super) fn row(process: &Resident, reader: &mut ProcessReader) -> Row {
    let ids = process.status.chain.ids();
    let (info, _) = reader.read_since(process.pid, &process.status, process.ns);
    Row {
        pid: process.pid.as_raw_pid(),
        chain: ids.iter().map(|id| id.as_raw_pid()).collect(),
        ns: process.ns.map(|ns| ns.inode),
        info,
    }
}

/// Returns the rows of processes with these columns.
pub(super) fn listing(
    processes: &[Resident],
    columns: Vec<ProcessColumn>,
    finder: &mut CellFinder<'_>,
) -> Listing<ProcessColumn> {
    let mut rows = Vec::with_capacity(processes.len());
    for process in processes {
        let cells = columns.iter();
        rows.push(
            cells
                .map(|column| finder.of_resident(process, *column))
                .collect(),
        );
    }
    Listing {
        columns,
        rows,
        unseen: Unseen::default(),
    }
}

/// The processes of a scope, whatever a filter says of them.
pub(super) struct Found {
    pub(super) processes: Vec<Resident>,
    pub(super) unseen: Unseen,
    /// The PID namespace that the processes are in or below, if not all are shown.
    pub(super) top: Option<NsId>,
}

impl Scope {
    /// Finds the processes.
    pub(super) fn find(&self, proc: &ProcRoot) -> Result<Found, Error> {
        let (living, top) = match self {
            Self::Nested => (Living::Nested, None),
            Self::All => (Living::Anywhere, None),
            Self::Below(word) => (Living::Anywhere, Some(Top::of(word, proc)?)),
        };
        let Residents {
            mut processes,
            mut unseen,
        } = Residents::find(proc, living)
            .map_err(|errno| Error::failed("list the processes", errno))?;
        if let Some(top) = &top {
            let mut lineages = Lineages::default();
            processes.retain(|process| {
                let levels = lineages.levels(proc, process.pid, &process.status.chain);
                let level = levels.get(top.depth);
                // The process is deep enough, but the kernel hides its namespaces.
                unseen.denied += usize::from(
                    process.ns.is_none() && level.is_some_and(|level| level.ns.is_none()),
                );
                level.is_some_and(|level| level.ns == Some(top.ns))
            });
        }
        Ok(Found {
            processes,
            unseen,
            top: top.map(|top| top.ns),
        })
    }
}

/// A PID namespace.
struct Top {
    ns: NsId,
    /// The number of levels below the PID namespace whose ids the procfs shows.
    depth: usize,
}

impl Top {
    /// Returns the PID namespace of the process that `word` names.
    fn of(word: &OsStr, proc: &ProcRoot) -> Result<Self, Error> {
        let named = NamedProcess::find(word, proc)?;
        Self::of_process(&named, proc).map_err(|error| named.unread(proc, error))
    }

    fn of_process(named: &NamedProcess, proc: &ProcRoot) -> Result<Self, ProcError> {
        let depth = proc.status(named.pid)?.chain.depth();
        let ns = proc.ns(named.pid, NsLink::Own(NsKind::Pid))?;
        if named.process.ended() {
            return Err(ProcError::Vanished);
        }
        Ok(Self { ns, depth })
    }
}
