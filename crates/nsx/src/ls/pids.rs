//! The list of processes in nested PID namespaces.

use super::{Hidden, Options, report};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    text,
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Living, Resident, Residents},
    proc::ProcRoot,
};
use serde::Serialize;

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    processes: Vec<Row>,
    hidden: Hidden,
}

#[derive(Serialize)]
struct Row {
    pid: i32,
    /// Outermost first.
    chain: Vec<i32>,
    /// The PID namespace that the process itself is in.
    ns: Option<u64>,
    #[serde(flatten)]
    who: Who,
}

/// Lists them. An error is the status to end with, once its reason is on standard error.
pub(super) fn list(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let living = if options.all { Living::Anywhere } else { Living::Nested };
    let Residents { processes, unseen } =
        Residents::find(proc, living).map_err(|errno| out::failed("list the processes", &errno))?;
    let status = if processes.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS };
    let mut registrar = Registrar::new(proc);
    if options.json {
        let processes = processes.iter().map(|resident| row(resident, &mut registrar)).collect();
        out::print_json(&Document { version: 1, processes, hidden: unseen.into() })?;
    } else {
        out::print(&table(&processes, &mut registrar).render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        if processes.is_empty() {
            out::note("no process is in a nested PID namespace");
        }
        report(unseen);
    }
    Ok(status)
}

fn row(resident: &Resident, registrar: &mut Registrar) -> Row {
    Row {
        pid: resident.pid.as_raw_pid(),
        chain: resident.status.chain.ids().iter().map(|id| id.as_raw_pid()).collect(),
        ns: resident.ns.map(|ns| ns.inode),
        who: registrar.who_has(resident.pid, &resident.status),
    }
}

fn table(processes: &[Resident], registrar: &mut Registrar) -> Table {
    let mut table =
        Table::new(&[("CHAIN", Align::Left), ("NS", Align::Right), ("USER", Align::Left), ("COMMAND", Align::Left)]);
    for resident in processes {
        let who = registrar.who_has(resident.pid, &resident.status);
        let ns = resident.ns.map_or_else(|| text::UNKNOWN.to_owned(), |ns| ns.inode.to_string());
        table.row(vec![resident.status.chain.to_string(), ns, who.user(), who.command()]);
    }
    table
}
