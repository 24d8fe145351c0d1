//! The list of processes in nested PID namespaces.

use super::{
    Hidden, Named, Options,
    left_out::LeftOut,
    listing::{self, Listing},
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        cell::Cell,
        column::Columns,
        finder::Finder,
        process_column::ProcessColumn,
        system::System,
        who::{Registrar, Who},
    },
    table::Table,
};
use nsx_core::{
    census::{Living, Resident, Residents, Unseen},
    ns::{NsId, NsKind},
    pid::Lineages,
    proc::{NsLink, ProcError, ProcRoot},
};
use serde::Serialize;
use std::ffi::OsStr;

/// The columns shown of each process if no columns are named and any of the processes is in a
/// container.
pub(super) const WITH_CONTAINER: [ProcessColumn; 5] = [
    ProcessColumn::Chain,
    ProcessColumn::Ns,
    ProcessColumn::Container,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// The note to print if no process is one of those requested.
pub(super) const NO_MATCH: &str = "no process matches";

/// The JSON document.
#[derive(Serialize)]
struct Document<'a, R> {
    version: u32,
    processes: &'a [R],
    hidden: Hidden,
}

/// A process where no columns are asked for.
#[derive(Serialize)]
pub(super) struct Row {
    pid: i32,
    /// Outermost first.
    chain: Vec<i32>,
    /// The PID namespace that the process itself is in.
    ns: Option<u64>,
    #[serde(flatten)]
    who: Who,
}

/// Lists them. An error is the status to end with, once its reason is on standard error.
pub(super) fn list(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    let asked = options.columns(ProcessColumn::USUAL)?;
    let filter = listing::filter_of(options)?;
    let mut finder = Finder::new(system);
    let Residents {
        mut processes,
        unseen,
    } = find(options, &system.proc)?.0;
    let mut left_out = LeftOut::from(unseen);
    if let Some(filter) = filter {
        processes.retain(|resident| {
            let holds = listing::holds(&filter, |column| finder.of_resident(resident, column));
            left_out.undecided += usize::from(holds.is_none());
            holds == Some(true)
        });
    }
    let status = if processes.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    };
    match asked {
        None if options.json || options.json_lines => {
            let mut registrar = Registrar::new(&system.proc);
            let rows: Vec<_> = processes
                .iter()
                .map(|resident| row(resident, &mut registrar))
                .collect();
            print(options, &rows, &left_out)?;
        }
        None => {
            let listing = tell(&processes, WITH_CONTAINER.to_vec(), &mut finder);
            let is_in_one = |row: &Vec<Cell>| {
                matches!(listing.cell(row, ProcessColumn::Container), Cell::Text(_))
            };
            let columns = if listing.rows.iter().any(is_in_one) {
                &WITH_CONTAINER[..]
            } else {
                ProcessColumn::USUAL
            };
            show(options, &listing.table(columns))?;
        }
        Some(columns) => {
            let listing = tell(&processes, columns, &mut finder);
            if options.json || options.json_lines {
                print(
                    options,
                    &listing.objects(&listing.columns).collect::<Vec<_>>(),
                    &left_out,
                )?;
            } else {
                show(options, &listing.table(&listing.columns))?;
            }
        }
    }
    if !options.quiet {
        if processes.is_empty() {
            let selects = options.task.is_some() || options.filter.is_some();
            out::note(if selects {
                NO_MATCH
            } else {
                "no process is in a nested PID namespace"
            });
        }
        left_out.report();
    }
    Ok(status)
}

pub(super) fn row(resident: &Resident, registrar: &mut Registrar) -> Row {
    Row {
        pid: resident.pid.as_raw_pid(),
        chain: resident
            .status
            .chain
            .ids()
            .iter()
            .map(|id| id.as_raw_pid())
            .collect(),
        ns: resident.ns.map(|ns| ns.inode),
        who: registrar
            .who_was(resident.pid, &resident.status, resident.ns)
            .0,
    }
}

fn tell(
    processes: &[Resident],
    columns: Vec<ProcessColumn>,
    finder: &mut Finder<'_>,
) -> Listing<ProcessColumn> {
    let cells = |resident| {
        columns
            .iter()
            .map(|column| finder.of_resident(resident, *column))
            .collect()
    };
    let rows = processes.iter().map(cells).collect();
    Listing {
        columns,
        rows,
        unseen: Unseen::default(),
    }
}

fn print<R: Serialize>(
    options: &Options,
    rows: &[R],
    left_out: &LeftOut,
) -> Result<(), ExitStatus> {
    if options.json_lines {
        out::print_json_lines(rows)
    } else {
        out::print_json(&Document {
            version: 1,
            processes: rows,
            hidden: left_out.hidden(),
        })
    }
}

fn show(options: &Options, table: &Table) -> Result<(), ExitStatus> {
    out::print(&table.render(&Styles::stdout(options.color), out::width()))
}

/// The processes that are asked for, whatever a filter says of them, and the PID namespace below
/// which they are where that is asked for. An error is the status to end with, once its reason is
/// on standard error.
pub(super) fn find(
    options: &Options,
    proc: &ProcRoot,
) -> Result<(Residents, Option<NsId>), ExitStatus> {
    let top = options
        .task
        .as_ref()
        .map(|task| Top::of(task, proc))
        .transpose()?;
    let living = if options.all || top.is_some() {
        Living::Anywhere
    } else {
        Living::Nested
    };
    let Residents {
        mut processes,
        mut unseen,
    } = Residents::find(proc, living).map_err(|errno| out::failed("list the processes", &errno))?;
    if let Some(top) = &top {
        let mut lineages = Lineages::default();
        processes.retain(|resident| {
            let levels = lineages.levels(proc, resident.pid, &resident.status.chain);
            let level = levels.get(top.depth);
            // Deep enough, but the kernel does not say where it lives.
            unseen.denied +=
                usize::from(resident.ns.is_none() && level.is_some_and(|level| level.ns.is_none()));
            level.is_some_and(|level| level.ns == Some(top.ns))
        });
    }
    Ok((Residents { processes, unseen }, top.map(|top| top.ns)))
}

/// The PID namespace whose processes, and those below it, are asked for.
struct Top {
    ns: NsId,
    /// The number of levels below the PID namespace whose ids the procfs shows.
    depth: usize,
}

impl Top {
    /// The one that a process is in. An error is the status to end with, once its reason is on
    /// standard error.
    fn of(task: &OsStr, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        let Named { process, pid } = Named::find(task, proc)?;
        let find = || {
            let depth = proc.status(pid, &mut Vec::new())?.chain.depth();
            let ns = proc.ns(pid, NsLink::Own(NsKind::Pid))?;
            if process.ended() {
                Err(ProcError::Vanished)
            } else {
                Ok(Self { ns, depth })
            }
        };
        find().map_err(|error| super::unread(&process, Some((proc, pid)), &error))
    }
}
