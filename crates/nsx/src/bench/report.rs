//! The results: two tables or a JSON document.

use super::{
    actor::Actor,
    clock::{self, Times},
    memory,
    packets::Path,
    task::Task,
};
use crate::{
    answer::{Answer, Format, Part},
    error::Error,
    table::{Align, Table},
    text::{self, UNKNOWN},
};
use nsx_core::ns::NsSet;
use serde::{Serialize, Serializer};

/// The results.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: u32,
    kernel: String,
    runs: usize,
    #[serde(rename = "namespaces")]
    pub(super) rows: Vec<Row>,
    calls: Vec<CallRow>,
    #[serde(skip)]
    notes: Vec<String>,
}

/// The cost of a set of namespaces.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "names")]
    pub(super) kinds: NsSet,
    /// The number of others that were alive.
    pub(super) alive: usize,
    pub(super) create: Option<Times>,
    pub(super) remove: Option<Times>,
    pub(super) setns: Option<Times>,
    /// In bytes.
    pub(super) memory: Option<u64>,
}

/// The cost of a call.
#[derive(Debug, Serialize)]
struct CallRow {
    call: &'static str,
    alive: usize,
    time: Option<Times>,
}

/// A call that is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    /// `setuid(2)` in the caller's user namespace.
    SetUser,
    /// `setuid(2)` in a new user namespace with a map.
    SetMappedUser,
    /// `send(2)` and `recv(2)` of a packet.
    Packet(Path),
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::SetUser => "setuid",
            Self::SetMappedUser => "setuid-mapped",
            Self::Packet(Path::Loopback) => "packet-loopback",
            Self::Packet(Path::Veth) => "packet-veth",
            Self::Packet(Path::Bridge) => "packet-bridge",
            Self::Packet(Path::Macvlan) => "packet-macvlan",
        }
    }
}

fn names<S: Serializer>(kinds: &NsSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(kinds.iter().map(|kind| kind.name()))
}

impl Report {
    pub(super) fn new(runs: usize) -> Self {
        let name = rustix::system::uname();
        Self {
            version: 1,
            kernel: name.release().to_string_lossy().into_owned(),
            runs,
            rows: Vec::new(),
            calls: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Measures a call. What this kernel lacks is noted.
    pub(super) fn call(&mut self, call: Call, alive: usize, task: &Task<'_>) {
        let time = Actor::act(task).map(|(_, times)| Times::of(times));
        let time = time.unwrap_or_else(|errno| {
            let reason = text::reason(&errno);
            let note = format!("{} could not be measured: {reason}", call.name());
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            None
        });
        self.calls.push(CallRow {
            call: call.name(),
            alive,
            time,
        });
    }

    /// Returns the results as an answer.
    pub(super) fn answer(self, format: Format) -> Result<Answer, Error> {
        let answer = match format {
            Format::Text => Answer::of(self.tables()),
            _ => Answer::json(&self)?,
        };
        Ok(answer.with_notes(self.notes))
    }

    fn tables(&self) -> Vec<Part> {
        use Align::{Left, Right};
        let mut namespaces = Table::new(&[
            ("NAMESPACES", Left),
            ("ALIVE", Right),
            ("CREATE", Right),
            ("P99", Right),
            ("REMOVE", Right),
            ("P99", Right),
            ("SETNS", Right),
            ("P99", Right),
            ("MEMORY", Right),
        ]);
        for row in &self.rows {
            let times = [row.create, row.remove, row.setns];
            let kinds: Vec<_> = row.kinds.iter().map(|kind| kind.name()).collect();
            let kinds = match row.kinds {
                NsSet::ALL => "all".to_owned(),
                _ => kinds.join(","),
            };
            let memory = row.memory.map_or(UNKNOWN.to_owned(), memory::shown);
            let cells = [kinds, row.alive.to_string()].into_iter();
            namespaces.row(
                cells
                    .chain(times.into_iter().flat_map(shown))
                    .chain([memory]),
            );
        }
        let mut parts = vec![Part::Table(namespaces)];
        if !self.calls.is_empty() {
            let mut calls = Table::new(&[
                ("CALL", Left),
                ("ALIVE", Right),
                ("MEDIAN", Right),
                ("P99", Right),
            ]);
            for row in &self.calls {
                let cells = [row.call.to_owned(), row.alive.to_string()].into_iter();
                calls.row(cells.chain(shown(row.time)));
            }
            parts.extend([Part::Text("\n".to_owned()), Part::Table(calls)]);
        }
        parts
    }
}

fn shown(times: Option<Times>) -> [String; 2] {
    match times {
        Some(times) => [times.median_ns, times.p99_ns].map(clock::shown),
        None => [UNKNOWN.to_owned(), UNKNOWN.to_owned()],
    }
}
