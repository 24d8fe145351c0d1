//! A census in a file, which `--save` writes and `--from` and `--diff` read, here or on another
//! machine.
//!
//! The file may be truncated, or written by anyone. If any part of it is not as nsx writes it, the
//! whole file is refused.

use super::{
    question::Question,
    saved_error::{FormatError, LARGEST, STANDARD, SavedError},
};
use crate::{
    error::Error,
    query::{
        cell::Cell,
        column::{Column, NsColumn, ProcessColumn},
        left_out,
        listing::{Listing, Object},
        system::System,
    },
    since_1970,
    text::escape_json,
};
use nsx_core::{
    census::Unseen,
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::PidChain,
    proc::{NsLink, ProcRoot},
};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The value of `kind` in the file.
const KIND: &str = "nsx census";
const VERSION: u64 = 2;
/// A saved census, with the boot and the viewer that it is of.
pub(super) struct Saved {
    pub(super) listing: Listing,
    /// The kernel's id of the boot, which tells hosts and boots apart; `None` if it could not be read.
    pub(super) boot: Option<String>,
    /// The viewer; `None` if the file does not say.
    pub(super) viewer: Option<Viewer>,
    /// The data besides the namespaces; `None` in files of version 1.
    pub(super) more: Option<More>,
}

/// The data in a census besides its namespaces.
pub(super) struct More {
    pub(super) processes: Vec<Process>,
    /// The groups, as `--groups --json` prints them.
    pub(super) groups: Vec<Value>,
    /// The holders of each namespace: `holders` and `to_die` as `--why --json` prints them.
    pub(super) held: HashMap<NsId, Value>,
}

/// A process in a saved census.
pub(super) struct Process {
    /// In the order of [`ProcessColumn`].
    pub(super) cells: Vec<Cell>,
    pub(super) namespaces: Vec<NsId>,
}

/// The user who took a census, with what decides how much of a host that user sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Viewer {
    /// Effective user id.
    pub(super) euid: u32,
    /// The inode number of the PID namespace.
    pub(super) pid_ns: Option<u64>,
    /// `true` if the procfs lists all processes of the host.
    pub(super) all: bool,
}

/// The file's content.
#[derive(Deserialize)]
struct Document {
    kind: String,
    version: u64,
    boot_id: Option<String>,
    viewer: Option<Viewer>,
    namespaces: Vec<Map<String, Value>>,
    processes: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    groups: Vec<Value>,
    #[serde(default)]
    held: Map<String, Value>,
    hidden: Hidden,
}

#[derive(Deserialize)]
struct Hidden {
    processes: usize,
    #[serde(default)]
    closed: usize,
    #[serde(default)]
    sockets: usize,
}

/// The file's content, as nsx writes it.
#[derive(Serialize)]
struct Written<'a, N> {
    kind: &'static str,
    version: u64,
    /// Seconds since 1970.
    time: u64,
    /// The host's name, as the caller's UTS namespace has it.
    host: String,
    boot_id: Option<String>,
    kernel: String,
    viewer: Viewer,
    namespaces: N,
    processes: Vec<Map<String, Value>>,
    groups: &'a [Value],
    held: Map<String, Value>,
    hidden: left_out::Hidden,
}

/// A row without unknown cells and without lower bounds. JSON null means that there is no value.
struct Known<'a>(Object<'a>);

impl Serialize for Known<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.cells().filter(|(_, cell)| {
            !matches!(cell, Cell::Unknown | Cell::AtLeast(_))
                && **cell != Cell::Incomplete(Vec::new())
        }))
    }
}

/// Returns the content of the file that a census is saved to.
pub(super) fn content(
    listing: &Listing,
    more: &More,
    proc: &ProcRoot,
) -> Result<String, serde_json::Error> {
    let uname = rustix::system::uname();
    let document = Written {
        kind: KIND,
        version: VERSION,
        time: since_1970::now().as_secs(),
        host: uname.nodename().to_string_lossy().into_owned(),
        boot_id: boot(proc),
        kernel: uname.release().to_string_lossy().into_owned(),
        viewer: Viewer::caller(proc),
        namespaces: listing
            .objects(&listing.columns)
            .map(Known)
            .collect::<Vec<_>>(),
        processes: more.processes.iter().map(Process::written).collect(),
        groups: &more.groups,
        held: more
            .held
            .iter()
            .map(|(ns, held)| (ns.to_string(), held.clone()))
            .collect(),
        hidden: listing.unseen.into(),
    };
    Ok(escape_json(serde_json::to_string_pretty(&document)?) + "\n")
}

/// Returns the kernel's id of this boot.
fn boot(proc: &ProcRoot) -> Option<String> {
    let file = rustix::fs::openat(
        proc,
        "sys/kernel/random/boot_id",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let mut text = String::new();
    File::from(file.ok()?)
        .take(64)
        .read_to_string(&mut text)
        .ok()?;
    Some(text.trim().to_owned())
}

impl Viewer {
    /// Returns the caller as a viewer of the processes that `proc` shows.
    pub(super) fn caller(proc: &ProcRoot) -> Self {
        let pid_ns = proc.own_ns(NsLink::Own(NsKind::Pid)).ok();
        Self {
            euid: rustix::process::geteuid().as_raw(),
            pid_ns: pid_ns.map(|ns| ns.inode),
            all: !proc.hides_processes() && pid_ns.is_some_and(NsId::is_initial),
        }
    }
}

impl Saved {
    /// Takes a census of a system, as if it had been saved.
    pub(super) fn now(system: &System) -> Result<Self, Error> {
        let question = Question::everything();
        let census = question.census(system)?;
        Ok(Self {
            listing: question.answer(&census, system).listing.lossy(),
            boot: boot(&system.proc),
            viewer: Some(Viewer::caller(&system.proc)),
            more: None,
        })
    }

    /// Returns whether nothing was hidden from the viewer who looked.
    pub(super) fn is_whole(&self) -> bool {
        let unseen = self.listing.unseen;
        let all = self.viewer.as_ref().is_some_and(|viewer| viewer.all);
        all && unseen.hidden() == 0 && unseen.closed == 0 && unseen.sockets == 0
    }

    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, SavedError> {
        let text = text(path)?;
        Self::parse(&text).map_err(|error| SavedError::Foreign(path.to_owned(), error))
    }

    /// Reads the content of a file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, FormatError> {
        let value: Value = serde_json::from_slice(text).map_err(FormatError::NotJson)?;
        let document: Document = serde_json::from_value(value).map_err(|_| FormatError::Foreign)?;
        match document {
            Document { kind, .. } if kind != KIND => return Err(FormatError::Foreign),
            Document { version, .. } if !(1..=VERSION).contains(&version) => {
                return Err(FormatError::Version(version));
            }
            _ => {}
        }
        let columns: Vec<_> = NsColumn::all().collect();
        let rows = document
            .namespaces
            .iter()
            .enumerate()
            .map(|(index, object)| row(&columns, index + 1, object));
        let rows = rows.collect::<Result<_, _>>()?;
        let processes = document.processes.map(|processes| {
            processes
                .iter()
                .enumerate()
                .map(|(index, object)| Process::read(index + 1, object))
                .collect()
        });
        let processes: Option<Vec<Process>> = processes.transpose()?;
        let held = document
            .held
            .into_iter()
            .filter_map(|(ns, held)| Some((ns.parse().ok()?, held)))
            .collect();
        let more = processes.map(|processes| More {
            processes,
            groups: document.groups,
            held,
        });
        let Hidden {
            processes,
            closed,
            sockets,
        } = document.hidden;
        let unseen = Unseen {
            denied: processes,
            closed,
            sockets,
            ..Unseen::default()
        };
        let listing = Listing {
            columns,
            rows,
            unseen,
        };
        let mut saved = Self {
            listing,
            boot: document.boot_id,
            viewer: document.viewer,
            more,
        };
        if !saved.is_whole() {
            saved.doubt_holders();
        }
        Ok(saved)
    }

    /// Marks the lists of holders as incomplete.
    fn doubt_holders(&mut self) {
        let Some(index) = self
            .listing
            .columns
            .iter()
            .position(|column| *column == NsColumn::Holders)
        else {
            return;
        };
        for cell in self
            .listing
            .rows
            .iter_mut()
            .filter_map(|row| row.get_mut(index))
        {
            if let Cell::List(seen) = cell {
                *cell = Cell::Incomplete(std::mem::take(seen));
            }
        }
    }
}

impl Process {
    /// Returns the JSON object for the file, without unknown cells.
    fn written(&self) -> Map<String, Value> {
        let cells = ProcessColumn::all()
            .zip(&self.cells)
            .filter(|(_, cell)| **cell != Cell::Unknown);
        let mut object: Map<String, Value> = cells
            .map(|(column, cell)| (column.key(), json!(cell)))
            .collect();
        let namespaces: Vec<_> = self.namespaces.iter().map(NsId::to_string).collect();
        object.insert("namespaces".to_owned(), json!(namespaces));
        object
    }

    fn read(index: usize, object: &Map<String, Value>) -> Result<Self, FormatError> {
        let cell = |column: ProcessColumn| {
            let key = column.key();
            let value = object.get(&key);
            let cell = match (column, value) {
                (ProcessColumn::Pid, value) => value.and_then(Value::as_u64).map(Cell::Number),
                (ProcessColumn::Chain, Some(Value::Array(ids))) => {
                    let ids: Vec<_> = ids.iter().map(Value::to_string).collect();
                    PidChain::parse(ids.join("\t").as_bytes())
                        .ok()
                        .map(Cell::Chain)
                }
                (_, value) => value.map_or(Some(Cell::Unknown), Cell::from_json),
            };
            cell.ok_or(FormatError::Process(index, key))
        };
        let mut cells: Vec<_> = ProcessColumn::all().map(cell).collect::<Result<_, _>>()?;
        if let (Cell::Nothing, Cell::Number(uid)) = (
            &cells[ProcessColumn::User as usize],
            &cells[ProcessColumn::Uid as usize],
        ) && let Ok(uid) = u32::try_from(*uid)
        {
            cells[ProcessColumn::User as usize] = Cell::Unnamed(uid);
        }
        let namespaces = object
            .get("namespaces")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let namespaces = namespaces
            .filter_map(|ns| ns.as_str()?.parse().ok())
            .collect();
        Ok(Self { cells, namespaces })
    }
}

fn row(
    columns: &[NsColumn],
    index: usize,
    object: &Map<String, Value>,
) -> Result<Vec<Cell>, FormatError> {
    let cell = |column: &NsColumn| {
        let key = column.key();
        let cell = object
            .get(&key)
            .map_or(Some(Cell::Unknown), Cell::from_json);
        let fits = match (column, &cell) {
            (NsColumn::Ns, cell) => matches!(cell, Some(Cell::Number(_))),
            (NsColumn::Type, cell) => {
                matches!(cell, Some(Cell::Text(kind)) if NsKind::from_name(kind).is_some())
            }
            (_, cell) => cell.is_some(),
        };
        cell.filter(|_| fits).ok_or(FormatError::Row(index, key))
    };
    let mut cells: Vec<_> = columns.iter().map(cell).collect::<Result<_, _>>()?;
    let index = |column| columns.iter().position(|other| *other == column);
    if let (Some(nprocs), Some(seen)) = (index(NsColumn::Nprocs), index(NsColumn::Seen))
        && let (Cell::Unknown, Cell::Number(seen)) = (&cells[nprocs], &cells[seen])
    {
        cells[nprocs] = Cell::AtLeast(*seen);
    }
    if let (Some(user), Some(uid)) = (index(NsColumn::User), index(NsColumn::Uid))
        && let (Cell::Nothing, Cell::Number(uid)) = (&cells[user], &cells[uid])
        && let Ok(uid) = u32::try_from(*uid)
    {
        cells[user] = Cell::Unnamed(uid);
    }
    Ok(cells)
}

fn text(path: &Path) -> Result<Vec<u8>, SavedError> {
    let foreign = |error| SavedError::Foreign(path.to_owned(), error);
    let mut text = Vec::new();
    let read = if path == Path::new(STANDARD) {
        io::stdin().take(LARGEST + 1).read_to_end(&mut text)
    } else {
        // Without NONBLOCK, opening a FIFO would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = rustix::fs::open(path, flags, Mode::empty());
        let file =
            File::from(open.map_err(|errno| SavedError::Read(path.to_owned(), errno.into()))?);
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(foreign(FormatError::NotRegular));
        }
        file.take(LARGEST + 1).read_to_end(&mut text)
    };
    read.map_err(|error| SavedError::Read(path.to_owned(), error))?;
    if text.len() as u64 > LARGEST {
        Err(foreign(FormatError::TooLarge))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        Saved::parse(text.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn a_file_that_nsx_did_not_write_is_refused_with_the_reason() {
        let whole = r#"{"kind":"nsx census","version":1,"namespaces":[{"ns":7,"type":"net","pid":null}],"hidden":{"processes":2}}"#;
        let saved = Saved::parse(whole.as_bytes()).unwrap();
        let row = &saved.listing.rows[0];
        assert_eq!(saved.listing.cell(row, NsColumn::Ns), &Cell::Number(7));
        assert_eq!(saved.listing.cell(row, NsColumn::Pid), &Cell::Nothing);
        assert_eq!(saved.listing.cell(row, NsColumn::User), &Cell::Unknown);
        assert_eq!(saved.listing.unseen.hidden(), 2);
        let more = whole.replace("\"pid\":null", "\"uid\":7,\"user\":null");
        let more = more.replace(
            "\"processes\":2",
            "\"processes\":2,\"closed\":3,\"sockets\":4",
        );
        let saved = Saved::parse(more.as_bytes()).unwrap();
        assert_eq!(
            saved.listing.cell(&saved.listing.rows[0], NsColumn::User),
            &Cell::Unnamed(7)
        );
        assert_eq!(
            (saved.listing.unseen.closed, saved.listing.unseen.sockets),
            (3, 4)
        );
        assert_eq!(
            refusal(&whole[..whole.len() - 1]),
            "it is not valid JSON, or not all of it"
        );
        assert_eq!(refusal("{}"), "it is a JSON document of something else");
        assert_eq!(
            refusal(&whole.replace("nsx census", "x")),
            "it is a JSON document of something else"
        );
        assert!(
            refusal(&whole.replace("\"version\":1", "\"version\":3"))
                .starts_with("it has version 3")
        );
        assert_eq!(
            refusal(&whole.replace("\"ns\":7", "\"ns\":\"7\"")),
            "namespace 1 in it has no ns"
        );
        assert_eq!(
            refusal(&whole.replace("\"net\"", "\"x\"")),
            "namespace 1 in it has no type"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = Saved::parse(&bytes);
        }
    }
}
