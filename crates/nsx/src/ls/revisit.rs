//! The parts of a saved census beside its list of namespaces: the processes, what belongs together,
//! and what held a namespace.

use super::{
    Options, grouped,
    left_out::{Hidden, LeftOut},
    listing::{self, Listing},
    pids,
    saved::{More, Process, Saved},
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        cell::Cell,
        column::{Column, Columns},
        process_column::ProcessColumn,
    },
    table::{Align, Table},
    text::{escape, listed},
};
use nsx_core::{
    hash::HashSet,
    ns::{NsId, NsKind},
    proc::decimal,
};
use nsx_target::Target;
use serde_json::{Map, Value, json};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// Shows what is asked for of a census that was saved. An error is the status to end with, once its
/// reason is on standard error.
pub(super) fn show(options: &Options, saved: &Saved) -> Result<ExitStatus, ExitStatus> {
    let Some(more) = &saved.more else {
        out::error("the census was saved by an earlier nsx, and has namespaces alone");
        return Err(ExitStatus::FAILURE);
    };
    let status = match &options.target {
        Some(word) => namespace(options, saved, more, word)?,
        None if options.pids => processes(options, saved, more)?,
        None => groups(options, saved, more)?,
    };
    if !options.quiet {
        LeftOut::from(saved.listing.unseen).report();
    }
    Ok(status)
}

/// The namespaces that a process was in. An error is the status to end with, once its reason is on
/// standard error.
pub(super) fn namespaces_of(saved: &Saved, task: &OsStr) -> Result<Vec<NsId>, ExitStatus> {
    let number = decimal(task.as_bytes());
    let processes = saved.more.iter().flat_map(|more| &more.processes);
    let process = processes
        .clone()
        .find(|process| number.is_some_and(|number| process.pid() == Some(number)));
    process
        .map(|process| process.namespaces.clone())
        .ok_or_else(|| {
            out::error(&format!("the census has no process {}", out::shown(task)));
            ExitStatus::NO_MATCH
        })
}

fn hidden(saved: &Saved) -> Hidden {
    LeftOut::from(saved.listing.unseen).hidden()
}

/// The processes in nested PID namespaces, or all.
fn processes(options: &Options, saved: &Saved, more: &More) -> Result<ExitStatus, ExitStatus> {
    let asked = options.columns(ProcessColumn::USUAL)?;
    let filter = listing::filter_of(options)?;
    let below = options
        .task
        .as_ref()
        .map(|task| below(saved, task))
        .transpose()?;
    let told: Vec<ProcessColumn> = ProcessColumn::all().collect();
    let chosen = more.processes.iter().filter(|process| match &below {
        Some(below) => process.namespaces.iter().any(|ns| below.contains(ns)),
        None => {
            options.all
                || matches!(process.cell(ProcessColumn::Chain), Cell::Chain(chain) if chain.depth() > 0)
        }
    });
    let chosen = chosen.filter(|process| {
        filter.as_ref().is_none_or(|filter| {
            listing::holds(filter, |column| process.cell(column).clone()) == Some(true)
        })
    });
    let rows: Vec<_> = chosen.map(|process| process.cells.clone()).collect();
    let listing = Listing {
        columns: told,
        rows,
        unseen: saved.listing.unseen,
    };
    const DOCUMENT: [ProcessColumn; 6] = [
        ProcessColumn::Pid,
        ProcessColumn::Chain,
        ProcessColumn::Ns,
        ProcessColumn::Uid,
        ProcessColumn::User,
        ProcessColumn::Command,
    ];
    let is_in_one =
        |row: &Vec<Cell>| matches!(listing.cell(row, ProcessColumn::Container), Cell::Text(_));
    let columns = match &asked {
        Some(columns) => columns,
        None if options.json || options.json_lines => &DOCUMENT[..],
        None if listing.rows.iter().any(is_in_one) => &pids::WITH_CONTAINER,
        None => ProcessColumn::USUAL,
    };
    if options.json_lines {
        out::print_json_lines(&listing.objects(columns).collect::<Vec<_>>())?;
    } else if options.json {
        let objects: Vec<_> = listing.objects(columns).collect();
        out::print_json(&json!({ "version": 1, "processes": objects, "hidden": hidden(saved) }))?;
    } else {
        out::print(
            &listing
                .table(columns)
                .render(&Styles::stdout(options.color), out::width()),
        )?;
    }
    Ok(if listing.rows.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    })
}

/// The PID namespace of a process, and those below it.
fn below(saved: &Saved, task: &OsStr) -> Result<HashSet<NsId>, ExitStatus> {
    let listing = &saved.listing;
    let top = namespaces_of(saved, task)?
        .into_iter()
        .filter(|ns| ns.kind == NsKind::Pid);
    let mut found: HashSet<NsId> = top.collect();
    // In no order: each pass finds those below what the passes before have found.
    loop {
        let before = found.len();
        for row in &listing.rows {
            let parent = listing.number(row, Column::Parent).map(|inode| NsId {
                kind: NsKind::Pid,
                inode,
            });
            if let Some(inode) = listing.number(row, Column::Ns)
                && matches!(listing.cell(row, Column::Type), Cell::Text(kind) if kind == b"pid")
                && parent.is_some_and(|parent| found.contains(&parent))
            {
                found.insert(NsId {
                    kind: NsKind::Pid,
                    inode,
                });
            }
        }
        if found.len() == before {
            return Ok(found);
        }
    }
}

/// Shows what has namespaces of its own.
fn groups(options: &Options, saved: &Saved, more: &More) -> Result<ExitStatus, ExitStatus> {
    if options.json_lines {
        out::print_json_lines(&more.groups)?;
    } else if options.json {
        out::print_json(&json!({ "version": 1, "groups": more.groups, "hidden": hidden(saved) }))?;
    } else {
        let table = grouped::table_of_saved(&more.groups);
        out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
    }
    Ok(if more.groups.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    })
}

/// Shows what held a namespace, and with `--why` what would have had to go for the namespace to
/// die.
fn namespace(
    options: &Options,
    saved: &Saved,
    more: &More,
    word: &OsStr,
) -> Result<ExitStatus, ExitStatus> {
    let listing = &saved.listing;
    let is_it = |row: &&Vec<Cell>| match Target::parse_namespace(word.as_bytes()) {
        Ok(Target::Namespace(ns)) => ns_of(listing, row) == Some(ns),
        Ok(Target::Inode(inode)) => listing.number(row, Column::Ns) == Some(inode),
        Ok(Target::Id(id)) => listing.number(row, Column::Id64) == Some(id),
        _ => false,
    };
    let found = listing.rows.iter().find(is_it);
    let Some((row, ns)) = found.and_then(|row| Some((row, ns_of(listing, row)?))) else {
        out::error(&format!("the census has no namespace {}", out::shown(word)));
        return Err(ExitStatus::NO_MATCH);
    };
    let held = more.held.get(&ns).cloned().unwrap_or_default();
    let of_row = |column: Column| json!(listing.cell(row, column));
    if options.json {
        let mut document = Map::new();
        document.insert("version".into(), 1.into());
        for column in [
            Column::Ns,
            Column::Type,
            Column::Id64,
            Column::Parent,
            Column::Owner,
        ] {
            document.insert(column.key(), of_row(column));
        }
        document.insert("holders".into(), held["holders"].clone());
        document.insert(
            "to_die".into(),
            if options.why {
                held["to_die"].clone()
            } else {
                Value::Null
            },
        );
        document.insert("hidden".into(), json!(hidden(saved)));
        out::print_json(&document)?;
        return Ok(ExitStatus::SUCCESS);
    }
    let mut text = ns.to_string();
    for (what, column) in [
        ("id", Column::Id64),
        ("parent", Column::Parent),
        ("owner", Column::Owner),
    ] {
        let cell = listing.cell(row, column).shown();
        if !cell.is_empty() {
            text += &format!(", {what} {cell}");
        }
    }
    let mut table = Table::new(&[
        ("HOLDER", Align::Left),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("WHAT", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for holder in held["holders"].as_array().into_iter().flatten() {
        let process = &holder["process"];
        let user = if process["user"].is_null() {
            &process["uid"]
        } else {
            &process["user"]
        };
        let kind = shown(&holder["holder"]).replace('_', " ");
        table.row([
            kind,
            shown(&process["pid"]),
            shown(user),
            what(holder),
            shown(&process["command"]),
        ]);
    }
    text += &format!(
        "\n{}",
        table.render(&Styles::stdout(options.color), out::width())
    );
    let to_die: Vec<_> = held["to_die"]
        .as_array()
        .into_iter()
        .flatten()
        .map(shown)
        .collect();
    if options.why {
        let dies = if held["certain"] == json!(true) {
            "It dies"
        } else {
            "As far as was seen, it dies"
        };
        text += &match to_die.as_slice() {
            [] => format!("Nothing that nsx saw keeps {ns}.\n"),
            ends => format!("{dies} when {}.\n", listed(ends)),
        };
    }
    out::print(&text)?;
    Ok(ExitStatus::SUCCESS)
}

fn ns_of(listing: &Listing, row: &[Cell]) -> Option<NsId> {
    let Cell::Text(kind) = listing.cell(row, Column::Type) else {
        return None;
    };
    Some(NsId {
        kind: NsKind::from_name(kind)?,
        inode: listing.number(row, Column::Ns)?,
    })
}

/// Returns the part of a holder that held the namespace, in words.
fn what(holder: &Value) -> String {
    let number = |key: &str| holder[key].as_u64();
    if let Some(point) = holder["point"].as_str() {
        let inside = number("inside").filter(|_| holder["own"] != json!(true));
        return escape(point.as_bytes())
            + &inside.map_or_else(String::new, |inside| format!(" in mnt:[{inside}]"));
    }
    match (number("ns"), number("fd"), number("tid")) {
        (Some(ns), ..) => format!("{}:[{ns}]", shown(&holder["type"])),
        (_, Some(fd), _) => number("inode").map_or_else(
            || format!("descriptor {fd}"),
            |inode| format!("descriptor {fd}, socket {inode}"),
        ),
        (_, _, Some(tid)) if holder["process"]["pid"].as_u64() != Some(tid) => {
            format!("thread {tid}")
        }
        _ => String::new(),
    }
}

/// A value for a table, safe to show.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text.as_bytes()),
        Value::Null => String::new(),
        other => escape(other.to_string().as_bytes()),
    }
}

impl Process {
    /// Returns the process's cell in a column.
    pub(super) fn cell(&self, column: ProcessColumn) -> &Cell {
        self.cells.get(column as usize).unwrap_or(&Cell::Unknown)
    }

    fn pid(&self) -> Option<u64> {
        match self.cell(ProcessColumn::Pid) {
            Cell::Number(pid) => Some(*pid),
            _ => None,
        }
    }
}
