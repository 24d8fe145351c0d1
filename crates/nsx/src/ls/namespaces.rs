//! The list of namespaces.

use super::{Hidden, Options, report};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    target,
    who::{Registrar, Who},
};
use nsx_core::{
    census::{self, Census, Inhabited},
    ns::{NsId, NsSet},
    proc::{ProcError, ProcRoot},
};
use serde::Serialize;
use std::ffi::OsStr;

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    namespaces: Vec<Row>,
    hidden: Hidden,
}

#[derive(Serialize)]
struct Row {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    nprocs: usize,
    pid: i32,
    #[serde(flatten)]
    who: Who,
}

/// Lists them. An error is the status to end with, once its reason is on standard error.
pub(super) fn list(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let kinds = if options.kinds.is_empty() { NsSet::ALL } else { options.kinds.iter().copied().collect() };
    let wanted = options.task.as_ref().map(|task| namespaces_of(task, kinds, proc)).transpose()?;
    let Census { mut namespaces, unseen } =
        Census::take(proc, kinds).map_err(|errno| out::failed("list the processes", &errno))?;
    if let Some(wanted) = wanted {
        namespaces.retain(|inhabited| wanted.contains(&inhabited.ns));
    }
    let status = if namespaces.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS };
    let mut registrar = Registrar::new(proc);
    let rows = namespaces.into_iter().map(|inhabited| row(inhabited, &mut registrar));
    if options.json {
        out::print_json(&Document { version: 1, namespaces: rows.collect(), hidden: unseen.into() })?;
    } else {
        out::print(&table(rows).render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        report(unseen);
    }
    Ok(status)
}

/// The namespaces of the process that was named.
fn namespaces_of(task: &OsStr, kinds: NsSet, proc: &ProcRoot) -> Result<Vec<NsId>, ExitStatus> {
    let process = nsx_target::resolve(task).map_err(|error| target::failed(&error))?.process;
    let found = process.pid_in(proc).and_then(|pid| census::namespaces_of(proc, pid, kinds));
    let found = if process.ended() { Err(ProcError::Vanished) } else { found };
    found.map_err(|error| {
        let status = out::failed(&format!("read the namespaces of process {}", process.pid()), &error);
        if error == ProcError::Vanished { ExitStatus::NO_MATCH } else { status }
    })
}

fn row(inhabited: Inhabited, registrar: &mut Registrar) -> Row {
    let Inhabited { ns, processes, lowest } = inhabited;
    Row { ns: ns.inode, kind: ns.kind.name(), nprocs: processes, pid: lowest.as_raw_pid(), who: registrar.who(lowest) }
}

fn table(rows: impl Iterator<Item = Row>) -> Table {
    let mut table = Table::new(&[
        ("NS", Align::Right),
        ("TYPE", Align::Left),
        ("NPROCS", Align::Right),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for row in rows {
        table.row(vec![
            row.ns.to_string(),
            row.kind.to_owned(),
            row.nprocs.to_string(),
            row.pid.to_string(),
            row.who.user(),
            row.who.command(),
        ]);
    }
    table
}
