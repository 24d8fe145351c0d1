//! The list of namespaces.

use super::{Hidden, Options, report};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    who::{Registrar, Who},
};
use nsx_core::{
    census::{self, Census, Entry, Query, Sources},
    ns::{NsId, NsSet},
    pid::Pid,
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
    pid: Option<i32>,
    #[serde(flatten)]
    who: Who,
}

/// Lists them. An error is the status to end with, once its reason is on standard error.
pub(super) fn list(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let kinds = options.kinds();
    let wanted = options.task.as_ref().map(|task| namespaces_of(task, kinds, proc)).transpose()?;
    let query = Query { kinds, sources: if options.deep { Sources::ALL } else { Sources::PINS } };
    let Census { mut namespaces, unseen, .. } =
        Census::take(proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
    if let Some(wanted) = wanted {
        namespaces.retain(|entry| wanted.contains(&entry.ns));
    }
    let status = if namespaces.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS };
    let mut registrar = Registrar::new(proc);
    let rows = namespaces.iter().map(|entry| row(entry, &mut registrar));
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
    let process = super::process_named(task)?;
    let found = process.pid_in(proc).and_then(|pid| census::namespaces_of(proc, pid, kinds));
    let found = if process.ended() { Err(ProcError::Vanished) } else { found };
    found.map_err(|error| {
        let status = out::failed(&format!("read the namespaces of process {}", process.pid()), &error);
        if error == ProcError::Vanished { ExitStatus::NO_MATCH } else { status }
    })
}

fn row(entry: &Entry, registrar: &mut Registrar) -> Row {
    let Entry { ns, processes, lowest, .. } = *entry;
    let who = lowest.map(|pid| registrar.who(pid)).unwrap_or_default();
    Row { ns: ns.inode, kind: ns.kind.name(), nprocs: processes, pid: lowest.map(Pid::as_raw_pid), who }
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
        // What no process is in is nobody's.
        let of_process = |text: String| if row.pid.is_some() { text } else { String::new() };
        table.row(vec![
            row.ns.to_string(),
            row.kind.to_owned(),
            row.nprocs.to_string(),
            row.pid.map_or_else(String::new, |pid| pid.to_string()),
            of_process(row.who.user()),
            of_process(row.who.command()),
        ]);
    }
    table
}
