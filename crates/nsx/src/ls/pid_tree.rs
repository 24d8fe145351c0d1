//! PID namespaces with their processes as a tree: each process below its parent, and below its PID
//! namespace if its parent is in another PID namespace.

use super::processes::{self, Found, Processes};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell,
        column::ProcessColumn,
        condition,
        finder::CellFinder,
        forest::Forest,
        left_out::{Hidden, LeftOut},
        listing::{self, Listing},
        process::ProcessReader,
        system::System,
    },
    table::Table,
};
use nsx_core::{
    census::{Census, Entry, Resident, Sources, Unseen},
    hash::HashMap,
    ns::{NsId, NsKind, NsSet},
};
use serde::Serialize;

/// The columns of processes that are shown if no columns are named.
pub(super) const USUAL: [ProcessColumn; 4] = [
    ProcessColumn::Pid,
    ProcessColumn::Chain,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// The columns that are shown if no columns are named and a process is in a container.
const WITH_CONTAINER: [ProcessColumn; 5] = [
    ProcessColumn::Pid,
    ProcessColumn::Chain,
    ProcessColumn::Container,
    ProcessColumn::User,
    ProcessColumn::Command,
];

/// A PID namespace, or the index of a process.
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

/// A node for JSON.
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

/// Shows the tree of a system's processes.
pub(super) fn answer(
    request: &Processes,
    system: &System,
    format: Format,
) -> Result<Answer, Error> {
    let census = system.census(
        NsSet::EMPTY.with(NsKind::Pid),
        Sources::RELATIONS.with(Sources::MEMBERS),
    )?;
    let Found {
        mut processes,
        unseen,
        top,
    } = request.scope.find(&system.proc)?;
    processes.retain(|process| is_in_census(process, &census));

    let mut finder = CellFinder::new(system);
    let mut left_out = LeftOut::from(unseen);
    let mut forest = plant(&census, &processes, top);
    if let Some(filter) = &request.filter {
        forest.keep(|node| match node {
            Node::Namespace(_) => false,
            Node::Process(index) => {
                let process = &processes[*index];
                let holds =
                    condition::holds(Some(filter), |column| finder.of_resident(process, column));
                left_out.is_shown(holds)
            }
        });
    }
    let lines = forest.lines();
    let answer = if format == Format::Text {
        let columns = request.columns.clone();
        let columns = columns.unwrap_or_else(|| WITH_CONTAINER.to_vec());
        let listing = listing(&lines, &processes, columns, &mut finder);
        let columns = request.columns.as_deref();
        let columns = columns.unwrap_or_else(|| usual_columns(&listing));
        Answer::table(table(&listing, columns, &lines))
    } else if let Some(columns) = request.columns.clone() {
        let listing = listing(&lines, &processes, columns, &mut finder);
        document(&forest, &left_out, |index| {
            listing.object(&listing.columns, &listing.rows[index])
        })?
    } else {
        let mut reader = ProcessReader::new(&system.proc);
        document(&forest, &left_out, |index| {
            processes::row(&processes[index], &mut reader)
        })?
    };
    let has_process = lines
        .iter()
        .any(|(_, node)| matches!(node, Node::Process(_)));
    let found = has_process || !request.selects();
    let no_match = (!found).then(|| processes::NO_MATCH.to_owned());
    Ok(answer
        .found(found)
        .with_notes(no_match)
        .with_notes(left_out.notes()))
}

/// Returns whether a process was in its PID namespace when the census was taken. A later process
/// cannot be shown together with the census.
fn is_in_census(process: &Resident, census: &Census) -> bool {
    let member = census.member(process.pid);
    process.ns.is_none() || process.ns == member.and_then(|member| member.ns(NsKind::Pid))
}

/// Returns the rows of the processes that are in these lines; those of others have no cells.
fn listing(
    lines: &[(String, &Node<'_>)],
    processes: &[Resident],
    columns: Vec<ProcessColumn>,
    finder: &mut CellFinder<'_>,
) -> Listing<ProcessColumn> {
    let mut rows = vec![Vec::new(); processes.len()];
    for (_, node) in lines {
        if let Node::Process(index) = node {
            rows[*index] = columns
                .iter()
                .map(|column| finder.of_resident(&processes[*index], *column))
                .collect();
        }
    }
    Listing {
        columns,
        rows,
        unseen: Unseen::default(),
    }
}

fn usual_columns(listing: &Listing<ProcessColumn>) -> &'static [ProcessColumn] {
    if processes::has_container(listing) {
        &WITH_CONTAINER
    } else {
        &USUAL
    }
}

/// Puts the PID namespaces of a census, or `top` and those below it, and the processes below one
/// another.
fn plant<'a>(census: &'a Census, processes: &[Resident], top: Option<NsId>) -> Forest<Node<'a>> {
    let is_shown = |entry: &&Entry| top.is_none_or(|top| is_below(entry.ns, top, census));
    let namespaces: Vec<_> = census.namespaces.iter().filter(is_shown).collect();
    let index_of_ns: HashMap<NsId, usize> = namespaces
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.ns, index))
        .collect();
    let index_of_pid: HashMap<_, _> = processes
        .iter()
        .enumerate()
        .map(|(index, process)| (process.pid, (namespaces.len() + index, process.ns)))
        .collect();
    let nodes = namespaces
        .into_iter()
        .map(Node::Namespace)
        .chain((0..processes.len()).map(Node::Process))
        .collect();
    Forest::of(nodes, |node| match node {
        Node::Namespace(entry) => index_of_ns.get(&parent(entry)?).copied(),
        Node::Process(index) => {
            let process = &processes[*index];
            let parent = process.status.ppid;
            match parent.and_then(|parent| index_of_pid.get(&parent)) {
                Some((index, ns)) if *ns == process.ns => Some(*index),
                _ => index_of_ns.get(&process.ns?).copied(),
            }
        }
    })
}

/// Returns the parent of a PID namespace.
fn parent(entry: &Entry) -> Option<NsId> {
    entry.relation.and_then(|relation| relation.parent.id())
}

/// Returns whether a PID namespace is `top` or below it.
fn is_below(ns: NsId, top: NsId, census: &Census) -> bool {
    let ancestors = std::iter::successors(Some(ns), |ns| census.entry(*ns).and_then(parent));
    // Inode numbers that were used again meanwhile could form a circle.
    ancestors.take(census.namespaces.len()).any(|ns| ns == top)
}

/// Returns the tree as JSON. `row` makes the row of the process with an index.
fn document<R: Serialize>(
    forest: &Forest<Node<'_>>,
    left_out: &LeftOut,
    mut row: impl FnMut(usize) -> R,
) -> Result<Answer, Error> {
    let pid_tree = forest.fold(|node, children| match node {
        Node::Namespace(entry) => Branch::Namespace {
            ns: entry.ns.inode,
            nprocs: Cell::count(entry.processes, entry.is_whole),
            children,
        },
        Node::Process(index) => Branch::Process {
            row: row(*index),
            children,
        },
    });
    Answer::json(&Document {
        version: 1,
        pid_tree,
        hidden: left_out.hidden(),
    })
}

/// Returns a table with the lines of the tree, and the names of the namespaces, in the first
/// column.
fn table(
    listing: &Listing<ProcessColumn>,
    columns: &[ProcessColumn],
    lines: &[(String, &Node<'_>)],
) -> Table {
    listing::tree(columns, lines, |node, index| match node {
        Node::Process(process) => listing
            .cell(&listing.rows[*process], columns[index])
            .shown(),
        Node::Namespace(entry) if index == 0 => entry.ns.to_string(),
        Node::Namespace(entry) => of_namespace(entry, columns[index]),
    })
}

/// Returns the content of a namespace's row in a column other than the first.
fn of_namespace(entry: &Entry, column: ProcessColumn) -> String {
    match column {
        ProcessColumn::Ns => entry.ns.inode.to_string(),
        ProcessColumn::Command => format!("({})", count(entry)),
        _ => String::new(),
    }
}

/// Returns the number of processes in a namespace, in words.
pub(super) fn count(entry: &Entry) -> String {
    let count = Cell::count(entry.processes, entry.is_whole);
    let noun = if count == Cell::Number(1) {
        "process"
    } else {
        "processes"
    };
    format!("{} {noun}", count.shown())
}
