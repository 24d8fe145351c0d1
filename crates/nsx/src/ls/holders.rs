//! The holders of a namespace, each with its process and container.

use super::{identity::Identity, pid_tree};
use crate::{
    query::{
        cell::Cell,
        finder::CellFinder,
        process::{ProcessInfo, ProcessReader},
        system::System,
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
    /// The process that is in the namespace, has the thread, descriptor or socket, or sees the mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<HolderProcess>,
    #[serde(flatten)]
    pub(super) by: HeldBy,
}

/// A process with its id.
#[derive(Debug, Serialize)]
pub(super) struct HolderProcess {
    pub(super) pid: i32,
    #[serde(flatten)]
    pub(super) info: ProcessInfo,
    /// The word that names its container.
    pub(super) container: Option<String>,
}

/// The part of the holder by which the namespace is held.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum HeldBy {
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
        /// The mount namespace of the mount.
        inside: Option<u64>,
        /// The process that sees the mount point below its root directory; `None` if that is the
        /// caller, or if no process is known.
        seen_by: Option<i32>,
        /// `true` if the mount namespace is the caller's own.
        own: bool,
    },
    Namespace {
        #[serde(flatten)]
        ns: Identity,
        nprocs: Cell,
        /// The number of processes in words.
        #[serde(skip)]
        processes: String,
    },
}

/// Finds the holders of namespaces.
pub(super) struct Holders<'a> {
    census: &'a Census,
    reader: ProcessReader<'a>,
    finder: CellFinder<'a>,
    /// The id of nsx itself in the procfs. nsx is about to end, and left out.
    nsx: Option<Pid>,
}

impl<'a> Holders<'a> {
    /// Finds the holders that a census has. It was taken with its members.
    pub(super) fn new(census: &'a Census, system: &'a System) -> Self {
        let nsx = system.proc.own_status().map(|status| status.tgid).ok();
        Self {
            census,
            reader: ProcessReader::new(&system.proc),
            finder: CellFinder::new(system),
            nsx,
        }
    }

    fn process(&mut self, pid: Pid) -> HolderProcess {
        let container = self
            .finder
            .origin(pid)
            .container()
            .map(|container| container.address());
        HolderProcess {
            pid: pid.as_raw_pid(),
            info: self.reader.read(pid),
            container,
        }
    }

    /// Returns the holders of a namespace, without nsx itself.
    pub(super) fn rows(&mut self, entry: &Entry) -> Vec<Row> {
        let census = self.census;
        let mut rows = Vec::new();
        for pid in census.processes_in(entry.ns) {
            if self.nsx != Some(pid) {
                rows.push(self.row("process", Some(pid), HeldBy::Process {}));
            }
        }
        for holder in &entry.holders {
            if self.nsx.is_none() || holder.pid() != self.nsx {
                let row = self.of_holder(holder);
                rows.push(row);
            }
        }
        rows
    }

    fn of_holder(&mut self, holder: &Holder) -> Row {
        match holder {
            Holder::Thread { pid, tid } => {
                let tid = tid.as_raw_pid();
                self.row("thread", Some(*pid), HeldBy::Thread { tid })
            }
            Holder::ForChildren { pid, tid } => {
                let tid = tid.as_raw_pid();
                self.row("for_children", Some(*pid), HeldBy::Thread { tid })
            }
            Holder::Descriptor { pid, fd } => {
                self.row("descriptor", Some(*pid), HeldBy::Descriptor { fd: *fd })
            }
            Holder::Socket { pid, fd, inode } => {
                let (fd, inode) = (*fd, *inode);
                self.row("socket", Some(*pid), HeldBy::Socket { fd, inode })
            }
            Holder::Mount(pin) => {
                let viewer = match pin.viewer {
                    Viewer::Process(pid) => Some(pid),
                    Viewer::Caller | Viewer::Nobody => None,
                };
                let mount = HeldBy::Mount {
                    point: pin.mount.point.clone(),
                    mount: pin.mount.id,
                    inside: pin.inside.map(|ns| ns.inode),
                    seen_by: viewer.map(Pid::as_raw_pid),
                    own: pin.viewer == Viewer::Caller,
                };
                self.row("mount", viewer, mount)
            }
            Holder::Child(ns) => self.row("child", None, self.namespace(*ns)),
            Holder::Owned(ns) => self.row("owned", None, self.namespace(*ns)),
        }
    }

    fn row(&mut self, kind: &'static str, pid: Option<Pid>, by: HeldBy) -> Row {
        Row {
            kind,
            process: pid.map(|pid| self.process(pid)),
            by,
        }
    }

    fn namespace(&self, ns: NsId) -> HeldBy {
        let entry = self.census.entry(ns);
        HeldBy::Namespace {
            ns: Identity(ns),
            nprocs: entry.map_or(Cell::Unknown, |entry| {
                Cell::count(entry.processes, entry.is_whole)
            }),
            processes: entry.map_or_else(String::new, pid_tree::count),
        }
    }
}

/// Returns the table of holders.
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
        let of_process = |cell: fn(&HolderProcess) -> String| {
            row.process.as_ref().map_or_else(String::new, cell)
        };
        let mut cells = vec![
            row.kind.replace('_', " "),
            of_process(|process| process.pid.to_string()),
            of_process(|process| process.info.user()),
        ];
        cells.extend(any_in_one.then(|| escape(container(row).unwrap_or_default().as_bytes())));
        cells.extend([row.what(), of_process(|process| process.info.command())]);
        table.row(cells);
    }
    table
}

impl Row {
    fn pid(&self) -> i32 {
        self.process.as_ref().map_or(0, |process| process.pid)
    }

    /// Returns the part of the holder that holds the namespace, in words.
    fn what(&self) -> String {
        match &self.by {
            HeldBy::Process {} => String::new(),
            HeldBy::Thread { tid } if *tid == self.pid() => String::new(),
            HeldBy::Thread { tid } => format!("thread {tid}"),
            HeldBy::Descriptor { fd } => format!("descriptor {fd}"),
            HeldBy::Socket { fd, inode } => format!("descriptor {fd}, socket {inode}"),
            HeldBy::Mount {
                point, inside, own, ..
            } => {
                let inside = match (inside, own) {
                    (_, true) => String::new(),
                    (Some(inode), false) => format!(" in mnt:[{inode}]"),
                    (None, false) => " in a mount namespace that is not known".to_owned(),
                };
                escape(point) + &inside
            }
            HeldBy::Namespace { ns, processes, .. } => format!("{}, {processes}", ns.0),
        }
    }

    /// Returns what would have to happen to the holder, in words.
    pub(super) fn end(&self) -> String {
        let pid = self.pid();
        match &self.by {
            HeldBy::Process {} => format!("process {pid} ends"),
            HeldBy::Thread { tid } if *tid == pid => {
                format!("process {pid}, whose next children would be in it, ends")
            }
            HeldBy::Thread { tid } => format!("thread {tid} of process {pid} ends"),
            HeldBy::Descriptor { fd } => format!("process {pid} closes descriptor {fd}"),
            HeldBy::Socket { fd, .. } => {
                format!("process {pid} closes the socket that is its descriptor {fd}")
            }
            HeldBy::Mount { own: true, .. } => format!("{} is unmounted", self.what()),
            HeldBy::Mount { .. } => format!("{} is unmounted there", self.what()),
            HeldBy::Namespace { ns, .. } => format!("{} dies", ns.0),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes the row of a holder, for other tests too.
    pub(in super::super) fn row(kind: &'static str, pid: i32, by: HeldBy) -> Row {
        let process = (pid != 0).then(|| HolderProcess {
            pid,
            info: ProcessInfo::default(),
            container: None,
        });
        Row { kind, process, by }
    }

    #[test]
    fn a_holder_has_the_keys_of_its_kind_in_json() {
        let json = |row: &Row| serde_json::to_string(row).unwrap();
        let below = HeldBy::Namespace {
            ns: Identity("pid:[7]".parse().unwrap()),
            nprocs: Cell::Number(2),
            processes: "2 processes".to_owned(),
        };
        assert_eq!(
            json(&row("descriptor", 15, HeldBy::Descriptor { fd: 3 })),
            r#"{"holder":"descriptor","process":{"pid":15,"uid":null,"user":null,"command":null,"container":null},"fd":3}"#
        );
        assert_eq!(
            json(&row("child", 0, below)),
            r#"{"holder":"child","ns":7,"type":"pid","nprocs":2}"#
        );
    }
}
