//! A census in a file: what `--save` writes and `--from` and `--diff` read, here or on another
//! machine.
//!
//! The file may have been cut off, or written by anyone: what is not as nsx writes it is refused as
//! a whole.

use super::{
    graph::{self, Language},
    left_out,
    listing::{Listing, Object},
    question::Question,
    tree::{self, Order},
};
use crate::{
    error::Error,
    query::{
        cell::Cell,
        column::{Column, NsColumn, ProcessColumn},
        system::System,
    },
    style::Styles,
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
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The file name that means standard input and output.
pub(super) const STANDARD: &str = "-";

/// The kind of file that the file says it is.
const KIND: &str = "nsx census";
const VERSION: u64 = 2;
/// Larger ones are not read: nobody has that many namespaces.
const LARGEST: u64 = 1 << 28;

/// A census with where and when it was taken.
pub(super) struct Saved {
    pub(super) listing: Listing,
    /// The kernel's id of the boot, which tells hosts and boots apart; none where it could not be
    /// read.
    pub(super) boot: Option<String>,
    /// The viewer who looked; `None` if the file does not say.
    pub(super) viewer: Option<Viewer>,
    /// The data in the file beside its namespaces; `None` in files of version 1.
    pub(super) more: Option<More>,
}

/// The data in a census beside its namespaces.
pub(super) struct More {
    pub(super) processes: Vec<Process>,
    /// The groups of what belongs together, as `--groups --json` has them.
    pub(super) groups: Vec<Value>,
    /// The holders of each namespace, with `holders` and `to_die` as `--why --json` has them.
    pub(super) held: HashMap<NsId, Value>,
}

/// A process that was seen.
pub(super) struct Process {
    /// In the order of [`ProcessColumn`].
    pub(super) cells: Vec<Cell>,
    pub(super) namespaces: Vec<NsId>,
}

/// The properties of a viewer that decide how much of a host the viewer sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Viewer {
    /// Effective user id.
    pub(super) euid: u32,
    /// The inode number of the PID namespace.
    pub(super) pid_ns: Option<u64>,
    /// `true` if the procfs lists all processes of the host.
    pub(super) all: bool,
}

/// Why a census could not be saved or read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("failed to write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("failed to read {}", named(.0, "standard input"))]
    Read(PathBuf, #[source] io::Error),
    #[error("{} is no census that nsx saved", named(.0, "standard input"))]
    Foreign(PathBuf, #[source] Strange),
}

/// A difference between a file and what nsx writes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Strange {
    #[error("it is no regular file")]
    NoFile,
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    Large,
    #[error("it is no JSON, or not all of it")]
    Json(#[source] serde_json::Error),
    #[error("it is a JSON document of something else")]
    Other,
    #[error("it has version {0} of the format, and this nsx knows versions 1 and 2")]
    Version(u64),
    #[error("namespace {0} in it has no {1}")]
    Row(usize, String),
    #[error("process {0} in it has no {1}")]
    Process(usize, String),
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

/// A row without what could not be found out, and without numbers that are not known: null says
/// that there is no such thing.
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
        time: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
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

/// The kernel's id of this boot.
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
    /// The caller, who looks at the processes that `proc` shows.
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
        Self::parse(&text).map_err(|strange| SavedError::Foreign(path.to_owned(), strange))
    }

    /// Reads the content of a file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Strange> {
        let value: Value = serde_json::from_slice(text).map_err(Strange::Json)?;
        let document: Document = serde_json::from_value(value).map_err(|_| Strange::Other)?;
        match document {
            Document { kind, .. } if kind != KIND => return Err(Strange::Other),
            Document { version, .. } if !(1..=VERSION).contains(&version) => {
                return Err(Strange::Version(version));
            }
            _ => {}
        }
        let columns: Vec<_> = NsColumn::all().collect();
        let rows = document
            .namespaces
            .iter()
            .enumerate()
            .map(|(place, object)| row(&columns, place + 1, object));
        let rows = rows.collect::<Result<_, _>>()?;
        let processes = document.processes.map(|processes| {
            processes
                .iter()
                .enumerate()
                .map(|(place, object)| Process::read(place + 1, object))
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

    /// Takes the holders that were seen for some of those that there were.
    fn doubt_holders(&mut self) {
        let Some(place) = self
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
            .filter_map(|row| row.get_mut(place))
        {
            if let Cell::List(seen) = cell {
                *cell = Cell::Incomplete(std::mem::take(seen));
            }
        }
    }
}

impl Process {
    /// As it is written, without what could not be found out.
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

    fn read(place: usize, object: &Map<String, Value>) -> Result<Self, Strange> {
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
            cell.ok_or(Strange::Process(place, key))
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

/// Returns what is shown of a saved census, in each form, for tests: texts and JSON documents.
/// `None` if the census is refused.
pub fn shown(text: &[u8]) -> Option<([String; 5], Vec<String>)> {
    let listing = Saved::parse(text).ok()?.listing;
    let [owners, parents] =
        &[Order::Owner, Order::Parent].map(|order| tree::forest(&listing, order, None));
    let draw = |language| graph::draw(language, &listing, owners, |_| Vec::new());
    let [dot, mermaid, svg] = [Language::Dot, Language::Mermaid, Language::Svg].map(draw);
    let tables = [owners, parents].map(|forest| {
        tree::table(&listing, &listing.columns, forest).render(&Styles::default(), None)
    });
    let nested = [owners, parents].map(|forest| tree::nested(&listing.columns, &listing, forest));
    let documents = nested
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .ok()?;
    let [owned, below] = tables;
    Some(([dot, mermaid, svg, owned, below], documents))
}

fn row(
    columns: &[NsColumn],
    place: usize,
    object: &Map<String, Value>,
) -> Result<Vec<Cell>, Strange> {
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
        cell.filter(|_| fits).ok_or(Strange::Row(place, key))
    };
    let mut cells: Vec<_> = columns.iter().map(cell).collect::<Result<_, _>>()?;
    let place = |column| columns.iter().position(|other| *other == column);
    if let (Some(nprocs), Some(seen)) = (place(NsColumn::Nprocs), place(NsColumn::Seen))
        && let (Cell::Unknown, Cell::Number(seen)) = (&cells[nprocs], &cells[seen])
    {
        cells[nprocs] = Cell::AtLeast(*seen);
    }
    if let (Some(user), Some(uid)) = (place(NsColumn::User), place(NsColumn::Uid))
        && let (Cell::Nothing, Cell::Number(uid)) = (&cells[user], &cells[uid])
        && let Ok(uid) = u32::try_from(*uid)
    {
        cells[user] = Cell::Unnamed(uid);
    }
    Ok(cells)
}

fn text(path: &Path) -> Result<Vec<u8>, SavedError> {
    let foreign = |strange| SavedError::Foreign(path.to_owned(), strange);
    let mut text = Vec::new();
    let read = if path == Path::new(STANDARD) {
        io::stdin().take(LARGEST + 1).read_to_end(&mut text)
    } else {
        // A FIFO would be waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = rustix::fs::open(path, flags, Mode::empty());
        let file =
            File::from(open.map_err(|errno| SavedError::Read(path.to_owned(), errno.into()))?);
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(foreign(Strange::NoFile));
        }
        file.take(LARGEST + 1).read_to_end(&mut text)
    };
    read.map_err(|error| SavedError::Read(path.to_owned(), error))?;
    if text.len() as u64 > LARGEST {
        Err(foreign(Strange::Large))
    } else {
        Ok(text)
    }
}

/// A file's name for a message, or the stream's that it means.
fn named(path: &Path, stream: &str) -> String {
    if path == Path::new(STANDARD) {
        stream.to_owned()
    } else {
        path.display().to_string()
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
    fn what_nsx_did_not_write_is_refused_with_the_reason() {
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
            "it is no JSON, or not all of it"
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
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Saved::parse(&bytes);
        }
    }
}
