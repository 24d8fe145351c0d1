//! The options of `lsns(8)`, as typed: read in their order, each refused as soon as it is wrong.

use super::{
    super::{CommandLine, Complaint, numbers},
    columns::Column,
};
use crate::query::filter::{Filter, FilterError};
use nsx_core::{
    ns::{NsKind, NsSet},
    pid::Pid,
};
use nsx_getopt::{LongOption, Misuse, Value};
use rustix::io::Errno;
use std::ffi::{CStr, c_int};

const SHORT: &CStr = c"JlPp:o:nruhVt:T::WQ:H";

/// The value that stands for the long option without a letter.
const OUTPUT_ALL: c_int = 256;

/// The order is that in which the C library lists the options that a prefix may mean.
const LONG: &[LongOption] = &[
    LongOption(c"json", Value::None, b'J' as c_int),
    LongOption(c"task", Value::Required, b'p' as c_int),
    LongOption(c"help", Value::None, b'h' as c_int),
    LongOption(c"output", Value::Required, b'o' as c_int),
    LongOption(c"output-all", Value::None, OUTPUT_ALL),
    LongOption(c"persistent", Value::None, b'P' as c_int),
    LongOption(c"notruncate", Value::None, b'u' as c_int),
    LongOption(c"version", Value::None, b'V' as c_int),
    LongOption(c"noheadings", Value::None, b'n' as c_int),
    LongOption(c"nowrap", Value::None, b'W' as c_int),
    LongOption(c"list", Value::None, b'l' as c_int),
    LongOption(c"raw", Value::None, b'r' as c_int),
    LongOption(c"type", Value::Required, b't' as c_int),
    LongOption(c"tree", Value::Optional, b'T' as c_int),
    LongOption(c"filter", Value::Required, b'Q' as c_int),
    LongOption(c"list-columns", Value::None, b'H' as c_int),
];

/// The subject of the list.
pub(super) enum Action {
    /// All columns.
    Columns(Format),
    /// Namespaces, or the processes of one.
    List(Options),
}

/// The options, as typed.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) format: Format,
    /// The requested tree; `None` if no option names one.
    pub(super) tree: Option<Tree>,
    /// `true` if `--output-all` is given.
    pub(super) all: bool,
    pub(super) no_headings: bool,
    pub(super) no_truncation: bool,
    pub(super) no_wrapping: bool,
    pub(super) persistent: bool,
    pub(super) kinds: NsSet,
    pub(super) task: Option<Pid>,
    pub(super) namespace: Option<u64>,
    pub(super) columns: Vec<Column>,
    /// An expression, or an error if it names a column that does not exist. The error is reported
    /// after all options are read.
    pub(super) filter: Option<Result<Filter<Column>, FilterError>>,
}

/// The format of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Text,
    Raw,
    Json,
}

/// A kind of tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// No tree.
    None,
    /// The parent of a namespace is one that the parent of its first process is in.
    Process,
    /// The parent of a PID or user namespace is its own parent.
    Parent,
    /// The parent of a namespace is the user namespace that owns it.
    Owner,
}

const DEFAULT: [Column; 6] = [
    Column::Ns,
    Column::Type,
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Command,
];
const DEFAULT_NET: [Column; 8] = [
    Column::Ns,
    Column::Type,
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Netnsid,
    Column::Nsfs,
    Column::Command,
];
const DEFAULT_PROCESSES: [Column; 4] = [Column::Pid, Column::Ppid, Column::User, Column::Command];

/// Reads a command line.
pub(super) fn read(arguments: &[&CStr]) -> Result<CommandLine<Action>, Complaint> {
    let mut found = nsx_getopt::Options::new(arguments, SHORT, LONG);
    let mut options = Options::default();
    let (mut list, mut list_columns) = (None, false);
    let mut exclusions = [
        Exclusion::new([(b'J', "--json"), (b'r', "--raw")]),
        Exclusion::new([(b'P', "--persistent"), (b'p', "--task")]),
    ];
    for option in &mut found {
        let (option, value) = option.map_err(|Misuse| Complaint::Misuse)?;
        let Ok(letter) = u8::try_from(option) else {
            options.all = true;
            continue;
        };
        for exclusion in &mut exclusions {
            exclusion.met(letter)?;
        }
        let text = value.unwrap_or_default();
        match letter {
            b'J' => options.format = Format::Json,
            b'r' => (options.format, options.no_wrapping) = (Format::Raw, true),
            b'l' => options.tree = Some(options.tree.unwrap_or(Tree::None)),
            b'T' => options.tree = Some(tree(value)?),
            b'n' => options.no_headings = true,
            b'u' => options.no_truncation = true,
            b'W' => options.no_wrapping = true,
            b'P' => options.persistent = true,
            b'p' => options.task = Some(task(text)?),
            b'o' => list = Some(text),
            b't' => options.kinds.insert(kind(text)?),
            // An empty expression means that there is none.
            b'Q' if text.is_empty() => options.filter = None,
            b'Q' => options.filter = Some(filter(text)?),
            b'H' => list_columns = true,
            b'h' => return Ok(CommandLine::Help),
            b'V' => return Ok(CommandLine::Version),
            _ => return Err(Complaint::Misuse),
        }
    }
    if list_columns {
        return Ok(CommandLine::Options(Action::Columns(options.format)));
    }
    if let Some(operand) = found.operands().first() {
        if options.task.is_some() {
            return Err(Complaint::new([
                b"--task is mutually exclusive with <namespace>",
            ]));
        }
        options.namespace = Some(argument(operand, "namespace")?);
    }
    options.columns = options.columns_of(list.map(CStr::to_bytes))?;
    if options.kinds.is_empty() {
        options.kinds = NsSet::ALL;
    }
    Ok(CommandLine::Options(Action::List(options)))
}

impl Options {
    fn columns_of(&self, list: Option<&[u8]>) -> Result<Vec<Column>, Complaint> {
        let mut columns = match self {
            _ if self.all => Column::ALL.to_vec(),
            Self {
                namespace: Some(_), ..
            } => DEFAULT_PROCESSES.to_vec(),
            _ if self.kinds.contains(NsKind::Net) => DEFAULT_NET.to_vec(),
            _ => DEFAULT.to_vec(),
        };
        let Some(list) = list else { return Ok(columns) };
        let names = match list.strip_prefix(b"+") {
            Some(more) => more,
            None => {
                columns.clear();
                list
            }
        };
        // An empty list is refused without a message.
        if names.is_empty() {
            return Err(Complaint::Silent);
        }
        let mut rest = Some(names);
        while let Some(names) = rest {
            let comma = names.iter().position(|byte| *byte == b',');
            // A comma at the end belongs to the last name, which then does not exist.
            let end = comma
                .filter(|comma| comma + 1 < names.len())
                .unwrap_or(names.len());
            let (name, after) = names.split_at(end);
            if name.is_empty() {
                return Err(Complaint::Silent);
            }
            let column = std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.parse().ok());
            columns.push(column.ok_or_else(|| Complaint::new([b"unknown column: ", name]))?);
            rest = after.get(1..);
        }
        Ok(columns)
    }
}

/// Two options that exclude each other.
struct Exclusion {
    options: [(u8, &'static str); 2],
    first: Option<usize>,
}

impl Exclusion {
    fn new(options: [(u8, &'static str); 2]) -> Self {
        Self {
            options,
            first: None,
        }
    }

    /// Records an option. The complaint names both in the order in which they were given.
    fn met(&mut self, letter: u8) -> Result<(), Complaint> {
        let Some(index) = self.options.iter().position(|(known, _)| *known == letter) else {
            return Ok(());
        };
        match self.first.replace(index) {
            Some(first) if first != index => {
                let [one, other] = [first, index].map(|index| self.options[index].1.as_bytes());
                Err(Complaint::new([
                    b"options ",
                    one,
                    b" and ",
                    other,
                    b" cannot be combined",
                ]))
            }
            _ => Ok(()),
        }
    }
}

fn tree(value: Option<&CStr>) -> Result<Tree, Complaint> {
    // A short option's value may be attached with `=` too.
    let word = value.map_or(&b"owner"[..], |value| value.to_bytes());
    let word = word.strip_prefix(b"=").unwrap_or(word);
    match word {
        b"owner" => Ok(Tree::Owner),
        b"parent" => Ok(Tree::Parent),
        b"process" => Ok(Tree::Process),
        _ => Err(Complaint::new([b"unknown tree type: ", word])),
    }
}

fn kind(name: &CStr) -> Result<NsKind, Complaint> {
    let name = name.to_bytes();
    NsKind::from_name(name).ok_or_else(|| Complaint::new([b"unknown namespace type: ", name]))
}

fn filter(text: &CStr) -> Result<Result<Filter<Column>, FilterError>, Complaint> {
    match Filter::parse(text.to_bytes(), |name| name.parse().ok()) {
        Err(error @ FilterError::Parse(..)) => Err(Complaint::new([error.to_string().as_bytes()])),
        read => Ok(read),
    }
}

fn task(text: &CStr) -> Result<Pid, Complaint> {
    let pid = argument::<i32>(text, "PID")?;
    let pid = Pid::from_raw(pid.max(0));
    pid.ok_or_else(|| {
        Complaint::because(
            [b"invalid PID argument: '", text.to_bytes(), b"'"],
            Errno::RANGE,
        )
    })
}

/// Reads a number that an option or an operand is.
fn argument<N: TryFrom<i128>>(text: &CStr, what: &str) -> Result<N, Complaint> {
    numbers::worded(text, &[b"invalid ", what.as_bytes(), b" argument"].concat())
}
