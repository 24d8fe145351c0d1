//! The ids to translate: operands, and numbers on standard input.

use crate::{
    error::Error,
    out::Output,
    target,
    text::{self, escape},
};
use nsx_core::pid::{self, Pid, PinError, Process};
use nsx_target::Target;
use rustix::io::Errno;
use std::{error::Error as StdError, ffi::OsStr, os::unix::ffi::OsStrExt, vec};

/// The operand that stands for the numbers on standard input.
pub(super) const STANDARD_INPUT: &[u8] = b"-";

/// The number of bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// The number of bytes of a word that a message shows.
const SHOWN: usize = 80;

/// An operand of the command line.
#[derive(Debug)]
pub(super) enum Operand {
    /// A process by its id.
    Id(Id),
    /// The first process of a container.
    Container(Target),
    /// The ids on standard input.
    StandardInput,
}

/// The id of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id {
    /// The id in the PID namespace of `--from`, or else in the caller's.
    pub(super) pid: Pid,
    /// The inode that the pidfd of the process must have.
    pub(super) inode: Option<u64>,
}

impl Operand {
    /// Reads an operand, which is a bare number with `--from`.
    pub(super) fn parse(word: &OsStr, is_from: bool) -> Result<Self, Error> {
        let bytes = word.as_bytes();
        if bytes == STANDARD_INPUT {
            return Ok(Self::StandardInput);
        }
        let wrong = |error: &dyn StdError| Error::Usage(format!("{}: {error}", text::shown(word)));
        if is_from {
            let pid = pid::parse(bytes).map_err(|error| wrong(&error))?;
            return Ok(Self::Id(Id { pid, inode: None }));
        }
        match Target::parse(bytes).map_err(|error| wrong(&error))? {
            Target::Process { pid, inode } => Ok(Self::Id(Id { pid, inode })),
            container @ (Target::Container { .. } | Target::Pod(_) | Target::Name(_)) => {
                Ok(Self::Container(container))
            }
            _ => Err(Error::Usage(format!(
                "{}: a namespace is listed by itself",
                text::shown(word)
            ))),
        }
    }
}

impl Id {
    /// Finds the first process of a container.
    fn of_container(container: &Target) -> Result<Self, Error> {
        let process = target::find(container)?.process;
        Ok(Self {
            pid: process.pid(),
            inode: process.inode().ok(),
        })
    }

    /// Pins the process that has the id in the caller's PID namespace.
    pub(super) fn hold(self) -> Result<Process, PinError> {
        let process = Process::hold(self.pid)?;
        match self.inode {
            Some(wanted) => match process.inode().map_err(PinError::Os)? {
                inode if inode == wanted => Ok(process),
                other => Err(PinError::Reused(other)),
            },
            None => Ok(process),
        }
    }
}

/// The ids, in batches of those that are there at once.
pub(super) struct Batches<'a> {
    operands: vec::IntoIter<Source>,
    output: &'a Output,
    /// The text of standard input that no batch has contained yet; `None` while it is not read.
    text: Option<Vec<u8>>,
    /// `false` after a word of standard input that is not an id.
    pub(super) all_valid: bool,
}

/// An operand that was found.
enum Source {
    Id(Id),
    StandardInput,
}

impl<'a> Batches<'a> {
    /// Finds the containers among the operands.
    pub(super) fn of(operands: &[Operand], output: &'a Output) -> Result<Self, Error> {
        let find = |operand: &Operand| match operand {
            Operand::Id(id) => Ok(Source::Id(*id)),
            Operand::Container(container) => Id::of_container(container).map(Source::Id),
            Operand::StandardInput => Ok(Source::StandardInput),
        };
        let sources: Vec<_> = operands.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self {
            operands: sources.into_iter(),
            output,
            text: None,
            all_valid: true,
        })
    }

    /// Returns the next batch, which may be empty; `None` after the last one.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<Id>>, Error> {
        if self.text.is_some() {
            return self.read().map(Some);
        }
        let mut ids = Vec::new();
        for source in self.operands.by_ref() {
            match source {
                Source::Id(id) => ids.push(id),
                Source::StandardInput => {
                    self.text = Some(Vec::new());
                    return Ok(Some(ids));
                }
            }
        }
        Ok((!ids.is_empty()).then_some(ids))
    }

    /// Returns the numbers that standard input has next, with blanks or line feeds between them.
    /// Words that are not numbers are reported.
    fn read(&mut self) -> Result<Vec<Id>, Error> {
        let mut text = self.text.take().unwrap_or_default();
        let is_more = read_more(&mut text)?;
        // The last word may go on in the next piece.
        let complete = match text.iter().rposition(u8::is_ascii_whitespace) {
            _ if !is_more => text.len(),
            Some(last) => last + 1,
            None => 0,
        };
        let mut ids = Vec::new();
        for word in text[..complete].split(u8::is_ascii_whitespace) {
            if word.is_empty() {
                continue;
            }
            match pid::parse(word) {
                Ok(pid) => ids.push(Id { pid, inode: None }),
                Err(error) => {
                    let shown = escape(&word[..word.len().min(SHOWN)]);
                    self.output
                        .report(&Error::Usage(format!("{shown}: {error}")));
                    self.all_valid = false;
                }
            }
        }
        if is_more {
            text.drain(..complete);
            self.text = Some(text);
        }
        Ok(ids)
    }
}

/// Appends what standard input has next to `text`; returns `false` at its end.
pub(super) fn read_more(text: &mut Vec<u8>) -> Result<bool, Error> {
    loop {
        text.reserve(CHUNK);
        match rustix::io::read(rustix::stdio::stdin(), rustix::buffer::spare_capacity(text)) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::failed("read standard input", errno)),
        }
    }
}
