//! One namespace: every holder by kind, and what would have to go for it to die.

use super::{Hidden, Options, operand::Name, relation::Relative, report};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
    text::{self, escape},
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Census, Entry, Holder, Query, Sources, Viewer},
    ns::{NsId, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use serde::Serialize;

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    ns: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    id64: Option<u64>,
    parent: Relative,
    owner: Relative,
    holders: &'a [Row],
    /// What would have to happen; all of it. Without `--why` not all holders were looked for, and this is null.
    to_die: Option<&'a [String]>,
    hidden: Hidden,
}

/// A holder.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(rename = "holder")]
    kind: &'static str,
    /// Whose namespace, thread, descriptor or socket it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Person>,
    #[serde(flatten)]
    place: Place,
}

/// A process with its id.
#[derive(Debug, Serialize)]
struct Person {
    pid: i32,
    #[serde(flatten)]
    who: Who,
}

/// What of the holder it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Place {
    Process {},
    Thread {
        tid: i32,
    },
    Descriptor {
        fd: u32,
    },
    Socket {
        fd: u32,
        inode: u64,
    },
    Mount {
        #[serde(serialize_with = "text::lossy_bytes")]
        point: Vec<u8>,
        mount: u64,
        /// The mount namespace that it is in.
        inside: Option<u64>,
        /// The process from whose root directory the mount point is seen; the caller where there is none.
        seen_by: Option<i32>,
        /// Whether the mount namespace is the caller's own.
        own: bool,
    },
    Namespace {
        ns: u64,
        #[serde(rename = "type")]
        kind: &'static str,
        nprocs: usize,
    },
}

/// Shows it. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, name: Name, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let look = |sources| {
        let census = Census::take(proc, Query { kinds: NsSet::ALL, sources });
        census.map_err(|errno| out::failed("list the processes", &errno))
    };
    let mut all = options.why || options.deep;
    let few = Sources::MEMBERS.with(Sources::PINS).with(Sources::RELATIONS);
    let mut census = look(if all { Sources::ALL } else { few })?;
    if !all && name.entry(&census).is_none() {
        // Only a thread, a descriptor or a socket keeps it, or a mount elsewhere.
        all = true;
        census = look(Sources::ALL)?;
    }
    let Some(entry) = name.entry(&census) else {
        out::error(&format!("no namespace {name} is found"));
        if !options.quiet {
            report(census.unseen);
        }
        return Ok(ExitStatus::NO_MATCH);
    };
    let rows = rows(entry, &census, proc);
    let to_die = all.then(|| to_die(entry.ns, &rows));
    if options.json {
        out::print_json(&Document {
            version: 1,
            ns: entry.ns.inode,
            kind: entry.ns.kind.name(),
            id64: entry.relation.and_then(|relation| relation.id64),
            parent: Relative::parent(entry.relation),
            owner: Relative::owner(entry.relation),
            holders: &rows,
            to_die: to_die.as_deref(),
            hidden: census.unseen.into(),
        })?;
    } else {
        let mut text = heading(entry) + &table(&rows).render(&Styles::stdout(options.color), out::width());
        if let Some(to_die) = &to_die {
            text += &fate(entry.ns, to_die);
        }
        out::print(&text)?;
    }
    if !options.quiet {
        report(census.unseen);
    }
    Ok(ExitStatus::SUCCESS)
}

/// Everyone who holds it but nsx itself, which is about to end.
fn rows(entry: &Entry, census: &Census, proc: &ProcRoot) -> Vec<Row> {
    let mut registrar = Registrar::new(proc);
    let nsx = proc.own_status().map(|status| status.tgid);
    let mut row = |kind, pid: Option<Pid>, place| {
        let process = pid.map(|pid| Person { pid: pid.as_raw_pid(), who: registrar.who(pid) });
        Row { kind, process, place }
    };
    let processes = census.processes_in(entry.ns).filter(|pid| nsx != Ok(*pid));
    let mut rows: Vec<Row> = processes.map(|pid| row("process", Some(pid), Place::Process {})).collect();
    for holder in entry.holders.iter().filter(|holder| nsx.is_err() || holder.pid() != nsx.ok()) {
        let namespace = |ns: NsId| {
            let nprocs = census.entry(ns).map_or(0, |entry| entry.processes);
            Place::Namespace { ns: ns.inode, kind: ns.kind.name(), nprocs }
        };
        let (kind, pid, place) = match holder {
            Holder::Thread { pid, tid } => ("thread", Some(*pid), Place::Thread { tid: tid.as_raw_pid() }),
            Holder::ForChildren { pid, tid } => ("for_children", Some(*pid), Place::Thread { tid: tid.as_raw_pid() }),
            Holder::Descriptor { pid, fd } => ("descriptor", Some(*pid), Place::Descriptor { fd: *fd }),
            Holder::Socket { pid, fd, inode } => ("socket", Some(*pid), Place::Socket { fd: *fd, inode: *inode }),
            Holder::Mount(pin) => {
                let place = Place::Mount {
                    point: pin.mount.point.clone(),
                    mount: pin.mount.id,
                    inside: pin.inside.map(|ns| ns.inode),
                    seen_by: match pin.viewer {
                        Viewer::Process(pid) => Some(pid.as_raw_pid()),
                        Viewer::Caller | Viewer::Nobody => None,
                    },
                    own: pin.viewer == Viewer::Caller,
                };
                ("mount", None, place)
            }
            Holder::Child(ns) => ("child", None, namespace(*ns)),
            Holder::Owned(ns) => ("owned", None, namespace(*ns)),
        };
        rows.push(row(kind, pid, place));
    }
    rows
}

fn heading(entry: &Entry) -> String {
    let mut text = entry.ns.to_string();
    if let Some(id) = entry.relation.and_then(|relation| relation.id64) {
        text += &format!(", id {id}");
    }
    for (what, relative) in [("parent", Relative::parent(entry.relation)), ("owner", Relative::owner(entry.relation))] {
        let relative = relative.to_string();
        if !relative.is_empty() {
            text += &format!(", {what} {relative}");
        }
    }
    text + "\n"
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("HOLDER", Align::Left),
        ("PID", Align::Right),
        ("USER", Align::Left),
        ("WHAT", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    for row in rows {
        let of_process = |cell: fn(&Person) -> String| row.process.as_ref().map_or_else(String::new, cell);
        table.row(vec![
            row.kind.replace('_', " "),
            of_process(|process| process.pid.to_string()),
            of_process(|process| process.who.user()),
            row.what(),
            of_process(|process| process.who.command()),
        ]);
    }
    table
}

impl Row {
    fn pid(&self) -> i32 {
        self.process.as_ref().map_or(0, |process| process.pid)
    }

    fn what(&self) -> String {
        match &self.place {
            Place::Process {} => String::new(),
            Place::Thread { tid } if *tid == self.pid() => String::new(),
            Place::Thread { tid } => format!("thread {tid}"),
            Place::Descriptor { fd } => format!("descriptor {fd}"),
            Place::Socket { fd, inode } => format!("descriptor {fd}, socket {inode}"),
            Place::Mount { point, inside, own, .. } => {
                let inside = match (inside, own) {
                    (_, true) => String::new(),
                    (Some(inode), false) => format!(" in mnt:[{inode}]"),
                    (None, false) => " in a mount namespace that is not known".to_owned(),
                };
                escape(point) + &inside
            }
            Place::Namespace { ns, kind, nprocs } => {
                let processes = if *nprocs == 1 { "process" } else { "processes" };
                format!("{kind}:[{ns}], {nprocs} {processes}")
            }
        }
    }

    /// What would have to happen to it, in words.
    fn end(&self) -> String {
        let pid = self.pid();
        match &self.place {
            Place::Process {} => format!("process {pid} ends"),
            Place::Thread { tid } if *tid == pid => format!("process {pid}, whose next children would be in it, ends"),
            Place::Thread { tid } => format!("thread {tid} of process {pid} ends"),
            Place::Descriptor { fd } => format!("process {pid} closes descriptor {fd}"),
            Place::Socket { fd, .. } => format!("process {pid} closes the socket that is its descriptor {fd}"),
            Place::Mount { own: true, .. } => format!("{} is unmounted", self.what()),
            Place::Mount { .. } => format!("{} is unmounted there", self.what()),
            Place::Namespace { ns, kind, .. } => format!("{kind}:[{ns}] dies"),
        }
    }
}

/// More holders of one kind than this are only counted.
const FEW: usize = 3;

/// What would have to happen for it to die: all of these.
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

fn fate(ns: NsId, to_die: &[String]) -> String {
    match to_die {
        [] => format!("Nothing that nsx can see keeps {ns}.\n"),
        [only] => format!("It dies when {only}.\n"),
        [first, rest @ ..] => {
            let last = rest.len() - 1;
            let rest = rest.iter().enumerate().map(|(place, end)| {
                let joint = if place == last { " and " } else { ", " };
                format!("{joint}{end}")
            });
            format!("It dies when {first}{}.\n", rest.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &'static str, pid: i32, place: Place) -> Row {
        let process = (pid != 0).then(|| Person { pid, who: Who::default() });
        Row { kind, process, place }
    }

    #[test]
    fn whatever_holds_it_has_to_go() {
        let ns: NsId = "net:[7]".parse().unwrap();
        let mount = |inside, own| Place::Mount { point: b"/a\x1b".to_vec(), mount: 9, inside, seen_by: None, own };
        let mut rows = vec![
            row("process", 12, Place::Process {}),
            row("thread", 12, Place::Thread { tid: 13 }),
            row("for_children", 14, Place::Thread { tid: 14 }),
            row("descriptor", 15, Place::Descriptor { fd: 3 }),
            row("mount", 0, mount(Some(1), true)),
            row("mount", 0, mount(Some(2), false)),
        ];
        let expected = "It dies when process 12 ends, thread 13 of process 12 ends, process 14, whose next children would \
            be in it, ends, process 15 closes descriptor 3, /a\\x1b is unmounted and /a\\x1b in mnt:[2] is unmounted \
            there.\n";
        assert_eq!(fate(ns, &to_die(ns, &rows)), expected);
        for pid in 16..19 {
            rows.insert(0, row("process", pid, Place::Process {}));
        }
        assert!(fate(ns, &to_die(ns, &rows)).starts_with("It dies when the 4 processes in it end, thread 13"));
        assert_eq!(fate(ns, &to_die(ns, &rows[..1])), "It dies when process 18 ends.\n");
        assert_eq!(fate(ns, &[]), "Nothing that nsx can see keeps net:[7].\n");
        let host = "user:[4026531837]".parse().unwrap();
        assert_eq!(to_die(host, &rows), ["the host is shut down"]);
    }

    #[test]
    fn a_holder_in_json_has_what_it_is_and_no_more() {
        let json = |row: &Row| serde_json::to_string(row).unwrap();
        assert_eq!(
            json(&row("descriptor", 15, Place::Descriptor { fd: 3 })),
            r#"{"holder":"descriptor","process":{"pid":15,"uid":null,"user":null,"command":null},"fd":3}"#
        );
        assert_eq!(
            json(&row("child", 0, Place::Namespace { ns: 7, kind: "pid", nprocs: 2 })),
            r#"{"holder":"child","ns":7,"type":"pid","nprocs":2}"#
        );
    }
}
