//! The list of processes in nested PID namespaces.

use super::{
    Hidden, Options, Sight,
    column::Columns,
    finder::Finder,
    forest::Forest,
    listing::{self, Listing},
    report,
    resident::Told,
};
use crate::{
    cell::Cell,
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Census, Entry, Living, Query, Resident, Residents, Sources, Unseen},
    ns::{NsId, NsKind, NsSet},
    pid::Lineages,
    proc::{NsLink, ProcError, ProcRoot},
};
use serde::Serialize;
use std::{collections::HashMap, ffi::OsStr};

/// What is shown of each where no columns are asked for and any of them is in a container.
const WITH_CONTAINER: [Told; 5] = [Told::Chain, Told::Ns, Told::Container, Told::User, Told::Command];

/// The JSON document.
#[derive(Serialize)]
struct Document<'a, R> {
    version: u32,
    processes: &'a [R],
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
pub(super) fn list(options: &Options, sight: &Sight) -> Result<ExitStatus, ExitStatus> {
    let asked = options.columns::<Told>()?;
    let mut finder = Finder::new(sight);
    let Residents { processes, unseen } = select(options, &sight.proc, &mut finder)?;
    let status = if processes.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS };
    match asked {
        None if options.json || options.json_lines => {
            let mut registrar = Registrar::new(&sight.proc);
            let rows: Vec<_> = processes.iter().map(|resident| row(resident, &mut registrar)).collect();
            print(options, &rows, unseen)?;
        }
        None => {
            let listing = tell(&processes, WITH_CONTAINER.to_vec(), &mut finder);
            let is_in_one = |row: &Vec<Cell>| matches!(listing.cell(row, Told::Container), Cell::Text(_));
            let columns = if listing.rows.iter().any(is_in_one) { &WITH_CONTAINER[..] } else { Told::USUAL };
            show(options, &listing.table(columns))?;
        }
        Some(columns) => {
            let listing = tell(&processes, columns, &mut finder);
            if options.json || options.json_lines {
                print(options, &listing.objects(&listing.columns).collect::<Vec<_>>(), unseen)?;
            } else {
                show(options, &listing.table(&listing.columns))?;
            }
        }
    }
    if !options.quiet {
        if processes.is_empty() {
            let selects = options.task.is_some() || options.filter.is_some();
            out::note(if selects { "no process matches" } else { "no process is in a nested PID namespace" });
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

fn tell(processes: &[Resident], columns: Vec<Told>, finder: &mut Finder<'_>) -> Listing<Told> {
    let cells = |resident| columns.iter().map(|column| finder.of_resident(resident, *column)).collect();
    let rows = processes.iter().map(cells).collect();
    Listing { columns, rows, unseen: Unseen::default() }
}

fn print<R: Serialize>(options: &Options, rows: &[R], unseen: Unseen) -> Result<(), ExitStatus> {
    if options.json_lines {
        out::print_json_lines(rows)
    } else {
        out::print_json(&Document { version: 1, processes: rows, hidden: unseen.into() })
    }
}

fn show(options: &Options, table: &Table) -> Result<(), ExitStatus> {
    out::print(&table.render(&Styles::stdout(options.color), out::width()))
}

/// The processes that are asked for.
fn select(options: &Options, proc: &ProcRoot, finder: &mut Finder<'_>) -> Result<Residents, ExitStatus> {
    let filter = listing::filter_of(options)?;
    let top = options.task.as_ref().map(|task| Top::of(task, proc)).transpose()?;
    let living = if options.all || top.is_some() { Living::Anywhere } else { Living::Nested };
    let Residents { mut processes, mut unseen } =
        Residents::find(proc, living).map_err(|errno| out::failed("list the processes", &errno))?;
    if let Some(top) = top {
        let mut lineages = Lineages::default();
        processes.retain(|resident| {
            let levels = lineages.levels(proc, resident.pid, &resident.status.chain);
            let level = levels.get(top.depth);
            // Deep enough, but the kernel does not say where it lives.
            unseen.denied += usize::from(resident.ns.is_none() && level.is_some_and(|level| level.ns.is_none()));
            level.is_some_and(|level| level.ns == Some(top.ns))
        });
    }
    if let Some(filter) = filter {
        processes.retain(|resident| listing::holds(&filter, |column| finder.of_resident(resident, column)));
    }
    Ok(Residents { processes, unseen })
}

/// The PID namespace whose processes, and those below it, are asked for.
struct Top {
    ns: NsId,
    /// How far it is below the one whose ids the procfs shows.
    depth: usize,
}

impl Top {
    /// The one that a process is in. An error is the status to end with, once its reason is on standard error.
    fn of(task: &OsStr, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        let process = super::process_named(task)?;
        let find = || {
            let pid = process.pid_in(proc)?;
            let depth = process.chain_in(proc)?.depth();
            let ns = proc.ns(pid, NsLink::Own(NsKind::Pid))?;
            if process.ended() { Err(ProcError::Vanished) } else { Ok(Self { ns, depth }) }
        };
        find().map_err(|error| super::unread(&process, &error))
    }
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
        show(options, &table)?;
    }
    if !options.quiet {
        report(unseen);
    }
    Ok(ExitStatus::SUCCESS)
}

fn count(processes: usize) -> String {
    format!("({processes} {})", if processes == 1 { "process" } else { "processes" })
}
