//! A process and its namespaces, each shared with the caller, shared with others, or its own. If
//! all of them are the caller's, no other process is looked at, unless holders are requested.

use super::{Hidden, LeftOut, Named, Options, owners::Owners, relation::Relative};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        cell::Cell,
        entry_cells,
        finder::Finder,
        maps::{self, Maps, Range},
        system::System,
        who::{Registrar, Who},
    },
    table::{Align, Table},
    text,
};
use nsx_core::{
    census::{Census, Query, Relations, Sources},
    idmap::{IdKind, IdMap},
    ns::{NsId, NsKind, NsSet},
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
    who: &'a Who,
    namespaces: &'a [Row],
    /// Of its user namespace, where that is its own.
    uid_map: Option<Vec<Range>>,
    gid_map: Option<Vec<Range>>,
    /// The part of the holders that was not seen.
    hidden: Option<Hidden>,
}

/// A namespace of the process.
#[derive(Serialize)]
struct Row {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Not that of the process itself, but of its next children.
    for_children: bool,
    /// `true` if the namespace is the caller's too.
    shared: bool,
    /// The owners of the processes that share the namespace, beside the caller and the process's
    /// own owner; `None` if the owners are not known.
    shared_with: Option<Vec<String>>,
    id64: Option<u64>,
    parent: Relative,
    owner: Relative,
    /// The number of processes in the namespace, and what else holds the namespace; nothing unless
    /// requested.
    nprocs: Cell,
    holders: Cell,
}

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(
    options: &Options,
    named: &Named,
    system: &System,
) -> Result<ExitStatus, ExitStatus> {
    let Named { process, pid } = named;
    let (pid, proc) = (*pid, &system.proc);
    let failed = |error: ProcError| {
        super::unread(
            process,
            Some((proc, pid)),
            &if process.ended() {
                ProcError::Vanished
            } else {
                error
            },
        )
    };
    let mut rows = rows(options, pid, proc).map_err(failed)?;
    let user = rows
        .iter()
        .find(|row| row.kind == NsKind::User.name() && !row.shared);
    let maps = user.and_then(|_| maps_of(pid, proc));
    let mut registrar = Registrar::new(proc);
    let who = registrar.who(pid);
    let left_out = look_around(options, pid, &mut rows, system)?;
    process.runs(proc, pid).map_err(failed)?;
    if options.json_lines {
        out::print_json_lines(&rows)?;
    } else if options.json {
        let [uid_map, gid_map] = maps.map_or([None, None], |maps| maps.ranges().map(Some));
        let hidden = left_out.as_ref().map(LeftOut::hidden);
        let pid = process.pid().as_raw_pid();
        out::print_json(&Document {
            version: 1,
            pid,
            who: &who,
            namespaces: &rows,
            uid_map,
            gid_map,
            hidden,
        })?;
    } else {
        let mut text =
            table(&rows, options.deep).render(&Styles::stdout(options.color), out::width());
        if let Some(maps) = maps {
            let own = rustix::process::geteuid().as_raw();
            for line in maps.words(|uid| maps::known_as(registrar.name(uid), uid == own)) {
                text += &format!("{line}\n");
            }
        }
        out::print(&text)?;
    }
    if let Some(left_out) = left_out.filter(|_| options.deep && !options.quiet) {
        left_out.report();
    }
    Ok(ExitStatus::SUCCESS)
}

fn rows(options: &Options, pid: Pid, proc: &ProcRoot) -> Result<Vec<Row>, ProcError> {
    let kinds = options.kinds();
    let mut relations = Relations::default();
    // Another procfs need not show the caller.
    let callers = if proc.is_callers() {
        None
    } else {
        ProcRoot::system().ok()
    };
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
            // A kind that an old kernel has not, or a PID namespace without a first process.
            Err(ProcError::Vanished) => continue,
            open => open?,
        };
        let ns = open.id();
        if rows.iter().any(|row| row.ns == ns.inode) {
            continue;
        }
        let relation = relations.learn(&open).ok();
        rows.push(Row {
            ns: ns.inode,
            kind: ns.kind.name(),
            for_children: !matches!(link, NsLink::Own(_)),
            shared: callers
                .as_ref()
                .unwrap_or(proc)
                .own_ns(NsLink::Own(ns.kind))
                == Ok(ns),
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
    let mut text = Vec::new();
    let mut map = |kind: IdKind| {
        proc.read(pid, kind.file(), &mut text).ok()?;
        IdMap::parse(&text).ok()
    };
    Some(Maps {
        users: map(IdKind::User)?,
        groups: map(IdKind::Group)?,
    })
}

/// Looks at the whole host for who shares these namespaces and, with `--deep`, for what keeps them.
/// Nothing is looked at if all are the caller's.
fn look_around(
    options: &Options,
    pid: Pid,
    rows: &mut [Row],
    system: &System,
) -> Result<Option<LeftOut>, ExitStatus> {
    if !options.deep && rows.iter().all(|row| row.shared) {
        return Ok(None);
    }
    let sources = if options.deep {
        Sources::ALL
    } else {
        Sources::MEMBERS
    };
    let census = Census::take(
        &system.proc,
        Query {
            kinds: NsSet::ALL,
            sources,
        },
    );
    let census = census.map_err(|errno| out::failed("list the processes", &errno))?;
    let mut finder = Finder::new(system);
    let mut owners = Owners::new(&census, &system.proc, &mut finder);
    let own = owners.of_process(pid);
    for row in rows {
        let kind = NsKind::from_name(row.kind.as_bytes());
        let Some(entry) = kind.and_then(|kind| {
            census.entry(NsId {
                kind,
                inode: row.ns,
            })
        }) else {
            row.nprocs = if options.deep {
                Cell::Unknown
            } else {
                Cell::Nothing
            };
            row.holders = row.nprocs.clone();
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
        if options.deep {
            row.nprocs = Cell::count(entry.processes, entry.is_whole);
            row.holders = entry_cells::holders(entry);
        }
    }
    Ok(Some(LeftOut::all_of(&census, &system.proc)))
}

/// More than this many of those that share a namespace are only counted.
const FEW: usize = 3;

/// With whom a namespace is shared, in words.
fn whose(row: &Row) -> String {
    let is_initial = NsKind::from_name(row.kind.as_bytes()).is_some_and(|kind| {
        NsId {
            kind,
            inode: row.ns,
        }
        .is_initial()
    });
    let whose = match &row.shared_with {
        _ if row.shared => {
            return if row.for_children {
                "for its children, shared with you"
            } else {
                "shared with you"
            }
            .to_owned();
        }
        _ if row.for_children => "for its children".to_owned(),
        _ if is_initial => "the host's".to_owned(),
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
            row.ns.to_string(),
            row.kind.to_owned(),
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
