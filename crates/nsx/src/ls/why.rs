//! The holders of a namespace, or of all namespaces of a process, and what would have to happen for
//! the namespace to die.

use super::{
    holders::{self, HeldBy, Holders, Row},
    left_out::{Hidden, LeftOut},
    named::NamedProcess,
    operand::Operand,
    relation::Relative,
};
use crate::{
    answer::{Answer, Format, Part},
    error::Error,
    query::system::System,
    text,
};
use nsx_core::{
    census::{self, Census, Entry, Query, Sources, Wanted},
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
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
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
    held: Namespace,
    #[serde(flatten)]
    row: &'a Row,
}

/// A namespace by number and kind.
#[derive(Serialize)]
struct Namespace {
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
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
    let mut census = look(system, if all { Sources::ALL } else { FEW })?;
    if !all && wanted.entry(&census).is_none() {
        // Only a thread, a descriptor, a socket or a mount elsewhere may hold it.
        all = true;
        census = look(system, Sources::ALL)?;
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
    let census = look(system, Sources::ALL)?;
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

fn look(system: &System, sources: Sources) -> Result<Census, Error> {
    let query = Query {
        kinds: NsSet::ALL,
        sources,
    };
    Census::take(&system.proc, query).map_err(|errno| Error::failed("list the processes", errno))
}

fn lines<'a>(held: &'a [Held<'_>]) -> Vec<Line<'a>> {
    let of_one = |held: &'a Held<'_>| {
        held.holders.iter().map(|row| Line {
            held: Namespace {
                ns: held.ns,
                kind: held.kind,
            },
            row,
        })
    };
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
        text += &fate(held.entry.ns, to_die, held.certain);
        if !held.certain {
            text += &doubts(held.entry, census, left_out);
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

/// The reasons why something else may be in a namespace or hold it.
fn doubts(entry: &Entry, census: &Census, left_out: &LeftOut) -> String {
    let mut doubts = String::new();
    if let Some(processes) = left_out.processes() {
        doubts += &format!("Not seen: {processes}, which may be in it or hold it.\n");
    }
    if !census.lists_all {
        doubts += "Not seen: processes that /proc does not list, which may be in it or hold it.\n";
    }
    if census.unseen.closed > 0 {
        doubts += &format!(
            "Not seen: the descriptors of {}, which may hold it.\n",
            left_out.closed()
        );
    }
    if census.unseen.sockets > 0 && entry.ns.kind == NsKind::Net {
        doubts += "Not seen: the network namespaces of some sockets, which may hold it.\n";
    }
    doubts
}

impl<'a> Held<'a> {
    /// A namespace of the census. `all` tells that all its holders were looked for.
    fn new(entry: &'a Entry, all: bool, holders: &mut Holders<'_>) -> Self {
        let holders = holders.rows(entry);
        Self {
            ns: entry.ns.inode,
            kind: entry.ns.kind.name(),
            id64: entry.relation.and_then(|relation| relation.id64),
            parent: Relative::parent(entry.relation),
            owner: Relative::owner(entry.relation),
            to_die: all.then(|| to_die(entry.ns, &holders)),
            certain: all && (entry.ns.is_initial() || (entry.is_whole && entry.has_all_holders)),
            remedies: if all { remedies(&holders) } else { Vec::new() },
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
    for (what, relative) in [
        ("parent", Relative::parent(entry.relation)),
        ("owner", Relative::owner(entry.relation)),
    ] {
        let relative = relative.to_string();
        if !relative.is_empty() {
            text += &format!(", {what} {relative}");
        }
    }
    text + "\n"
}

/// More holders of one kind than this are only counted.
const FEW: usize = 3;

/// Returns the events that would all have to happen for a namespace to die.
fn to_die(ns: NsId, rows: &[Row]) -> Vec<String> {
    if ns.is_initial() {
        return vec!["the host is shut down".to_owned()];
    }
    let mut ends = Vec::new();
    for of_kind in rows.chunk_by(|one, next| one.kind == next.kind) {
        let count = of_kind.len();
        if count <= FEW {
            ends.extend(of_kind.iter().map(Row::end));
            continue;
        }
        ends.push(match of_kind[0].kind {
            "process" => format!("the {count} processes in it end"),
            "thread" => format!("the {count} threads in it end"),
            "for_children" => format!("{count} threads end whose next children would be in it"),
            "descriptor" => format!("{count} descriptors of it are closed"),
            "socket" => format!("{count} sockets in it are closed"),
            "mount" => format!("it is unmounted in {count} places"),
            "child" => format!("the {count} namespaces below it die"),
            _ => format!("the {count} namespaces that it owns die"),
        });
    }
    ends
}

fn fate(ns: NsId, to_die: &[String], certain: bool) -> String {
    let dies = if certain {
        "It dies"
    } else {
        "As far as can be seen, it dies"
    };
    match to_die {
        [] => format!("Nothing that nsx can see keeps {ns}.\n"),
        ends => format!("{dies} when {}.\n", text::listed(ends)),
    }
}

/// Commands that take the mounts away. Removing the file of a mount point takes the mounts on it in
/// other mount namespaces away too (3.18), so that one command for each mount point is enough, in
/// the caller's mount namespace if the mount is there.
fn remedies(rows: &[Row]) -> Vec<String> {
    let mut remedies = Vec::new();
    let mut done: Vec<&[u8]> = Vec::new();
    for is_own in [true, false] {
        for row in rows {
            let HeldBy::Mount {
                point,
                own,
                seen_by,
                ..
            } = &row.by
            else {
                continue;
            };
            if *own != is_own || done.contains(&point.as_slice()) {
                continue;
            }
            let Some(word) = text::shell_word(point) else {
                continue;
            };
            match seen_by {
                _ if is_own => remedies.push(format!("umount {word} && rm {word}")),
                Some(pid) => {
                    remedies.push(format!(
                        "nsx enter {pid} --mount -- sh -c 'umount \"$0\" && rm \"$0\"' {word}"
                    ));
                }
                None => continue,
            }
            done.push(point);
        }
    }
    remedies
}

#[cfg(test)]
mod tests {
    use super::{super::holders::tests::row, *};

    #[test]
    fn whatever_holds_it_has_to_go() {
        let ns: NsId = "net:[7]".parse().unwrap();
        let mount = |inside, own| HeldBy::Mount {
            point: b"/a\x1b".to_vec(),
            mount: 9,
            inside,
            seen_by: None,
            own,
        };
        let mut rows = vec![
            row("process", 12, HeldBy::Process {}),
            row("thread", 12, HeldBy::Thread { tid: 13 }),
            row("for_children", 14, HeldBy::Thread { tid: 14 }),
            row("descriptor", 15, HeldBy::Descriptor { fd: 3 }),
            row("mount", 0, mount(Some(1), true)),
            row("mount", 0, mount(Some(2), false)),
        ];
        let expected = "It dies when process 12 ends, thread 13 of process 12 ends, process 14, \
        whose next children would \
            be in it, ends, process 15 closes descriptor 3, /a\\x1b is unmounted and /a\\x1b in \
        mnt:[2] is unmounted \
            there.\n";
        assert_eq!(fate(ns, &to_die(ns, &rows), true), expected);
        for pid in 16..19 {
            rows.insert(0, row("process", pid, HeldBy::Process {}));
        }
        assert!(
            fate(ns, &to_die(ns, &rows), true)
                .starts_with("It dies when the 4 processes in it end, thread 13")
        );
        assert_eq!(
            fate(ns, &to_die(ns, &rows[..1]), true),
            "It dies when process 18 ends.\n"
        );
        let doubted = "As far as can be seen, it dies when process 18 ends.\n";
        assert_eq!(fate(ns, &to_die(ns, &rows[..1]), false), doubted);
        assert_eq!(
            fate(ns, &[], true),
            "Nothing that nsx can see keeps net:[7].\n"
        );
        let host = "user:[4026531837]".parse().unwrap();
        assert_eq!(to_die(host, &rows), ["the host is shut down"]);
    }

    #[test]
    fn a_remedy_takes_each_mount_point_away_once_and_here_if_it_can_be() {
        let mount = |point: &str, seen_by: Option<i32>| {
            let own = seen_by.is_none();
            row(
                "mount",
                0,
                HeldBy::Mount {
                    point: point.into(),
                    mount: 9,
                    inside: Some(1),
                    seen_by,
                    own,
                },
            )
        };
        let rows = [
            mount("/a b", Some(7)),
            mount("/a b", Some(8)),
            mount("/c", Some(7)),
            mount("/c", None),
        ];
        let elsewhere = "nsx enter 7 --mount -- sh -c 'umount \"$0\" && rm \"$0\"' '/a b'";
        assert_eq!(remedies(&rows), ["umount /c && rm /c", elsewhere]);
        assert!(remedies(&[mount("/a\x1b", None)]).is_empty());
    }
}
