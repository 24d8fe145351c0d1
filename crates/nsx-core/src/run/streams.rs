//! The standard streams of a program that is spawned, as in `std::process`.

use crate::trouble;
use rustix::{fd::OwnedFd, fs::CWD, fs::Mode, fs::OFlags, io::Errno};
use std::{
    fs::File,
    io::{PipeReader, PipeWriter},
};

/// A standard stream of the program.
#[derive(Debug, Default)]
pub enum Stream {
    /// The caller's.
    #[default]
    Inherit,
    /// `/dev/null`.
    Null,
    /// A pipe, of which the caller has the other end in its [`Child`](super::Child).
    Piped,
    /// An open file.
    File(OwnedFd),
}

impl From<OwnedFd> for Stream {
    fn from(file: OwnedFd) -> Self {
        Self::File(file)
    }
}

impl From<File> for Stream {
    fn from(file: File) -> Self {
        Self::File(file.into())
    }
}

/// The three standard streams of the program: the caller's by default.
#[derive(Debug, Default)]
pub struct Streams {
    /// Standard input.
    pub stdin: Stream,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
}

/// The program's ends of its streams, in the order of their numbers; none for one that is
/// inherited.
pub(super) struct ProgramEnds([Option<OwnedFd>; 3]);

/// The caller's ends of the streams that are pipes.
pub(super) struct CallerEnds {
    pub(super) stdin: Option<PipeWriter>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

impl Streams {
    /// Opens what the streams require.
    pub(super) fn open(self) -> Result<(ProgramEnds, CallerEnds), Errno> {
        let (input, stdin) = match self.stdin {
            Stream::Piped => {
                let (reader, writer) = pipe()?;
                (Some(reader.into()), Some(writer))
            }
            other => (other.opened(OFlags::RDONLY)?, None),
        };
        let (output, stdout) = self.stdout.open_output()?;
        let (errors, stderr) = self.stderr.open_output()?;
        let callers = CallerEnds {
            stdin,
            stdout,
            stderr,
        };
        Ok((ProgramEnds([input, output, errors]), callers))
    }
}

impl Stream {
    fn open_output(self) -> Result<(Option<OwnedFd>, Option<PipeReader>), Errno> {
        match self {
            Self::Piped => {
                let (reader, writer) = pipe()?;
                Ok((Some(writer.into()), Some(reader)))
            }
            other => Ok((other.opened(OFlags::WRONLY)?, None)),
        }
    }

    fn opened(self, access: OFlags) -> Result<Option<OwnedFd>, Errno> {
        match self {
            Self::Null => {
                let flags = access | OFlags::CLOEXEC;
                rustix::fs::openat(CWD, "/dev/null", flags, Mode::empty()).map(Some)
            }
            Self::File(file) => Ok(Some(file)),
            Self::Inherit | Self::Piped => Ok(None),
        }
    }
}

fn pipe() -> Result<(PipeReader, PipeWriter), Errno> {
    std::io::pipe().map_err(|error| trouble::errno_of(&error))
}

impl ProgramEnds {
    /// Makes these the standard streams of this process.
    pub(super) fn install(self) -> Result<(), Errno> {
        // A file may itself have a number below 3, which is to be another stream's.
        let mut copies = [None, None, None];
        for (copy, end) in copies.iter_mut().zip(&self.0) {
            *copy = end
                .as_ref()
                .map(|end| rustix::io::fcntl_dupfd_cloexec(end, 3))
                .transpose()?;
        }
        let [input, output, errors] = copies;
        input.map_or(Ok(()), rustix::stdio::dup2_stdin)?;
        output.map_or(Ok(()), rustix::stdio::dup2_stdout)?;
        errors.map_or(Ok(()), rustix::stdio::dup2_stderr)
    }
}
