//! The views of a saved census besides its list of namespaces: the processes, the groups, and the
//! holders of a namespace.

use super::{
    groups,
    processes::{self, Processes},
    saved::{More, Process, Saved},
    selection::Scope,
};
use crate::{
    answer::{Answer, Format, Part},
    error::Error,
    query::{
        cell::Cell,
        column::{Column, NsColumn, ProcessColumn},
        condition,
        left_out::{Hidden, LeftOut},
        listing::Listing,
    },
    table::{Align, Table},
    text::{self, escape, listed},
};
use nsx_core::{
    hash::HashSet,
    ns::{NsId, NsKind},
    proc::decimal,
};
use nsx_target::Target;
use serde_json::{Map, Value, json};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

impl Saved {
    /// Returns the namespaces that a process was in.
    pub(super) fn namespaces_of(&self, word: &OsStr) -> Result<Vec<NsId>, Error> {
        let number = decimal(word.as_bytes());
        let mut processes = self.more.iter().flat_map(|more| &more.processes);
        processes
            .find(|process| number.is_some_and(|number| process.pid() == Some(number)))
            .map(|process| process.namespaces.clone())
            .ok_or_else(|| {
                Error::Missing(format!("the census has no process {}", text::shown(word)))
            })
    }

    /// Returns the data besides the namespaces.
    fn more(&self) -> Result<&More, Error> {
        self.more.as_ref().ok_or_else(|| {
            Error::usage("the census was saved by an earlier nsx, and has namespaces alone")
        })
    }

    fn left_out(&self) -> LeftOut {
        LeftOut::from(self.listing.unseen)
    }

    fn hidden(&self) -> Hidden {
        self.left_out().hidden()
    }

    /// Lists processes.
    pub(super) fn processes(&self, request: Processes, format: Format) -> Result<Answer, Error> {
        const DOCUMENT: [ProcessColumn; 6] = [
            ProcessColumn::Pid,
            ProcessColumn::Chain,
            ProcessColumn::Ns,
            ProcessColumn::Uid,
            ProcessColumn::User,
            ProcessColumn::Command,
        ];
        let more = self.more()?;
        let below = match &request.scope {
            Scope::Below(word) => self.below(word)?,
            Scope::Nested | Scope::All => HashSet::default(),
        };
        let mut rows = Vec::new();
        for process in &more.processes {
            let is_in_scope = match &request.scope {
                Scope::All => true,
                Scope::Nested => process.is_nested(),
                Scope::Below(_) => process.namespaces.iter().any(|ns| below.contains(ns)),
            };
            let holds = || {
                let filter = request.filter.as_ref();
                condition::holds(filter, |column| process.cell(column).clone()) == Some(true)
            };
            if is_in_scope && holds() {
                rows.push(process.cells.clone());
            }
        }
        let listing = Listing {
            columns: ProcessColumn::all().collect(),
            rows,
            unseen: self.listing.unseen,
        };
        let columns = match (&request.columns, format) {
            (Some(columns), _) => columns,
            (None, Format::Text) => processes::usual_columns(&listing),
            (None, Format::Json | Format::JsonLines) => &DOCUMENT[..],
        };
        let answer = match format {
            Format::Text => Answer::table(listing.table(columns)),
            Format::Json => Answer::json(&json!({
                "version": 1,
                "processes": listing.objects(columns).collect::<Vec<_>>(),
                "hidden": self.hidden(),
            }))?,
            Format::JsonLines => Answer::json_lines(listing.objects(columns))?,
        };
        Ok(answer
            .found(!listing.rows.is_empty())
            .with_notes(self.left_out().notes()))
    }

    /// Returns the PID namespace of a process, and those below it.
    fn below(&self, word: &OsStr) -> Result<HashSet<NsId>, Error> {
        let namespaces = self.namespaces_of(word)?.into_iter();
        let mut found: HashSet<NsId> = namespaces.filter(|ns| ns.kind == NsKind::Pid).collect();
        // The rows are in no order: each pass finds the children of namespaces found before.
        loop {
            let before = found.len();
            for row in &self.listing.rows {
                let parent = self.listing.number(row, NsColumn::Parent);
                let parent = parent.map(|inode| NsId {
                    kind: NsKind::Pid,
                    inode,
                });
                if let Some(ns) = self.listing.ns(row)
                    && ns.kind == NsKind::Pid
                    && parent.is_some_and(|parent| found.contains(&parent))
                {
                    found.insert(ns);
                }
            }
            if found.len() == before {
                return Ok(found);
            }
        }
    }

    /// Lists the groups.
    pub(super) fn groups(&self, format: Format) -> Result<Answer, Error> {
        let More { groups, .. } = self.more()?;
        let answer = match format {
            Format::Text => {
                let rows: Vec<_> = groups.iter().map(groups::Row::from_json).collect();
                Answer::table(groups::table(&rows))
            }
            Format::Json => {
                Answer::json(&json!({ "version": 1, "groups": groups, "hidden": self.hidden() }))?
            }
            Format::JsonLines => Answer::json_lines(groups)?,
        };
        Ok(answer
            .found(!groups.is_empty())
            .with_notes(self.left_out().notes()))
    }

    /// Lists the holders of a namespace and, with `why`, what would have had to end for the namespace
    /// to die.
    pub(super) fn holders(&self, word: &OsStr, why: bool, format: Format) -> Result<Answer, Error> {
        let more = self.more()?;
        let found = self
            .listing
            .rows
            .iter()
            .find(|row| self.is_named(row, word));
        let Some((row, ns)) = found.and_then(|row| Some((row, self.listing.ns(row)?))) else {
            return Err(Error::Missing(format!(
                "the census has no namespace {}",
                text::shown(word)
            )));
        };
        let held = more.held.get(&ns).cloned().unwrap_or_default();
        let answer = match format {
            Format::Text => Answer::of(self.holders_shown(row, ns, &held, why)),
            Format::Json => Answer::json(&self.holders_document(row, &held, why))?,
            Format::JsonLines => Answer::json_lines(holder_lines(ns, &held))?,
        };
        Ok(answer.with_notes(self.left_out().notes()))
    }

    /// Returns whether a row is that of the namespace that `word` names.
    fn is_named(&self, row: &[Cell], word: &OsStr) -> bool {
        match Target::parse_namespace(word.as_bytes()) {
            Ok(Target::Namespace(ns)) => self.listing.ns(row) == Some(ns),
            Ok(Target::Inode(inode)) => self.listing.number(row, NsColumn::Ns) == Some(inode),
            Ok(Target::Id(id)) => self.listing.number(row, NsColumn::Id64) == Some(id),
            _ => false,
        }
    }

    fn holders_document(&self, row: &[Cell], held: &Value, why: bool) -> Map<String, Value> {
        let mut document = Map::new();
        document.insert("version".into(), 1.into());
        for column in [
            NsColumn::Ns,
            NsColumn::Type,
            NsColumn::Id64,
            NsColumn::Parent,
            NsColumn::Owner,
        ] {
            document.insert(column.key(), json!(self.listing.cell(row, column)));
        }
        let to_die = if why {
            held["to_die"].clone()
        } else {
            Value::Null
        };
        document.insert("holders".into(), held["holders"].clone());
        document.insert("to_die".into(), to_die);
        document.insert("hidden".into(), json!(self.hidden()));
        document
    }

    fn holders_shown(&self, row: &[Cell], ns: NsId, held: &Value, why: bool) -> Vec<Part> {
        let mut heading = ns.to_string();
        for (noun, column) in [
            ("id", NsColumn::Id64),
            ("parent", NsColumn::Parent),
            ("owner", NsColumn::Owner),
        ] {
            let cell = self.listing.cell(row, column).shown();
            if !cell.is_empty() {
                heading += &format!(", {noun} {cell}");
            }
        }
        let mut parts = vec![Part::Text(heading + "\n"), Part::Table(holder_table(held))];
        if why {
            parts.push(Part::Text(fate(ns, held)));
        }
        parts
    }
}

/// Returns a line of JSON for each holder.
fn holder_lines(ns: NsId, held: &Value) -> Vec<Value> {
    let namespace = json!({ "ns": ns.inode, "type": ns.kind.name() });
    let holders = held["holders"].as_array().into_iter().flatten();
    let mut lines: Vec<Value> = holders.cloned().collect();
    for line in lines.iter_mut().filter_map(Value::as_object_mut) {
        line.insert("held".into(), namespace.clone());
    }
    lines
}

fn holder_table(held: &Value) -> Table {
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
        table.row([
            shown(&holder["holder"]).replace('_', " "),
            shown(&process["pid"]),
            shown(user),
            what(holder),
            shown(&process["command"]),
        ]);
    }
    table
}

/// Returns what would have had to end for a namespace to die, in words.
fn fate(ns: NsId, held: &Value) -> String {
    let ends = held["to_die"].as_array().into_iter().flatten();
    let ends: Vec<_> = ends.map(shown).collect();
    let dies = if held["certain"] == json!(true) {
        "It dies"
    } else {
        "As far as was seen, it dies"
    };
    if ends.is_empty() {
        format!("Nothing that nsx saw keeps {ns}.\n")
    } else {
        format!("{dies} when {}.\n", listed(&ends))
    }
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

/// Returns a value for a table, safe to show.
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

    /// Returns whether the process was in a nested PID namespace.
    fn is_nested(&self) -> bool {
        matches!(self.cell(ProcessColumn::Chain), Cell::Chain(chain) if chain.depth() > 0)
    }

    fn pid(&self) -> Option<u64> {
        match self.cell(ProcessColumn::Pid) {
            Cell::Number(pid) => Some(*pid),
            _ => None,
        }
    }
}
