//! A process and its namespaces: each is shared with the caller, shared with others, or its own.

use super::{identity::Identity, named::NamedProcess, relation::Relative};
use crate::{
    answer::{Answer, Format, Part},
    error::Error,
    query::{
        cell::Cell,
        entry_cells,
        finder::CellFinder,
        left_out::{Hidden, LeftOut},
        maps::{self, Maps, Range},
        owners::Owners,
        process::{ProcessInfo, ProcessReader},
        system::System,
    },
    table::{Align, Table},
    text,
};
use nsx_core::{
    census::{Relations, Sources},
    idmap::{IdKind, IdMap},
    ns::{NsKind, NsSet},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot},
};
use serde::Serialize;

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    pid: i32,
    #[serde(flatten)]
    info: &'a ProcessInfo,
    namespaces: &'a [Row],
    /// The id mappings of the user namespace, unless that is the caller's.
    uid_map: Option<Vec<Range>>,
    gid_map: Option<Vec<Range>>,
    /// The part of the holders that was not seen.
    hidden: Option<Hidden>,
}

/// A namespace of the process.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    ns: Identity,
    /// `true` if only the next children of the process are in the namespace.
    for_children: bool,
    /// `true` if the namespace is the caller's too.
    shared: bool,
    /// The owners of the other processes in the namespace, without the owner of the process; `None`
    /// if they are not known.
    shared_with: Option<Vec<String>>,
    id64: Option<u64>,
    parent: Relative,
    owner: Relative,
    /// The number of processes in the namespace, and what else holds the namespace; nothing unless
    /// requested.
    nprocs: Cell,
    holders: Cell,
}

/// Shows the namespaces of a process. If all of them are the caller's, no other process is looked
/// at, except with `deep`, which searches the holders of each.
pub(super) fn answer(
    named: &NamedProcess,
    kinds: NsSet,
    deep: bool,
    system: &System,
    format: Format,
) -> Result<Answer, Error> {
    let NamedProcess { process, pid } = named;
    let (pid, proc) = (*pid, &system.proc);
    let mut rows = rows(kinds, pid, proc).map_err(|error| unread(named, proc, error))?;
    let is_own_user_namespace = |row: &Row| row.ns.0.kind == NsKind::User && !row.shared;
    let maps = if rows.iter().any(is_own_user_namespace) {
        maps_of(pid, proc)
    } else {
        None
    };
    let mut reader = ProcessReader::new(proc);
    let info = reader.read(pid);
    let left_out = look_around(pid, deep, &mut rows, system)?;
    process
        .runs(proc, pid)
        .map_err(|error| unread(named, proc, error))?;
    let answer = match format {
        Format::Text => {
            let table = table(&rows, deep);
            let maps = maps.map_or_else(String::new, |maps| in_words(&maps, &reader));
            Answer::of(vec![Part::Table(table), Part::Text(maps)])
        }
        Format::Json => {
            let [uid_map, gid_map] = maps.map_or([None, None], |maps| maps.ranges().map(Some));
            Answer::json(&Document {
                version: 1,
                pid: process.pid().as_raw_pid(),
                info: &info,
                namespaces: &rows,
                uid_map,
                gid_map,
                hidden: left_out.as_ref().map(LeftOut::hidden),
            })?
        }
        Format::JsonLines => Answer::json_lines(&rows)?,
    };
    let notes = left_out
        .filter(|_| deep)
        .map_or_else(Vec::new, |left_out| left_out.notes());
    Ok(answer.with_notes(notes))
}

/// Returns the error that the namespaces of a process could not be read.
fn unread(named: &NamedProcess, proc: &ProcRoot, error: ProcError) -> Error {
    if named.process.ended() {
        named.unread(proc, ProcError::Vanished)
    } else {
        named.unread(proc, error)
    }
}

/// Returns the id mappings in words, one line for users and one for groups.
fn in_words(maps: &Maps, reader: &ProcessReader<'_>) -> String {
    let own = rustix::process::geteuid().as_raw();
    maps.words(|uid| maps::known_as(reader.name(uid), uid == own))
        .map(|line| line + "\n")
        .concat()
}

/// Returns the namespaces of a process, with what can be learned without other processes.
fn rows(kinds: NsSet, pid: Pid, proc: &ProcRoot) -> Result<Vec<Row>, ProcError> {
    let mut relations = Relations::default();
    // Another procfs may not show the caller.
    let callers = if proc.is_callers() {
        None
    } else {
        ProcRoot::system().ok()
    };
    let callers = callers.as_ref().unwrap_or(proc);
    let mut rows: Vec<Row> = Vec::new();
    let links = kinds.iter().map(NsLink::Own);
    let for_children = [
        (NsKind::Pid, NsLink::PidForChildren),
        (NsKind::Time, NsLink::TimeForChildren),
    ];
    let for_children = for_children
        .into_iter()
        .filter(|(kind, _)| kinds.contains(*kind))
        .map(|(_, link)| link);
    for link in links.chain(for_children) {
        let open = match proc.open_ns(pid, link) {
            // An old kernel lacks the kind, or the PID namespace has no PID 1.
            Err(ProcError::Vanished) => continue,
            open => open?,
        };
        let ns = open.id();
        if rows.iter().any(|row| row.ns.0 == ns) {
            continue;
        }
        let relation = relations.learn(&open).ok();
        rows.push(Row {
            ns: Identity(ns),
            for_children: !matches!(link, NsLink::Own(_)),
            shared: callers.own_ns(NsLink::Own(ns.kind)) == Ok(ns),
            id64: relation.and_then(|relation| relation.id64),
            parent: Relative::parent(relation),
            owner: Relative::owner(relation),
            shared_with: None,
            nprocs: Cell::Nothing,
            holders: Cell::Nothing,
        });
    }
    if rows.is_empty() {
        Err(ProcError::Vanished)
    } else {
        Ok(rows)
    }
}

fn maps_of(pid: Pid, proc: &ProcRoot) -> Option<Maps> {
    Some(Maps {
        users: IdMap::read(pid, IdKind::User, proc).ok()?,
        groups: IdMap::read(pid, IdKind::Group, proc).ok()?,
    })
}

/// Searches the system for the processes that share these namespaces and, with `deep`, for all other
/// holders. Nothing is searched if all namespaces are the caller's.
fn look_around(
    pid: Pid,
    deep: bool,
    rows: &mut [Row],
    system: &System,
) -> Result<Option<LeftOut>, Error> {
    if !deep && rows.iter().all(|row| row.shared) {
        return Ok(None);
    }
    let sources = if deep { Sources::ALL } else { Sources::MEMBERS };
    let census = system.census(NsSet::ALL, sources)?;
    let mut finder = CellFinder::new(system);
    let mut owners = Owners::new(&census, &system.proc, &mut finder);
    let own = owners.of_process(pid);
    for row in rows {
        let Some(entry) = census.entry(row.ns.0) else {
            if deep {
                (row.nprocs, row.holders) = (Cell::Unknown, Cell::Unknown);
            }
            continue;
        };
        if !row.shared && !row.for_children && !entry.ns.is_initial() {
            let others = owners.names(census.processes_in(entry.ns), &own);
            let others: Vec<_> = others
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect();
            row.shared_with = Some(others).filter(|others| entry.is_whole || !others.is_empty());
        }
        if deep {
            row.nprocs = Cell::count(entry.processes, entry.is_whole);
            row.holders = entry_cells::holders(entry);
        }
    }
    Ok(Some(LeftOut::all_of(&census, &system.proc)))
}

/// The most owners that are named. Others are only counted.
const FEW: usize = 3;

/// Returns whose a namespace is, in words.
fn whose(row: &Row) -> String {
    let whose = match &row.shared_with {
        _ if row.shared && row.for_children => "for its children, shared with you".to_owned(),
        _ if row.shared => "shared with you".to_owned(),
        _ if row.for_children => "for its children".to_owned(),
        _ if row.ns.0.is_initial() => "the host's".to_owned(),
        Some(others) if others.is_empty() => "its own".to_owned(),
        Some(others) if others.len() > FEW => {
            format!(
                "shared with {} and {} others",
                others[..FEW - 1].join(", "),
                others.len() + 1 - FEW
            )
        }
        Some(others) => format!("shared with {}", text::listed(others)),
        None => "may be shared".to_owned(),
    };
    text::escape(whose.as_bytes())
}

fn table(rows: &[Row], deep: bool) -> Table {
    let mut columns = vec![
        ("NS", Align::Right),
        ("TYPE", Align::Left),
        ("WHOSE", Align::Left),
        ("PARENT", Align::Right),
        ("OWNER", Align::Right),
    ];
    if deep {
        columns.extend([("NPROCS", Align::Right), ("HOLDERS", Align::Left)]);
    }
    let mut table = Table::new(&columns);
    for row in rows {
        let mut cells = vec![
            row.ns.0.inode.to_string(),
            row.ns.0.kind.to_string(),
            whose(row),
            row.parent.to_string(),
            row.owner.to_string(),
        ];
        if deep {
            cells.extend([row.nprocs.shown(), row.holders.shown()]);
        }
        table.row(cells);
    }
    table
}
