//! The list of processes in nested PID namespaces.

use super::{Hidden, Options, forest::Forest, report};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    text,
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Census, Entry, Living, Query, Resident, Residents, Sources},
    ns::{NsId, NsKind, NsSet},
    proc::ProcRoot,
};
use serde::Serialize;
use std::collections::HashMap;

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

/// The JSON document of the tree.
#[derive(Serialize)]
struct Forested {
    version: u32,
    pid_tree: Vec<Branch>,
    hidden: Hidden,
}

/// A PID namespace, or a process in one.
enum Node<'a> {
    Namespace(&'a Entry),
    Process(&'a Resident),
}

/// A node as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Branch {
    Namespace {
        ns: u64,
        nprocs: usize,
        children: Vec<Branch>,
    },
    Process {
        #[serde(flatten)]
        row: Row,
        children: Vec<Branch>,
    },
}

/// Shows PID namespaces with their processes, each below its parent: an init's own below it, and what was put into the
/// namespace from outside below the namespace. An error is the status to end with, once its reason is on standard error.
pub(super) fn tree(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let failed = |errno| out::failed("list the processes", &errno);
    let query = Query { kinds: NsSet::EMPTY.with(NsKind::Pid), sources: Sources::RELATIONS };
    let census = Census::take(proc, query).map_err(failed)?;
    let living = if options.all { Living::Anywhere } else { Living::Nested };
    let Residents { processes, unseen } = Residents::find(proc, living).map_err(failed)?;

    let namespaces: Vec<_> = census.namespaces.iter().filter(|entry| entry.ns.kind == NsKind::Pid).collect();
    let place_of_ns: HashMap<NsId, usize> =
        namespaces.iter().enumerate().map(|(place, entry)| (entry.ns, place)).collect();
    let place_of_pid: HashMap<_, _> =
        processes.iter().enumerate().map(|(place, it)| (it.pid, (namespaces.len() + place, it.ns))).collect();
    let nodes: Vec<_> =
        namespaces.into_iter().map(Node::Namespace).chain(processes.iter().map(Node::Process)).collect();
    let forest = Forest::of(nodes, |node| match node {
        Node::Namespace(entry) => place_of_ns.get(&entry.relation?.parent.id()?).copied(),
        Node::Process(resident) => {
            let parent = resident.status.ppid.and_then(|parent| place_of_pid.get(&parent));
            let beside = parent.filter(|(_, ns)| *ns == resident.ns).map(|(place, _)| *place);
            beside.or_else(|| place_of_ns.get(&resident.ns?).copied())
        }
    });
    let mut registrar = Registrar::new(proc);
    if options.json {
        let roots = forest.fold(|node, children| match node {
            Node::Namespace(entry) => Branch::Namespace { ns: entry.ns.inode, nprocs: entry.processes, children },
            Node::Process(resident) => Branch::Process { row: row(resident, &mut registrar), children },
        });
        out::print_json(&Forested { version: 1, pid_tree: roots, hidden: unseen.into() })?;
    } else {
        let mut table = Table::new(&[
            ("PID", Align::Left),
            ("CHAIN", Align::Left),
            ("USER", Align::Left),
            ("COMMAND", Align::Left),
        ]);
        for (lead, node) in forest.lines() {
            table.row(match node {
                Node::Namespace(entry) => {
                    vec![format!("{lead}{}", entry.ns), String::new(), String::new(), count(entry.processes)]
                }
                Node::Process(resident) => {
                    let who = registrar.who_has(resident.pid, &resident.status);
                    let chain = resident.status.chain.to_string();
                    vec![format!("{lead}{}", resident.pid), chain, who.user(), who.command()]
                }
            });
        }
        out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        report(unseen);
    }
    Ok(ExitStatus::SUCCESS)
}

fn count(processes: usize) -> String {
    format!("({processes} {})", if processes == 1 { "process" } else { "processes" })
}
