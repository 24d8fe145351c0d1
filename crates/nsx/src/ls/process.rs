//! One process: its namespaces, each shared with the caller or its own. No other process is looked at, unless holders are
//! asked for.

use super::{
    Hidden, Named, Options, finder,
    maps::{self, Maps, Range},
    relation::Relative,
    report,
};
use crate::{
    cell::Cell,
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    text,
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Census, Query, Relations, Sources, Unseen},
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
    /// What was not seen of the holders.
    hidden: Option<Hidden>,
}

/// One of its namespaces.
#[derive(Serialize)]
struct Row {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Not that of the process itself, but of its next children.
    for_children: bool,
    /// Whether it is the caller's too.
    shared: bool,
    id64: Option<u64>,
    parent: Relative,
    owner: Relative,
    /// How many processes are in it, and what else holds it; where that was asked for.
    nprocs: Option<usize>,
    holders: Cell,
}

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, named: &Named, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let Named { process, pid } = named;
    let pid = *pid;
    let failed = |error: ProcError| {
        super::unread(process, Some((proc, pid)), &if process.ended() { ProcError::Vanished } else { error })
    };
    let mut rows = rows(options, pid, proc).map_err(failed)?;
    let user = rows.iter().find(|row| row.kind == NsKind::User.name() && !row.shared);
    let maps = user.and_then(|_| maps_of(pid, proc));
    let mut registrar = Registrar::new(proc);
    let who = registrar.who(pid);
    process.runs(proc, pid).map_err(failed)?;
    let unseen = if options.deep { Some(find_holders(&mut rows, proc)?) } else { None };
    if options.json {
        let [uid_map, gid_map] = maps.map_or([None, None], |maps| maps.ranges().map(Some));
        let hidden = unseen.map(Hidden::from);
        let pid = process.pid().as_raw_pid();
        out::print_json(&Document { version: 1, pid, who: &who, namespaces: &rows, uid_map, gid_map, hidden })?;
    } else {
        let mut text = table(&rows).render(&Styles::stdout(options.color), out::width());
        if let Some(maps) = maps {
            let own = rustix::process::geteuid().as_raw();
            for line in maps.words(|uid| maps::known_as(registrar.name(uid), uid == own)) {
                text += &format!("{line}\n");
            }
        }
        out::print(&text)?;
    }
    if let Some(unseen) = unseen.filter(|_| !options.quiet) {
        report(unseen);
    }
    Ok(ExitStatus::SUCCESS)
}

fn rows(options: &Options, pid: Pid, proc: &ProcRoot) -> Result<Vec<Row>, ProcError> {
    let kinds = options.kinds();
    let mut relations = Relations::default();
    // Another procfs need not show the caller.
    let callers = if proc.is_callers() { None } else { ProcRoot::system().ok() };
    let mut rows: Vec<Row> = Vec::new();
    let links = kinds.iter().map(NsLink::Own);
    let for_children = [(NsKind::Pid, NsLink::PidForChildren), (NsKind::Time, NsLink::TimeForChildren)];
    let for_children = for_children.into_iter().filter(|(kind, _)| kinds.contains(*kind)).map(|(_, link)| link);
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
            shared: callers.as_ref().unwrap_or(proc).own_ns(NsLink::Own(ns.kind)) == Ok(ns),
            id64: relation.and_then(|relation| relation.id64),
            parent: Relative::parent(relation),
            owner: Relative::owner(relation),
            nprocs: None,
            holders: Cell::Nothing,
        });
    }
    if rows.is_empty() { Err(ProcError::Vanished) } else { Ok(rows) }
}

fn maps_of(pid: Pid, proc: &ProcRoot) -> Option<Maps> {
    let mut text = Vec::new();
    let mut map = |kind: IdKind| {
        proc.read(pid, kind.file(), &mut text).ok()?;
        IdMap::parse(&text).ok()
    };
    Some(Maps { users: map(IdKind::User)?, groups: map(IdKind::Group)? })
}

/// Looks at the whole host for what keeps these namespaces.
fn find_holders(rows: &mut [Row], proc: &ProcRoot) -> Result<Unseen, ExitStatus> {
    let query = Query { kinds: NsSet::ALL, sources: Sources::ALL };
    let census = Census::take(proc, query).map_err(|errno| out::failed("list the processes", &errno))?;
    for row in rows {
        let kind = NsKind::from_name(row.kind.as_bytes());
        let entry = kind.and_then(|kind| census.entry(NsId { kind, inode: row.ns }));
        row.nprocs = entry.map(|entry| entry.processes);
        row.holders = entry.map_or(Cell::Unknown, finder::holders);
    }
    Ok(census.unseen)
}

fn table(rows: &[Row]) -> Table {
    let deep = rows.iter().any(|row| row.nprocs.is_some());
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
        let whose = match (row.shared, row.for_children) {
            (true, false) => "shared with you",
            (false, false) => "its own",
            (true, true) => "for its children, shared with you",
            (false, true) => "for its children",
        };
        let mut cells = vec![
            row.ns.to_string(),
            row.kind.to_owned(),
            whose.to_owned(),
            row.parent.to_string(),
            row.owner.to_string(),
        ];
        if deep {
            let nprocs = row.nprocs.map_or_else(|| text::UNKNOWN.to_owned(), |count| count.to_string());
            cells.extend([nprocs, row.holders.shown()]);
        }
        table.row(cells);
    }
    table
}
