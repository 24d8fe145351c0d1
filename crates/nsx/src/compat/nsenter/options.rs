//! The options of `nsenter(1)`, as typed: read in their order, each refused as soon as it is wrong.
//! Files and directories that they name are opened at once, in the caller's view.

use super::{
    super::{CommandLine, Complaint, kind, numbers, path},
    source::Source,
    wording::cannot_open,
};
use nsx_core::ns::{Namespace, NsKind, NsSet};
use nsx_getopt::{LongOption, Misuse, Value};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags},
};
use std::{
    ffi::{CStr, c_int},
    path::{Path, PathBuf},
};

const SHORT: &CStr = c"+ahVt:m::u::i::n::N:p::C::U::T::S:G:r::w::W::ecFZ";

/// The values that stand for long options without a letter.
mod long {
    use std::ffi::c_int;

    pub(super) const USER_PARENT: c_int = 256;
    pub(super) const PRESERVE_CREDENTIALS: c_int = 257;
    pub(super) const KEEP_CAPS: c_int = 258;
}

/// The order is that in which the C library lists the options that a prefix may mean.
const LONG: &[LongOption] = &[
    LongOption(c"all", Value::None, b'a' as c_int),
    LongOption(c"help", Value::None, b'h' as c_int),
    LongOption(c"version", Value::None, b'V' as c_int),
    LongOption(c"target", Value::Required, b't' as c_int),
    LongOption(c"mount", Value::Optional, b'm' as c_int),
    LongOption(c"uts", Value::Optional, b'u' as c_int),
    LongOption(c"ipc", Value::Optional, b'i' as c_int),
    LongOption(c"net", Value::Optional, b'n' as c_int),
    LongOption(c"net-socket", Value::Required, b'N' as c_int),
    LongOption(c"pid", Value::Optional, b'p' as c_int),
    LongOption(c"user", Value::Optional, b'U' as c_int),
    LongOption(c"user-parent", Value::None, long::USER_PARENT),
    LongOption(c"cgroup", Value::Optional, b'C' as c_int),
    LongOption(c"time", Value::Optional, b'T' as c_int),
    LongOption(c"setuid", Value::Required, b'S' as c_int),
    LongOption(c"setgid", Value::Required, b'G' as c_int),
    LongOption(c"root", Value::Optional, b'r' as c_int),
    LongOption(c"wd", Value::Optional, b'w' as c_int),
    LongOption(c"wdns", Value::Optional, b'W' as c_int),
    LongOption(c"env", Value::None, b'e' as c_int),
    LongOption(c"no-fork", Value::None, b'F' as c_int),
    LongOption(c"join-cgroup", Value::None, b'c' as c_int),
    LongOption(
        c"preserve-credentials",
        Value::None,
        long::PRESERVE_CREDENTIALS,
    ),
    LongOption(c"keep-caps", Value::None, long::KEEP_CAPS),
    LongOption(c"follow-context", Value::None, b'Z' as c_int),
];

/// The options, as typed, with open files.
#[derive(Default)]
pub(super) struct Options<'a> {
    pub(super) all: bool,
    pub(super) target: Option<Source>,
    /// The kinds to enter, with or without a file.
    pub(super) kinds: NsSet,
    /// The last file of each kind.
    pub(super) files: Vec<File<'a>>,
    /// A descriptor of the target that is a socket of the network namespace.
    pub(super) net_socket: Option<i32>,
    pub(super) user_parent: bool,
    pub(super) uid: Option<Id>,
    pub(super) gid: Option<Id>,
    pub(super) preserve_credentials: bool,
    pub(super) keep_caps: bool,
    pub(super) root: Option<DirectoryOption<'a>>,
    pub(super) directory: Option<DirectoryOption<'a>>,
    pub(super) environment: bool,
    pub(super) join_cgroup: bool,
    pub(super) no_fork: bool,
    pub(super) follow_context: bool,
    pub(super) program: Vec<&'a CStr>,
}

/// A file that is to hold a namespace.
pub(super) struct File<'a> {
    pub(super) kind: NsKind,
    pub(super) path: &'a Path,
    /// The namespace that the file holds; `None` if the file does not hold a namespace of the kind.
    pub(super) ns: Option<Namespace>,
}

/// A user or a group.
#[derive(Clone, Copy)]
pub(super) enum Id {
    Number(u32),
    /// The target's.
    Follow,
}

/// A directory to change to.
pub(super) enum DirectoryOption<'a> {
    /// The target's own.
    Its,
    /// A directory that the caller sees.
    Opened(PathBuf, OwnedFd),
    /// A path that is looked up inside.
    Inside(&'a Path),
}

/// Reads a command line up to the program's name.
pub(super) fn read<'a>(arguments: &[&'a CStr]) -> Result<CommandLine<Box<Options<'a>>>, Complaint> {
    let mut found = nsx_getopt::Options::new(arguments, SHORT, LONG);
    let mut options = Options::default();
    let mut directory_by = None;
    for option in &mut found {
        let (option, value) = option.map_err(|Misuse| Complaint::Misuse)?;
        let letter = u8::try_from(option).ok();
        match letter {
            Some(b'h') => return Ok(CommandLine::Help),
            Some(b'V') => return Ok(CommandLine::Version),
            Some(b'w') if directory_by.replace(b'w') == Some(b'W') => {
                return Err(Complaint::new([
                    b"options --wdns and --wd cannot be combined",
                ]));
            }
            Some(b'W') if directory_by.replace(b'W') == Some(b'w') => {
                return Err(Complaint::new([
                    b"options --wd and --wdns cannot be combined",
                ]));
            }
            Some(letter) => options.take_letter(letter, value)?,
            None => options.take_long(option)?,
        }
    }
    options.program = found.operands();
    Ok(CommandLine::Options(Box::new(options)))
}

impl<'a> Options<'a> {
    /// Returns the part of the target that is required first, by the name of its file in /proc.
    pub(super) fn of_target(&self) -> Option<&'static str> {
        let its = |directory: &Option<DirectoryOption<'_>>| {
            matches!(directory, Some(DirectoryOption::Its))
        };
        let follows = |id: Option<Id>| matches!(id, Some(Id::Follow));
        let wanted = [
            (its(&self.root), "root"),
            (its(&self.directory), "cwd"),
            (self.environment, "environ"),
            // The directory itself.
            (follows(self.uid) || follows(self.gid), ""),
            (self.join_cgroup, "cgroup"),
        ];
        wanted
            .into_iter()
            .find_map(|(is_wanted, name)| is_wanted.then_some(name))
    }

    fn take_letter(&mut self, letter: u8, value: Option<&'a CStr>) -> Result<(), Complaint> {
        let text = value.unwrap_or_default();
        match letter {
            b'a' => self.all = true,
            b't' => self.take_target(text)?,
            b'N' => self.net_socket = Some(numbers::descriptor(text)?),
            b'S' => self.uid = Some(id(text, "uid")?),
            b'G' => self.gid = Some(id(text, "gid")?),
            b'r' => self.root = Some(directory(value)?),
            b'w' => self.directory = Some(directory(value)?),
            b'W' => {
                self.directory = Some(value.map_or(DirectoryOption::Its, |text| {
                    DirectoryOption::Inside(path(attached(text)))
                }))
            }
            b'e' => self.environment = true,
            b'c' => self.join_cgroup = true,
            b'F' => self.no_fork = true,
            b'Z' => self.follow_context = true,
            _ => match kind(letter) {
                Some(kind) => self.take_kind(kind, value)?,
                None => return Err(Complaint::Misuse),
            },
        }
        Ok(())
    }

    fn take_long(&mut self, option: c_int) -> Result<(), Complaint> {
        match option {
            long::USER_PARENT => self.user_parent = true,
            long::PRESERVE_CREDENTIALS => self.preserve_credentials = true,
            long::KEEP_CAPS => self.keep_caps = true,
            _ => return Err(Complaint::Misuse),
        }
        Ok(())
    }

    fn take_target(&mut self, text: &CStr) -> Result<(), Complaint> {
        if self.target.is_some() {
            return Err(Complaint::new([b"option --target may be given only once"]));
        }
        let (pid, inode) = numbers::process(text)?;
        self.target = Some(Source::new(pid, inode)?);
        Ok(())
    }

    fn take_kind(&mut self, kind: NsKind, value: Option<&'a CStr>) -> Result<(), Complaint> {
        self.kinds.insert(kind);
        if let Some(text) = value {
            let text = attached(text);
            let ns = namespace(text)?.filter(|ns| ns.id().kind == kind);
            self.files.retain(|file| file.kind != kind);
            self.files.push(File {
                kind,
                path: path(text),
                ns,
            });
        }
        Ok(())
    }
}

/// Returns a value without the `=` that may precede it after a letter.
fn attached(text: &CStr) -> &CStr {
    let bytes = text.to_bytes_with_nul();
    let rest = bytes.strip_prefix(b"=").unwrap_or(bytes);
    CStr::from_bytes_with_nul(rest).unwrap_or_default()
}

/// Opens the namespace of a file, or of the id after a colon; `None` if a file does not hold a
/// namespace.
fn namespace(text: &CStr) -> Result<Option<Namespace>, Complaint> {
    let Some(id) = text.to_bytes().strip_prefix(b":") else {
        // These flags keep a FIFO from blocking and a terminal from becoming the controlling one.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, text, flags, Mode::empty());
        return Ok(Namespace::from_fd(file.map_err(cannot_open(text.to_bytes()))?).ok());
    };
    let id = numbers::namespace(id)?;
    let failed = |errno| {
        Complaint::because(
            [format!("cannot open namespace of id {id}").as_bytes()],
            errno,
        )
    };
    Namespace::open_by_id(id, None).map(Some).map_err(failed)
}

fn id(text: &CStr, what: &str) -> Result<Id, Complaint> {
    if text == c"follow" {
        Ok(Id::Follow)
    } else {
        numbers::read(text, what).map(Id::Number)
    }
}

/// Opens a directory, which need not be readable.
fn directory<'a>(value: Option<&CStr>) -> Result<DirectoryOption<'a>, Complaint> {
    let Some(text) = value.map(attached) else {
        return Ok(DirectoryOption::Its);
    };
    let opened = rustix::fs::openat(CWD, text, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    Ok(DirectoryOption::Opened(
        path(text).to_owned(),
        opened.map_err(cannot_open(text.to_bytes()))?,
    ))
}
