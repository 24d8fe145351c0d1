//! The strict personalities: nsx as the programs of util-linux that it replaces. Scripts cannot tell
//! the difference.
//!
//! They differ from `nsx …` at the two ends only: options are read by the C library's getopt_long,
//! and failures are worded as [`Complaint`]s. Requests, plans and runs are the same. Each program
//! has the same files: `options` as typed, `request` (of lsns: `rows`), and the `wording` of
//! failures. Defects of util-linux are not repeated; each one stands with its reason in
//! `tests/strict/known_differences.rs`.

mod complaint;
mod lsns;
mod nsenter;
mod numbers;
mod unshare;
mod wording;

pub use lsns::{quoted, raw};
pub use nsenter::environment;

use crate::{exit::ExitStatus, out};
use complaint::Complaint;
use nsx_core::{
    ns::NsKind,
    run::{Ended, Failure, RunError},
};
use rustix::io::Errno;
use std::{
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// The release of util-linux that the personalities follow.
const RELEASE: &str = "2.42.2";

/// A program of util-linux.
#[derive(Clone, Copy)]
pub(crate) enum Personality {
    Lsns,
    Nsenter,
    Unshare,
}

impl Personality {
    /// Returns the program that nsx was called as, by its own name or as `nsx compat NAME`, with the
    /// arguments from its name on; `None` if nsx was called as nsx.
    pub(crate) fn of<'a>(arguments: &'a [&'a CStr]) -> Option<(Self, &'a [&'a CStr])> {
        Self::called(match arguments {
            [_, compat, rest @ ..] if *compat == c"compat" && !rest.is_empty() => rest,
            _ => arguments,
        })
    }

    /// Returns the program that nsx-compat was called as, by its own name or as `nsx-compat NAME`,
    /// with the arguments from its name on.
    pub(crate) fn named<'a>(arguments: &'a [&'a CStr]) -> Option<(Self, &'a [&'a CStr])> {
        Self::called(arguments).or_else(|| Self::called(arguments.get(1..)?))
    }

    fn called<'a>(arguments: &'a [&'a CStr]) -> Option<(Self, &'a [&'a CStr])> {
        let called = arguments.first()?.to_bytes();
        let personality = match called.rsplit(|byte| *byte == b'/').next()? {
            b"lsns" => Self::Lsns,
            b"nsenter" => Self::Nsenter,
            b"unshare" => Self::Unshare,
            _ => return None,
        };
        Some((personality, arguments))
    }

    /// The program's name, with which its messages begin.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lsns => "lsns",
            Self::Nsenter => "nsenter",
            Self::Unshare => "unshare",
        }
    }

    /// Runs the program.
    pub(crate) fn run(self, arguments: &[&CStr]) -> ExitStatus {
        let outcome = match self {
            Self::Lsns => lsns::run(arguments),
            Self::Nsenter => nsenter::run(arguments),
            Self::Unshare => unshare::run(arguments),
        };
        outcome.unwrap_or_else(|complaint| complaint.report(self.name()))
    }
}

/// A command line as read.
enum CommandLine<O> {
    /// The option that requests the help text.
    Help,
    /// The option that requests the release.
    Version,
    /// The options of the program's own work.
    Options(O),
}

impl<O> CommandLine<O> {
    /// Prints the help text or the release, or runs the program's own work.
    fn answer(
        self,
        personality: Personality,
        help: &str,
        run: impl FnOnce(O) -> Result<ExitStatus, Complaint>,
    ) -> Result<ExitStatus, Complaint> {
        let program = personality.name();
        match self {
            Self::Help => print(help),
            Self::Version => print(&format!("{program} from util-linux {RELEASE}\n")),
            Self::Options(options) => run(options),
        }
    }
}

/// Writes `text` to standard output. A closed standard output is not a failure.
fn print(text: &str) -> Result<ExitStatus, Complaint> {
    match out::write(text) {
        Ok(()) | Err(Errno::BADF) => Ok(ExitStatus::SUCCESS),
        Err(errno) => Err(Complaint::because([b"write error"], errno)),
    }
}

/// Returns the exit status of a program that was run; `word` words the failure of a step.
fn status_of(
    outcome: Result<Ended, RunError>,
    word: fn(&Failure) -> Complaint,
) -> Result<ExitStatus, Complaint> {
    match outcome {
        Ok(Ended::Exited(code)) => Ok(ExitStatus::Code(code)),
        Ok(Ended::Killed(signal)) => Ok(ExitStatus::Signal(signal)),
        Err(RunError::Step(failure)) => Err(word(&failure)),
        Err(error) => Err(Complaint::new([error.to_string().as_bytes()])),
    }
}

/// The order in which nsenter enters namespaces and unshare binds them to files.
const ORDER: [NsKind; 8] = [
    NsKind::User,
    NsKind::Cgroup,
    NsKind::Ipc,
    NsKind::Uts,
    NsKind::Net,
    NsKind::Pid,
    NsKind::Mnt,
    NsKind::Time,
];

/// Returns the kind of namespace that an option of nsenter and unshare names.
fn kind(letter: u8) -> Option<NsKind> {
    match letter {
        b'm' => Some(NsKind::Mnt),
        b'u' => Some(NsKind::Uts),
        b'i' => Some(NsKind::Ipc),
        b'n' => Some(NsKind::Net),
        b'p' => Some(NsKind::Pid),
        b'U' => Some(NsKind::User),
        b'C' => Some(NsKind::Cgroup),
        b'T' => Some(NsKind::Time),
        _ => None,
    }
}

/// Returns the path that a value names.
fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
