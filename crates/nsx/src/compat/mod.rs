//! The strict personalities: nsx as the programs of util-linux that it replaces, so that a script
//! cannot tell.
//!
//! They differ from `nsx …` at the two ends only: how options are read (by the C library's
//! getopt_long) and how failures are worded. What lies between is the same requests, plans and
//! runs. What util-linux does wrong is done right, and stands with its reason in
//! `tests/strict/known_differences.rs`.

mod lsns;
mod nsenter;
mod numbers;
mod unshare;
mod wording;

pub use lsns::{quoted, raw};
pub use nsenter::environment;

use crate::{exit::ExitStatus, out};
use nsx_core::trouble;
use rustix::io::Errno;
use std::{
    error::Error,
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
    /// Returns the one that nsx was called as, by its own name or as `nsx compat NAME`, with the
    /// arguments from its name on; none if nsx was called as nsx.
    pub(crate) fn of<'a>(arguments: &'a [&'a CStr]) -> Option<(Self, &'a [&'a CStr])> {
        let arguments = match arguments {
            [_, compat, _, ..] if *compat == c"compat" => &arguments[2..],
            _ => arguments,
        };
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
        let status = answer(self.name(), outcome);
        match trouble::first() {
            // What is printed is not all there is.
            Some(errno) if matches!(self, Self::Lsns) && status == ExitStatus::SUCCESS => answer(
                self.name(),
                Err(Complaint::because([b"failed to read all of it"], errno)),
            ),
            _ => status,
        }
    }
}

/// The request of a command line.
enum Wanted<O> {
    /// The help text.
    Help,
    /// The release.
    Version,
    /// The work that the program is for, with its options.
    Run(O),
}

impl<O> Wanted<O> {
    fn answer(
        self,
        program: &str,
        help: &str,
        run: impl FnOnce(O) -> Result<ExitStatus, Complaint>,
    ) -> Result<ExitStatus, Complaint> {
        match self {
            Self::Help => print(help),
            Self::Version => print(&format!("{program} from util-linux {RELEASE}\n")),
            Self::Run(options) => run(options),
        }
    }
}

/// Why a program of util-linux ends before its work is done.
enum Complaint {
    /// The C library has said what is wrong with an option.
    Misuse,
    /// Something else has said what is wrong.
    Said,
    /// In words, and with the kernel's where they add to them.
    Words(Vec<u8>, Option<Errno>),
    /// In words, with a status of its own.
    Ending(ExitStatus, Vec<u8>, Option<Errno>),
    /// In words about the program that was to be run.
    NotRun(Vec<u8>, Errno),
}

impl Complaint {
    /// In words that are put together from `parts`.
    fn new<const N: usize>(parts: [&[u8]; N]) -> Self {
        Self::Words(parts.concat(), None)
    }

    /// Returns a complaint in words that are put together from `parts`, with what `errno` means.
    fn because<const N: usize>(parts: [&[u8]; N], errno: Errno) -> Self {
        Self::Words(parts.concat(), Some(errno))
    }
}

/// The exit status of a program of util-linux, once what it has to complain about is on standard
/// error.
fn answer(program: &str, outcome: Result<ExitStatus, Complaint>) -> ExitStatus {
    let say = |text: &[u8], errno: Option<Errno>| {
        let separator = if errno.is_some() { ": " } else { "" };
        let reason = errno
            .map(|errno| out::reason(&errno as &dyn Error))
            .unwrap_or_default();
        out::complain(
            &[
                program.as_bytes(),
                b": ",
                text,
                separator.as_bytes(),
                reason.as_bytes(),
            ]
            .concat(),
        );
    };
    match outcome {
        Ok(status) => return status,
        Err(Complaint::Misuse) => {
            out::complain(format!("Try '{program} --help' for more information.").as_bytes());
        }
        Err(Complaint::Said) => {}
        Err(Complaint::Words(text, errno)) => say(&text, errno),
        Err(Complaint::Ending(status, text, errno)) => {
            say(&text, errno);
            return status;
        }
        Err(Complaint::NotRun(text, errno)) => {
            say(&text, Some(errno));
            return if errno == Errno::NOENT {
                ExitStatus::NOT_FOUND
            } else {
                ExitStatus::NOT_EXECUTABLE
            };
        }
    }
    ExitStatus::COMPLAINT
}

/// Writes `text` to standard output; where that is closed nobody wants it.
fn print(text: &str) -> Result<ExitStatus, Complaint> {
    match out::write(text) {
        Ok(()) | Err(Errno::BADF) => Ok(ExitStatus::SUCCESS),
        Err(errno) => Err(Complaint::because([b"write error"], errno)),
    }
}

/// A value that is a path.
fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
