//! The holders of a namespace, each with whose it is.

use super::pid_tree;
use crate::{
    query::{
        cell::Cell,
        finder::Finder,
        system::System,
        who::{Registrar, Who},
    },
    table::{Align, Table},
    text::{self, escape},
};
use nsx_core::{
    census::{Census, Entry, Holder, Viewer},
    ns::NsId,
    pid::Pid,
};
use serde::Serialize;

/// A holder.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(rename = "holder")]
    pub(super) kind: &'static str,
    /// The process whose namespace, thread, descriptor or socket this is, or which sees the mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<Person>,
    #[serde(flatten)]
    pub(super) place: Place,
}

/// A process with its id.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    pub(super) pid: i32,
    #[serde(flatten)]
    pub(super) who: Who,
    /// The word that names its container.
    pub(super) container: Option<String>,
}

/// The part of the holder that holds the namespace.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Place {
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
        /// The process from whose root directory the mount point is seen; the caller where there is
        /// none.
        seen_by: Option<i32>,
        /// `true` if the mount namespace is the caller's own.
        own: bool,
    },
    Namespace {
        ns: u64,
        #[serde(rename = "type")]
        kind: &'static str,
        nprocs: Cell,
        /// The number of processes in words.
        #[serde(skip)]
        processes: String,
    },
}

/// Finds the holders of namespaces.
pub(super) struct Holders<'a> {
    census: &'a Census,
    registrar: Registrar<'a>,
    finder: Finder<'a>,
    /// The id in the procfs of nsx itself, which is about to end.
    nsx: Option<Pid>,
}

impl<'a> Holders<'a> {
    /// `census` was taken with its members, and with whatever holders are to be found.
    pub(super) fn new(census: &'a Census, system: &'a System) -> Self {
        let nsx = system.proc.own_status().map(|status| status.tgid).ok();
        Self {
            census,
            registrar: Registrar::new(&system.proc),
            finder: Finder::new(system),
            nsx,
        }
    }

    fn person(&mut self, pid: Pid) -> Person {
        let container = self
            .finder
            .origin(pid)
            .container()
            .map(|container| container.address());
        Person {
            pid: pid.as_raw_pid(),
            who: self.registrar.who(pid),
            container,
        }
    }

    /// Everyone who holds it but nsx itself.
    pub(super) fn rows(&mut self, entry: &Entry) -> Vec<Row> {
        let (census, nsx) = (self.census, self.nsx);
        let mut row = |kind, pid: Option<Pid>, place| Row {
            kind,
            process: pid.map(|pid| self.person(pid)),
            place,
        };
        let processes = census
            .processes_in(entry.ns)
            .filter(|pid| nsx != Some(*pid));
        let mut rows: Vec<Row> = processes
            .map(|pid| row("process", Some(pid), Place::Process {}))
            .collect();
        for holder in entry
            .holders
            .iter()
            .filter(|holder| nsx.is_none() || holder.pid() != nsx)
        {
            let namespace = |ns: NsId| {
                let entry = census.entry(ns);
                let nprocs = entry.map_or(Cell::Unknown, |entry| {
                    Cell::count(entry.processes, entry.is_whole)
                });
                let processes = entry.map_or_else(String::new, pid_tree::count);
                Place::Namespace {
                    ns: ns.inode,
                    kind: ns.kind.name(),
                    nprocs,
                    processes,
                }
            };
            let (kind, pid, place) = match holder {
                Holder::Thread { pid, tid } => (
                    "thread",
                    Some(*pid),
                    Place::Thread {
                        tid: tid.as_raw_pid(),
                    },
                ),
                Holder::ForChildren { pid, tid } => (
                    "for_children",
                    Some(*pid),
                    Place::Thread {
                        tid: tid.as_raw_pid(),
                    },
                ),
                Holder::Descriptor { pid, fd } => {
                    ("descriptor", Some(*pid), Place::Descriptor { fd: *fd })
                }
                Holder::Socket { pid, fd, inode } => (
                    "socket",
                    Some(*pid),
                    Place::Socket {
                        fd: *fd,
                        inode: *inode,
                    },
                ),
                Holder::Mount(pin) => {
                    let viewer = match pin.viewer {
                        Viewer::Process(pid) => Some(pid),
                        Viewer::Caller | Viewer::Nobody => None,
                    };
                    let place = Place::Mount {
                        point: pin.mount.point.clone(),
                        mount: pin.mount.id,
                        inside: pin.inside.map(|ns| ns.inode),
                        seen_by: viewer.map(Pid::as_raw_pid),
                        own: pin.viewer == Viewer::Caller,
                    };
                    ("mount", viewer, place)
                }
                Holder::Child(ns) => ("child", None, namespace(*ns)),
                Holder::Owned(ns) => ("owned", None, namespace(*ns)),
            };
            rows.push(row(kind, pid, place));
        }
        rows
    }
}

/// The holders for people.
pub(super) fn table(rows: &[Row]) -> Table {
    let container = |row: &Row| {
        row.process
            .as_ref()
            .and_then(|process| process.container.clone())
    };
    let any_in_one = rows.iter().any(|row| container(row).is_some());
    let mut columns = vec![
        ("HOLDER", Align::Left),
        ("PID", Align::Right),
        ("USER", Align::Left),
    ];
    columns.extend(any_in_one.then_some(("CONTAINER", Align::Left)));
    columns.extend([("WHAT", Align::Left), ("COMMAND", Align::Left)]);
    let mut table = Table::new(&columns);
    for row in rows {
        let of_process =
            |cell: fn(&Person) -> String| row.process.as_ref().map_or_else(String::new, cell);
        let mut cells = vec![
            row.kind.replace('_', " "),
            of_process(|process| process.pid.to_string()),
            of_process(|process| process.who.user()),
        ];
        cells.extend(any_in_one.then(|| escape(container(row).unwrap_or_default().as_bytes())));
        cells.extend([row.what(), of_process(|process| process.who.command())]);
        table.row(cells);
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
            Place::Mount {
                point, inside, own, ..
            } => {
                let inside = match (inside, own) {
                    (_, true) => String::new(),
                    (Some(inode), false) => format!(" in mnt:[{inode}]"),
                    (None, false) => " in a mount namespace that is not known".to_owned(),
                };
                escape(point) + &inside
            }
            Place::Namespace {
                ns,
                kind,
                processes,
                ..
            } => format!("{kind}:[{ns}], {processes}"),
        }
    }

    /// Returns what would have to happen to the holder, in words.
    pub(super) fn end(&self) -> String {
        let pid = self.pid();
        match &self.place {
            Place::Process {} => format!("process {pid} ends"),
            Place::Thread { tid } if *tid == pid => {
                format!("process {pid}, whose next children would be in it, ends")
            }
            Place::Thread { tid } => format!("thread {tid} of process {pid} ends"),
            Place::Descriptor { fd } => format!("process {pid} closes descriptor {fd}"),
            Place::Socket { fd, .. } => {
                format!("process {pid} closes the socket that is its descriptor {fd}")
            }
            Place::Mount { own: true, .. } => format!("{} is unmounted", self.what()),
            Place::Mount { .. } => format!("{} is unmounted there", self.what()),
            Place::Namespace { ns, kind, .. } => format!("{kind}:[{ns}] dies"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes the row of a holder, for other tests too.
    pub(in crate::ls) fn row(kind: &'static str, pid: i32, place: Place) -> Row {
        let process = (pid != 0).then(|| Person {
            pid,
            who: Who::default(),
            container: None,
        });
        Row {
            kind,
            process,
            place,
        }
    }

    #[test]
    fn a_holder_in_json_has_what_it_is_and_no_more() {
        let json = |row: &Row| serde_json::to_string(row).unwrap();
        let below = Place::Namespace {
            ns: 7,
            kind: "pid",
            nprocs: Cell::Number(2),
            processes: "2 processes".to_owned(),
        };
        assert_eq!(
            json(&row("descriptor", 15, Place::Descriptor { fd: 3 })),
            r#"{"holder":"descriptor","process":{"pid":15,"uid":null,"user":null,"command":null,"container":null},"fd":3}"#
        );
        assert_eq!(
            json(&row("child", 0, below)),
            r#"{"holder":"child","ns":7,"type":"pid","nprocs":2}"#
        );
    }
}
