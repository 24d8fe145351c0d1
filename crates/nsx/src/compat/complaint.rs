//! Failures as util-linux words them.

use crate::{exit::ExitStatus, out, text};
use rustix::io::Errno;

/// A failure that ends a program of util-linux before its work is done.
pub(super) enum Complaint {
    /// Wrong usage, which the C library's getopt_long has reported.
    Misuse,
    /// A failure that something else has reported, or that util-linux does not report.
    Silent,
    /// Lines for standard error, to be preceded by the program's name, and the exit status.
    Lines(Vec<Vec<u8>>, ExitStatus),
}

impl Complaint {
    /// Returns a complaint in the words that `parts` make up.
    pub(super) fn new<const N: usize>(parts: [&[u8]; N]) -> Self {
        Self::Lines(vec![parts.concat()], ExitStatus::COMPLAINT)
    }

    /// Returns a complaint in the words that `parts` make up, with the meaning of `errno`.
    pub(super) fn because<const N: usize>(parts: [&[u8]; N], errno: Errno) -> Self {
        let reason = text::reason(&errno);
        Self::new([&parts.concat(), b": ", reason.as_bytes()])
    }

    /// Returns a complaint about a program that could not be run.
    pub(super) fn not_run(program: &[u8], errno: Errno) -> Self {
        let status = ExitStatus::of_exec(errno);
        Self::because([b"failed to execute ", program], errno).with_status(status)
    }

    /// Returns the complaint with another exit status.
    pub(super) fn with_status(self, status: ExitStatus) -> Self {
        match self {
            Self::Lines(lines, _) => Self::Lines(lines, status),
            other => other,
        }
    }

    /// Returns the complaint with a line before it.
    pub(super) fn after(self, line: String) -> Self {
        match self {
            Self::Lines(mut lines, status) => {
                lines.insert(0, line.into_bytes());
                Self::Lines(lines, status)
            }
            other => other,
        }
    }

    /// Writes the complaint to standard error and returns the program's exit status.
    pub(super) fn report(self, program: &str) -> ExitStatus {
        match self {
            Self::Misuse => {
                out::complain(format!("Try '{program} --help' for more information.").as_bytes());
                ExitStatus::COMPLAINT
            }
            Self::Silent => ExitStatus::COMPLAINT,
            Self::Lines(lines, status) => {
                for line in lines {
                    out::complain(&[program.as_bytes(), b": ", &line].concat());
                }
                status
            }
        }
    }
}
