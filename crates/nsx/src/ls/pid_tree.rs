//! PID namespaces with their processes, each below its parent: an init's own below it, and what was
//! put into the namespace from outside below the namespace.

use super::{
    Hidden, Options,
    left_out::LeftOut,
    listing::{self, Listing},
    pids, tree,
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        cell::Cell, column::Columns, finder::Finder, forest::Forest, process_column::ProcessColumn,
        system::System, who::Registrar,
    },
    table::{Align, Table},
};
use nsx_core::{
    census::{Census, Entry, Query, Resident, Residents, Sources},
    hash::HashMap,
    ns::{NsId, NsKind, NsSet},
};
use serde::Serialize;

/// The columns shown of each process if no columns are named.
const USUAL: [ProcessColumn; 4] = [
    ProcessColumn::Pid,
    ProcessColumn::Chain,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// The columns shown of each process if no columns are named and any of the processes is in a
/// container.
const WITH_CONTAINER: [ProcessColumn; 5] = [
    ProcessColumn::Pid,
    ProcessColumn::Chain,
    ProcessColumn::Container,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// A PID namespace, or the place of a process.
#[derive(Debug)]
enum Node<'a> {
    Namespace(&'a Entry),
    Process(usize),
}

/// The JSON document.
#[derive(Serialize)]
struct Document<R> {
    version: u32,
    pid_tree: Vec<Branch<R>>,
    hidden: Hidden,
}

/// A node as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Branch<R> {
    Namespace {
        ns: u64,
        nprocs: Cell,
        children: Vec<Self>,
    },
    Process {
        #[serde(flatten)]
        row: R,
        children: Vec<Self>,
    },
}

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    refuse(options)?;
    let asked = options.columns(&USUAL)?;
    let filter = listing::filter_of(options)?;
    let query = Query {
        kinds: NsSet::EMPTY.with(NsKind::Pid),
        sources: Sources::RELATIONS.with(Sources::MEMBERS),
    };
    let census = Census::take(&system.proc, query)
        .map_err(|errno| out::failed("list the processes", &errno))?;
    let (
        Residents {
            mut processes,
            unseen,
        },
        top,
    ) = pids::find(options, &system.proc)?;
    // Who came after the census, or has its id from somebody who was in another namespace, is in no
    // picture with it.
    let in_census = |resident: &Resident| {
        census
            .member(resident.pid)
            .and_then(|member| member.ns(NsKind::Pid))
    };
    processes.retain(|resident| resident.ns.is_none() || resident.ns == in_census(resident));

    let mut finder = Finder::new(system);
    let mut forest = plant(&census, &processes, top);
    let mut left_out = LeftOut::from(unseen);
    if let Some(filter) = &filter {
        forest.keep(|node| match node {
            Node::Namespace(_) => false,
            Node::Process(place) => {
                let holds = listing::holds(filter, |column| {
                    finder.of_resident(&processes[*place], column)
                });
                left_out.undecided += usize::from(holds.is_none());
                holds == Some(true)
            }
        });
    }
    let lines = forest.lines();
    if options.json && asked.is_none() {
        let mut registrar = Registrar::new(&system.proc);
        document(&forest, &left_out, |place| {
            pids::row(&processes[place], &mut registrar)
        })?;
    } else {
        let columns = asked.clone().unwrap_or_else(|| WITH_CONTAINER.to_vec());
        let mut listing = Listing {
            columns,
            rows: vec![Vec::new(); processes.len()],
            unseen,
        };
        for (_, node) in &lines {
            if let Node::Process(place) = node {
                let cells = listing
                    .columns
                    .iter()
                    .map(|column| finder.of_resident(&processes[*place], *column));
                listing.rows[*place] = cells.collect();
            }
        }
        if options.json {
            document(&forest, &left_out, |place| {
                listing.object(&listing.columns, &listing.rows[place])
            })?;
        } else {
            let is_in_one = |row: &Vec<Cell>| {
                matches!(listing.cell(row, ProcessColumn::Container), Cell::Text(_))
            };
            let usual = if listing.rows.iter().any(is_in_one) {
                &WITH_CONTAINER[..]
            } else {
                &USUAL
            };
            let table = table(&listing, asked.as_deref().unwrap_or(usual), &lines);
            out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
        }
    }
    let selects = top.is_some() || filter.is_some();
    let found = !selects
        || lines
            .iter()
            .any(|(_, node)| matches!(node, Node::Process(_)));
    if !options.quiet {
        if !found {
            out::note(pids::NO_MATCH);
        }
        left_out.report();
    }
    Ok(if found {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    })
}

/// Refuses what has no meaning for processes.
fn refuse(options: &Options) -> Result<(), ExitStatus> {
    let reason = if !options.kinds.is_empty() {
        "--tree=pid has PID namespaces alone: --type cannot be given with it"
    } else if options.deep {
        "--tree=pid is about processes: --deep, which looks for what else keeps namespaces, cannot \
        be given with it"
    } else if options.from.is_some() {
        tree::NOT_SAVED
    } else {
        return Ok(());
    };
    out::error(reason);
    Err(ExitStatus::FAILURE)
}

/// The PID namespaces of a census, or those from `top` downwards, with these processes, which it
/// has seen.
fn plant<'a>(census: &'a Census, processes: &[Resident], top: Option<NsId>) -> Forest<Node<'a>> {
    let parent = |entry: &Entry| entry.relation.and_then(|relation| relation.parent.id());
    let above = |ns: &NsId| census.entry(*ns).and_then(parent);
    // Inode numbers that were used again meanwhile could lead round in a circle.
    let most = census.namespaces.len();
    let is_below = |ns, top| {
        std::iter::successors(Some(ns), above)
            .take(most)
            .any(|ns| ns == top)
    };
    let is_asked_for = |entry: &&Entry| top.is_none_or(|top| is_below(entry.ns, top));
    let namespaces: Vec<_> = census.namespaces.iter().filter(is_asked_for).collect();
    let place_of_ns: HashMap<NsId, usize> = namespaces
        .iter()
        .enumerate()
        .map(|(place, entry)| (entry.ns, place))
        .collect();
    let place_of_pid: HashMap<_, _> = processes
        .iter()
        .enumerate()
        .map(|(place, it)| (it.pid, (namespaces.len() + place, it.ns)))
        .collect();
    let nodes = namespaces
        .into_iter()
        .map(Node::Namespace)
        .chain((0..processes.len()).map(Node::Process))
        .collect();
    Forest::of(nodes, |node| match node {
        Node::Namespace(entry) => place_of_ns.get(&parent(entry)?).copied(),
        Node::Process(place) => {
            let resident = &processes[*place];
            let parent = resident
                .status
                .ppid
                .and_then(|parent| place_of_pid.get(&parent));
            let beside = parent
                .filter(|(_, ns)| *ns == resident.ns)
                .map(|(place, _)| *place);
            beside.or_else(|| place_of_ns.get(&resident.ns?).copied())
        }
    })
}

fn document<R: Serialize>(
    forest: &Forest<Node<'_>>,
    left_out: &LeftOut,
    mut row: impl FnMut(usize) -> R,
) -> Result<(), ExitStatus> {
    let pid_tree = forest.fold(|node, children| match node {
        Node::Namespace(entry) => Branch::Namespace {
            ns: entry.ns.inode,
            nprocs: Cell::count(entry.processes, entry.is_whole),
            children,
        },
        Node::Process(place) => Branch::Process {
            row: row(*place),
            children,
        },
    });
    out::print_json(&Document {
        version: 1,
        pid_tree,
        hidden: left_out.hidden(),
    })
}

/// For people: the lines of the tree in the first column, which has the names of the namespaces
/// too.
fn table(
    listing: &Listing<ProcessColumn>,
    columns: &[ProcessColumn],
    lines: &[(String, &Node<'_>)],
) -> Table {
    let headings = columns.iter().enumerate().map(|(place, column)| {
        let spec = column.spec();
        (spec.name, if place == 0 { Align::Left } else { spec.align })
    });
    let mut table = Table::new(&headings.collect::<Vec<_>>());
    for (lead, node) in lines {
        let cell = |(number, column): (usize, &ProcessColumn)| match node {
            Node::Process(place) => {
                let shown = listing.cell(&listing.rows[*place], *column).shown();
                if number == 0 {
                    format!("{lead}{shown}")
                } else {
                    shown
                }
            }
            Node::Namespace(entry) if number == 0 => format!("{lead}{}", entry.ns),
            Node::Namespace(entry) => match column {
                ProcessColumn::Ns => entry.ns.inode.to_string(),
                ProcessColumn::Command => count(entry),
                _ => String::new(),
            },
        };
        table.row(columns.iter().enumerate().map(cell));
    }
    table
}

fn count(entry: &Entry) -> String {
    format!("({})", processes(entry))
}

/// Returns the number of processes in a namespace, in words.
pub(super) fn processes(entry: &Entry) -> String {
    let count = Cell::count(entry.processes, entry.is_whole);
    format!(
        "{} {}",
        count.shown(),
        if count == Cell::Number(1) {
            "process"
        } else {
            "processes"
        }
    )
}
