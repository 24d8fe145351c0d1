//! The options of `unshare(1)`, as typed: read in their order, each refused as soon as it is wrong.

use super::super::{CommandLine, Complaint, kind, numbers, path};
use nsx_core::{
    idmap::{RangeRequest, Setgroups},
    ns::NsKind,
    plan::Propagation,
    signal::{self, Signal},
};
use nsx_getopt::{LongOption, Misuse, Value};
use std::{
    ffi::{CStr, CString, c_int},
    path::Path,
};

const SHORT: &CStr = c"+fhVmuinpCTUrR:w:S:G:cl:";

/// The values that stand for long options without a letter.
mod long {
    use std::ffi::c_int;

    pub(super) const MOUNT_PROC: c_int = 256;
    pub(super) const MOUNT_BINFMT: c_int = 257;
    pub(super) const PROPAGATION: c_int = 258;
    pub(super) const MAP_USER: c_int = 259;
    pub(super) const MAP_GROUP: c_int = 260;
    pub(super) const MAP_USERS: c_int = 261;
    pub(super) const MAP_GROUPS: c_int = 262;
    pub(super) const MAP_AUTO: c_int = 263;
    pub(super) const MAP_SUBIDS: c_int = 264;
    pub(super) const OWNER: c_int = 265;
    pub(super) const SETGROUPS: c_int = 266;
    pub(super) const KEEP_CAPS: c_int = 267;
    pub(super) const KILL_CHILD: c_int = 268;
    pub(super) const FORWARD_SIGNALS: c_int = 269;
    pub(super) const MONOTONIC: c_int = 270;
    pub(super) const BOOTTIME: c_int = 271;
    pub(super) const CLEAR_ENV: c_int = 272;
    pub(super) const WHITELIST_ENV: c_int = 273;
}

/// The order is that in which the C library lists the options that a prefix may mean.
const LONG: &[LongOption] = &[
    LongOption(c"help", Value::None, b'h' as c_int),
    LongOption(c"version", Value::None, b'V' as c_int),
    LongOption(c"mount", Value::Optional, b'm' as c_int),
    LongOption(c"uts", Value::Optional, b'u' as c_int),
    LongOption(c"ipc", Value::Optional, b'i' as c_int),
    LongOption(c"net", Value::Optional, b'n' as c_int),
    LongOption(c"pid", Value::Optional, b'p' as c_int),
    LongOption(c"user", Value::Optional, b'U' as c_int),
    LongOption(c"cgroup", Value::Optional, b'C' as c_int),
    LongOption(c"time", Value::Optional, b'T' as c_int),
    LongOption(c"fork", Value::None, b'f' as c_int),
    LongOption(c"forward-signals", Value::None, long::FORWARD_SIGNALS),
    LongOption(c"kill-child", Value::Optional, long::KILL_CHILD),
    LongOption(c"mount-proc", Value::Optional, long::MOUNT_PROC),
    LongOption(c"mount-binfmt", Value::Optional, long::MOUNT_BINFMT),
    LongOption(c"load-interp", Value::Required, b'l' as c_int),
    LongOption(c"map-user", Value::Required, long::MAP_USER),
    LongOption(c"map-users", Value::Required, long::MAP_USERS),
    LongOption(c"map-group", Value::Required, long::MAP_GROUP),
    LongOption(c"map-groups", Value::Required, long::MAP_GROUPS),
    LongOption(c"map-root-user", Value::None, b'r' as c_int),
    LongOption(c"map-current-user", Value::None, b'c' as c_int),
    LongOption(c"map-auto", Value::None, long::MAP_AUTO),
    LongOption(c"map-subids", Value::None, long::MAP_SUBIDS),
    LongOption(c"owner", Value::Required, long::OWNER),
    LongOption(c"propagation", Value::Required, long::PROPAGATION),
    LongOption(c"setgroups", Value::Required, long::SETGROUPS),
    LongOption(c"keep-caps", Value::None, long::KEEP_CAPS),
    LongOption(c"setuid", Value::Required, b'S' as c_int),
    LongOption(c"setgid", Value::Required, b'G' as c_int),
    LongOption(c"root", Value::Required, b'R' as c_int),
    LongOption(c"wd", Value::Required, b'w' as c_int),
    LongOption(c"monotonic", Value::Required, long::MONOTONIC),
    LongOption(c"boottime", Value::Required, long::BOOTTIME),
    LongOption(c"clear-env", Value::None, long::CLEAR_ENV),
    LongOption(c"whitelist-env", Value::Required, long::WHITELIST_ENV),
];

/// The options, as typed.
#[derive(Default)]
pub(super) struct Options<'a> {
    /// Kinds of new namespaces and the files to bind them to.
    pub(super) kinds: Vec<(NsKind, Option<&'a Path>)>,
    pub(super) fork: bool,
    pub(super) forward_signals: bool,
    pub(super) kill_child: Option<Signal>,
    pub(super) mount_proc: Option<&'a Path>,
    pub(super) mount_binfmt: Option<&'a Path>,
    pub(super) interpreter: Option<CString>,
    pub(super) propagation: Propagation,
    pub(super) root: Option<&'a Path>,
    pub(super) directory: Option<&'a Path>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) users: Map,
    pub(super) groups: Map,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) setgroups: Option<Setgroups>,
    pub(super) keep_caps: bool,
    pub(super) monotonic: Option<i64>,
    pub(super) boottime: Option<i64>,
    pub(super) environment: Environment<'a>,
    pub(super) program: Vec<&'a CStr>,
}

/// The request for one of the two id maps.
#[derive(Default)]
pub(super) struct Map {
    pub(super) single: Option<Single>,
    pub(super) ranges: Vec<RangeRequest>,
}

/// The id inside that the caller's own id is mapped to.
#[derive(Clone, Copy)]
pub(super) enum Single {
    /// This one.
    Id(u32),
    /// The caller's own id, as it is outside.
    Same,
}

/// The environment that the program gets.
#[derive(Default)]
pub(super) enum Environment<'a> {
    #[default]
    Keep,
    /// Only these variables are kept.
    Clear(Vec<&'a [u8]>),
}

/// Reads a command line up to the program's name.
pub(super) fn read<'a>(arguments: &[&'a CStr]) -> Result<CommandLine<Box<Options<'a>>>, Complaint> {
    let mut found = nsx_getopt::Options::new(arguments, SHORT, LONG);
    let mut options = Options::default();
    for option in &mut found {
        let (option, value) = option.map_err(|Misuse| Complaint::Misuse)?;
        match u8::try_from(option) {
            Ok(b'h') => return Ok(CommandLine::Help),
            Ok(b'V') => return Ok(CommandLine::Version),
            Ok(letter) => options.take_letter(letter, value)?,
            Err(_) => options.take_long(option, value)?,
        }
    }
    options.program = found.operands();
    options.check()?;
    Ok(CommandLine::Options(Box::new(options)))
}

impl<'a> Options<'a> {
    fn take_letter(&mut self, letter: u8, value: Option<&'a CStr>) -> Result<(), Complaint> {
        let text = value.unwrap_or_default();
        match letter {
            b'f' => self.fork = true,
            b'r' => self.map_both(Single::Id(0)),
            b'c' => self.map_both(Single::Same),
            b'R' => self.root = Some(path(text)),
            b'w' => self.directory = Some(path(text)),
            b'S' => self.uid = Some(numbers::read(text, "uid")?),
            b'G' => self.gid = Some(numbers::read(text, "gid")?),
            b'l' => {
                self.interpreter = Some(text.to_owned());
                if self.mount_binfmt.is_none() {
                    self.mount_own_binfmt();
                }
            }
            _ => match kind(letter) {
                Some(kind) => self.kinds.push((kind, value.map(path))),
                None => return Err(Complaint::Misuse),
            },
        }
        Ok(())
    }

    fn take_long(&mut self, option: c_int, value: Option<&'a CStr>) -> Result<(), Complaint> {
        let text = value.unwrap_or_default();
        match option {
            long::FORWARD_SIGNALS => self.forward_signals = true,
            long::KILL_CHILD => self.kill_child = Some(value.map_or(Ok(libc::SIGKILL), signal)?),
            long::MOUNT_PROC => self.mount_proc = Some(value.map_or(Path::new("/proc"), path)),
            long::MOUNT_BINFMT => match value {
                Some(at) => self.mount_binfmt = Some(path(at)),
                None => self.mount_own_binfmt(),
            },
            long::PROPAGATION => self.propagation = propagation(text.to_bytes())?,
            long::MAP_USER => self.users.single = Some(Single::Id(numbers::user(text)?)),
            long::MAP_GROUP => self.groups.single = Some(Single::Id(numbers::group(text)?)),
            long::MAP_USERS => self.users.ranges.push(range(text.to_bytes())?),
            long::MAP_GROUPS => self.groups.ranges.push(range(text.to_bytes())?),
            long::MAP_AUTO => self.range_both(RangeRequest::Auto),
            long::MAP_SUBIDS => self.range_both(RangeRequest::Subids),
            long::OWNER => self.owner = Some(numbers::owner(text)?),
            long::SETGROUPS => self.setgroups = Some(setgroups(text.to_bytes())?),
            long::KEEP_CAPS => self.keep_caps = true,
            long::MONOTONIC => self.monotonic = Some(numbers::read(text, "monotonic offset")?),
            long::BOOTTIME => self.boottime = Some(numbers::read(text, "boottime offset")?),
            long::CLEAR_ENV => self.environment.keep_only([]),
            long::WHITELIST_ENV => self
                .environment
                .keep_only(text.to_bytes().split(|byte| *byte == b',')),
            _ => return Err(Complaint::Misuse),
        }
        Ok(())
    }

    /// Requests a binfmt_misc in the procfs, which must then be one of the new namespaces, too.
    fn mount_own_binfmt(&mut self) {
        self.mount_binfmt = Some(Path::new(BINFMT));
        self.mount_proc.get_or_insert(Path::new("/proc"));
    }

    fn map_both(&mut self, single: Single) {
        (self.users.single, self.groups.single) = (Some(single), Some(single));
    }

    fn range_both(&mut self, range: RangeRequest) {
        self.users.ranges.push(range);
        self.groups.ranges.push(range);
    }

    /// Returns whether the group map consists of ranges, even of one id. A process with privilege
    /// writes that map, so setgroups need not be denied. With an owner, the same is true of single
    /// ids.
    pub(super) fn maps_ranges_of_groups(&self) -> bool {
        !self.groups.ranges.is_empty() || (self.owner.is_some() && self.groups.single.is_some())
    }

    /// Returns whether the kind is requested by its own option.
    fn names(&self, kind: NsKind) -> bool {
        self.kinds.iter().any(|(named, _)| *named == kind)
    }

    /// Checks the two rules between options.
    fn check(&self) -> Result<(), Complaint> {
        if (self.monotonic.is_some() || self.boottime.is_some()) && !self.names(NsKind::Time) {
            let text =
                b"options --monotonic and --boottime require unsharing of a time namespace (-T)";
            return Err(Complaint::new([text]));
        }
        if self.setgroups == Some(Setgroups::Allow)
            && self.groups.single.is_some()
            && !self.maps_ranges_of_groups()
        {
            return Err(Complaint::new([
                b"options --setgroups=allow and --map-group are mutually exclusive",
            ]));
        }
        Ok(())
    }
}

impl<'a> Environment<'a> {
    fn keep_only(&mut self, names: impl IntoIterator<Item = &'a [u8]>) {
        let before = std::mem::replace(self, Self::Keep);
        let mut kept = if let Self::Clear(kept) = before {
            kept
        } else {
            Vec::new()
        };
        kept.extend(names);
        *self = Self::Clear(kept);
    }
}

/// The mount point of binfmt_misc unless another one is named.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

fn signal(text: &CStr) -> Result<Signal, Complaint> {
    let name = text.to_str().ok().and_then(signal::by_name);
    name.ok_or_else(|| Complaint::new([b"unknown signal: ", text.to_bytes()]))
}

fn propagation(word: &[u8]) -> Result<Propagation, Complaint> {
    let all = [
        Propagation::Private,
        Propagation::Shared,
        Propagation::Slave,
        Propagation::Unchanged,
    ];
    let found = all
        .into_iter()
        .find(|propagation| propagation.word().as_bytes() == word);
    found.ok_or_else(|| Complaint::new([b"unsupported propagation mode: ", word]))
}

fn setgroups(word: &[u8]) -> Result<Setgroups, Complaint> {
    let found = [Setgroups::Allow, Setgroups::Deny]
        .into_iter()
        .find(|rule| rule.word().as_bytes() == word);
    found.ok_or_else(|| Complaint::new([b"unsupported --setgroups argument '", word, b"'"]))
}

fn range(text: &[u8]) -> Result<RangeRequest, Complaint> {
    RangeRequest::parse(text).map_err(|_| Complaint::new([b"invalid mapping '", text, b"'"]))
}
