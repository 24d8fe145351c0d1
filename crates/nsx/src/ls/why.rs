//! The holders of a namespace, or of all namespaces of a process, and what would have to happen for
//! the namespace to die.

use super::{
    fate,
    holders::{self, Holders, Row},
    identity::Identity,
    named::NamedProcess,
    operand::Operand,
    relation::Relative,
};
use crate::{
    answer::{Answer, Format, Part},
    error::Error,
    query::{
        left_out::{Hidden, LeftOut},
        system::System,
    },
    text,
};
use nsx_core::{
    census::{self, Census, Entry, Sources, Wanted},
    ns::{NsId, NsKind, NsSet},
    proc::NsLink,
};
use serde::Serialize;
use std::ffi::OsStr;

/// The JSON document of a namespace.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    #[serde(flatten)]
    held: &'a Held<'a>,
    hidden: Hidden,
}

/// The JSON document of a process.
#[derive(Serialize)]
struct OfProcess<'a> {
    version: u32,
    pid: i32,
    /// The namespaces that are neither the host's nor the caller's.
    namespaces: &'a [Held<'a>],
    /// The kinds of the others.
    hosts: Vec<&'static str>,
    hidden: Hidden,
}

/// A namespace with what holds it.
#[derive(Serialize)]
struct Held<'a> {
    #[serde(flatten)]
    ns: Identity,
    id64: Option<u64>,
    parent: Relative,
    owner: Relative,
    holders: Vec<Row>,
    /// The events that would all have to happen for the namespace to die; `None` if not all holders
    /// were searched.
    to_die: Option<Vec<String>>,
    /// `true` if nothing else can be in the namespace or hold it.
    certain: bool,
    /// Commands that remove the mounts, and the files that they are on.
    remedies: Vec<String>,
    #[serde(skip)]
    entry: &'a Entry,
}

/// A holder with what it holds, on a line of its own.
#[derive(Serialize)]
struct Line<'a> {
    held: Identity,
    #[serde(flatten)]
    row: &'a Row,
}

/// Shows everything that holds the namespace that `word` names, or each namespace of a process.
pub(super) fn answer(word: &OsStr, system: &System, format: Format) -> Result<Answer, Error> {
    match Operand::find(word, &system.proc)? {
        Operand::Process(named) => of_process(&named, system, format),
        Operand::Namespace(wanted) => of_namespace(wanted, true, system, format),
    }
}

/// Shows the holders of a namespace. Unless `all` are requested, those that no process in the
/// namespace needs are searched only if nothing else shows the namespace.
pub(super) fn of_namespace(
    wanted: Wanted,
    mut all: bool,
    system: &System,
    format: Format,
) -> Result<Answer, Error> {
    const FEW: Sources = Sources::MEMBERS
        .with(Sources::PINS)
        .with(Sources::RELATIONS);
    let mut census = system.census(NsSet::ALL, if all { Sources::ALL } else { FEW })?;
    if !all && wanted.entry(&census).is_none() {
        // Only a thread, a descriptor, a socket or a mount elsewhere may hold it.
        all = true;
        census = system.census(NsSet::ALL, Sources::ALL)?;
    }
    let left_out = LeftOut::all_of(&census, &system.proc);
    let notes = left_out.notes();
    let Some(entry) = wanted.entry(&census) else {
        let missing = Error::Missing(format!("no namespace {wanted} is found"));
        return Ok(Answer {
            errors: vec![missing],
            notes,
            ..Answer::default()
        });
    };
    let held = Held::new(entry, all, &mut Holders::new(&census, system));
    let answer = match format {
        Format::Text => Answer::of(shown(&held, &census, &left_out)),
        Format::Json => Answer::json(&Document {
            version: 1,
            held: &held,
            hidden: left_out.hidden(),
        })?,
        Format::JsonLines => Answer::json_lines(lines(std::slice::from_ref(&held)))?,
    };
    Ok(answer.with_notes(notes))
}

/// Shows all holders of each namespace of a process that is neither the host's nor the caller's.
fn of_process(named: &NamedProcess, system: &System, format: Format) -> Result<Answer, Error> {
    let NamedProcess { process, pid } = named;
    let census = system.census(NsSet::ALL, Sources::ALL)?;
    let namespaces = census::namespaces_of(&system.proc, *pid, NsSet::ALL);
    let namespaces = process
        .runs(&system.proc, *pid)
        .and(namespaces)
        .map_err(|error| named.unread(&system.proc, error))?;
    let callers = NsKind::ALL.map(|kind| system.proc.own_ns(NsLink::Own(kind)).ok());
    let is_hosts = |ns: &NsId| ns.is_initial() || callers.contains(&Some(*ns));
    let (hosts, own): (Vec<_>, Vec<_>) = namespaces.into_iter().partition(is_hosts);
    let hosts: Vec<_> = hosts.into_iter().map(|ns| ns.kind.name()).collect();
    let mut holders = Holders::new(&census, system);
    let held: Vec<_> = own
        .into_iter()
        .filter_map(|ns| Some(Held::new(census.entry(ns)?, true, &mut holders)))
        .collect();
    let left_out = LeftOut::all_of(&census, &system.proc);
    let answer = match format {
        Format::Text => Answer::of(all_shown(&held, &hosts, &census, &left_out)),
        Format::Json => Answer::json(&OfProcess {
            version: 1,
            pid: process.pid().as_raw_pid(),
            namespaces: &held,
            hosts,
            hidden: left_out.hidden(),
        })?,
        Format::JsonLines => Answer::json_lines(lines(&held))?,
    };
    Ok(answer.with_notes(left_out.notes()))
}

/// Returns the holders of a namespace as a saved census has them, which is as the JSON document
/// does.
pub(super) fn held(entry: &Entry, holders: &mut Holders<'_>) -> serde_json::Value {
    serde_json::to_value(Held::new(entry, true, holders)).unwrap_or_default()
}

fn lines<'a>(held: &'a [Held<'_>]) -> Vec<Line<'a>> {
    let of_one = |held: &'a Held<'_>| held.holders.iter().map(|row| Line { held: held.ns, row });
    held.iter().flat_map(of_one).collect()
}

/// Returns the text for several namespaces, with an empty line between them.
fn all_shown(held: &[Held<'_>], hosts: &[&str], census: &Census, left_out: &LeftOut) -> Vec<Part> {
    let mut sections: Vec<_> = held
        .iter()
        .map(|held| shown(held, census, left_out))
        .collect();
    if !hosts.is_empty() {
        let are = if hosts.len() == 1 { "is" } else { "are" };
        let hosts = text::listed(hosts);
        sections.push(vec![Part::Text(format!(
            "{hosts} {are} the host's or yours.\n"
        ))]);
    }
    let mut parts = Vec::new();
    for section in sections {
        if !parts.is_empty() {
            parts.push(Part::Text("\n".to_owned()));
        }
        parts.extend(section);
    }
    parts
}

/// Returns the text for a namespace.
fn shown(held: &Held<'_>, census: &Census, left_out: &LeftOut) -> Vec<Part> {
    let mut text = String::new();
    if let Some(to_die) = &held.to_die {
        text += &fate::in_words(held.entry.ns, to_die, held.certain);
        if !held.certain {
            text += &fate::doubts(held.entry, census, left_out);
        }
    }
    match held.remedies.as_slice() {
        [] => {}
        [only] => text += &format!("To unmount it and leave nothing behind: {only}\n"),
        several => {
            text += "To unmount it and leave nothing behind:\n";
            for remedy in several {
                text += &format!("  {remedy}\n");
            }
        }
    }
    vec![
        Part::Text(heading(held.entry)),
        Part::Table(holders::table(&held.holders)),
        Part::Text(text),
    ]
}

impl<'a> Held<'a> {
    /// Describes a namespace of a census. `all` tells that all its holders were searched.
    fn new(entry: &'a Entry, all: bool, holders: &mut Holders<'_>) -> Self {
        let holders = holders.rows(entry);
        Self {
            ns: Identity(entry.ns),
            id64: entry.relation.and_then(|relation| relation.id64),
            parent: Relative::parent(entry.relation),
            owner: Relative::owner(entry.relation),
            to_die: all.then(|| fate::to_die(entry.ns, &holders)),
            certain: all && (entry.ns.is_initial() || (entry.is_whole && entry.has_all_holders)),
            remedies: if all {
                fate::remedies(&holders)
            } else {
                Vec::new()
            },
            holders,
            entry,
        }
    }
}

fn heading(entry: &Entry) -> String {
    let mut text = entry.ns.to_string();
    if let Some(id) = entry.relation.and_then(|relation| relation.id64) {
        text += &format!(", id {id}");
    }
    for (noun, relative) in [
        ("parent", Relative::parent(entry.relation)),
        ("owner", Relative::owner(entry.relation)),
    ] {
        let relative = relative.to_string();
        if !relative.is_empty() {
            text += &format!(", {noun} {relative}");
        }
    }
    text + "\n"
}
