//! Standard output and standard error: no other module writes to them.

pub use crate::text::{chain, reason, shown};
use crate::{
    answer::{self, Answer, Part},
    error::Error,
    exit::ExitStatus,
    style::{Color, Styles},
    text::escape,
};
use nsx_core::descriptor;
use rustix::{event::PollFlags, fd::AsFd, io::Errno};
use std::{
    error::Error as StdError,
    io::{self, Write},
};

/// Returns the columns of the terminal that standard output is; `None` if it is not a terminal.
pub fn width() -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(io::stdout()).ok()?.ws_col;
    (columns > 0).then_some(columns.into())
}

/// Renders answers, and writes those that are written as they come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    pub(crate) color: Color,
    /// Drops notes.
    pub(crate) quiet: bool,
}

impl Output {
    /// Prints an answer and returns the exit status that it means.
    pub(crate) fn print(&self, answer: Answer) -> Result<ExitStatus, Error> {
        for error in &answer.errors {
            self.report(error);
        }
        let styles = Styles::stdout(self.color);
        let mut text = String::new();
        for part in answer.parts {
            let part = match part {
                Part::Table(table) => table.render(&styles, width()),
                Part::Text(text) => text,
            };
            // Most answers have one part, which may be large.
            if text.is_empty() {
                text = part;
            } else {
                text += &part;
            }
        }
        self.write(text.as_bytes())?;
        if !self.quiet {
            for line in &answer.notes {
                note(&escape(line.as_bytes()));
            }
        }
        Ok(if answer.found {
            ExitStatus::SUCCESS
        } else {
            ExitStatus::NO_MATCH
        })
    }

    /// Writes a piece of an answer that is written as it comes. Returns `false` if standard output
    /// is a pipe that has lost its reader, which may stop reading at any time.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<bool, Error> {
        match write_all(rustix::stdio::stdout(), bytes) {
            Ok(()) => Ok(true),
            Err(Errno::PIPE) => Ok(false),
            Err(errno) => Err(Error::failed("write to standard output", errno)),
        }
    }

    /// Writes rows of such an answer, a line of JSON for each.
    pub(crate) fn write_json_lines(
        &self,
        rows: impl IntoIterator<Item = impl serde::Serialize>,
    ) -> Result<bool, Error> {
        self.write(answer::json_lines(rows)?.as_bytes())
    }

    /// Reports a failure that concerns a part of the question.
    pub(crate) fn report(&self, error: &Error) {
        report(error, ExitStatus::FAILURE);
    }
}

/// Returns whether standard output may still be read: if it is a pipe, whether the pipe has a
/// reader.
pub fn is_read() -> bool {
    !descriptor::has_now(rustix::stdio::stdout(), PollFlags::empty())
}

/// Writes a text to standard output, whole. A pipe without a reader is an error.
///
/// # Errors
/// That of `write(2)`.
pub fn write(text: &str) -> Result<(), Errno> {
    write_bytes(text.as_bytes())
}

/// Like `write`, but for bytes that need not be text.
///
/// # Errors
/// That of `write(2)`.
pub fn write_bytes(bytes: &[u8]) -> Result<(), Errno> {
    write_all(rustix::stdio::stdout(), bytes)
}

/// Writes all bytes to a descriptor.
///
/// # Errors
/// That of `write(2)`.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Says on standard error why nsx could not do what it was asked to.
pub fn error(text: &str) {
    stderr("nsx: ", text);
}

/// Says on standard error why a command failed, with its hints; returns the command's exit status,
/// which is `failure` unless the error has another.
pub(crate) fn report(failed: &Error, failure: ExitStatus) -> ExitStatus {
    error(&escape(chain(failed).as_bytes()));
    for line in failed.hints() {
        hint(&escape(line.as_bytes()));
    }
    failed.status(failure)
}

/// Says on standard error that nsx failed to `act`, and why; returns the status that `ls` and
/// `pidmap` then end with.
pub fn failed(act: &str, why: &dyn StdError) -> ExitStatus {
    error(&format!("failed to {act}: {}", chain(why)));
    ExitStatus::FAILURE
}

/// Says on standard error what the user should know, though nsx goes on.
pub fn note(text: &str) {
    stderr("nsx: note: ", text);
}

/// A line that belongs to the one before it: a cause, a way out.
pub fn hint(text: &str) {
    stderr("  ", text);
}

/// Says on standard error what a strict personality has to say, byte for byte.
pub fn complain(line: &[u8]) {
    // In one piece, so that nobody else's words come between. Where standard error is closed there
    // is nobody to tell.
    let _ = io::stderr().lock().write_all(&[line, b"\n"].concat());
}

fn stderr(prefix: &str, text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{prefix}{text}");
}
