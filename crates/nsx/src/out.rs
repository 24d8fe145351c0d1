//! Standard output and standard error: no other module writes to them.

use crate::{
    answer::{self, Answer, Part},
    error::Error,
    exit::ExitStatus,
    style::{Color, Styles},
    text::{self, escape},
};
use nsx_core::descriptor::{self, write_all};
use rustix::{event::PollFlags, io::Errno};
use std::io::{self, Write};

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
                Part::Paragraphs(paragraphs) => paragraphs
                    .iter()
                    .map(|paragraph| paragraph.render(&styles, width()))
                    .collect(),
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
                note(line);
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

    /// Writes rows of an answer that is written as it comes, one line of JSON for each.
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

/// Returns `false` if standard output is a pipe without a reader.
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

/// Prints the message of a failure on standard error.
pub(crate) fn error(text: &str) {
    stderr("nsx: ", text);
}

/// Prints an error with its hints on standard error. Returns the exit status of a command that ends
/// with `failure` when nsx fails.
pub(crate) fn report(failed: &Error, failure: ExitStatus) -> ExitStatus {
    error(&text::chain(failed));
    for hint in failed.hints() {
        stderr("  ", &hint);
    }
    failed.status(failure)
}

/// Prints a remark on standard error.
pub(crate) fn note(text: &str) {
    stderr("nsx: note: ", text);
}

/// Prints what happened to a program that nsx watches, and the reason, one line for each.
pub(crate) fn explain(what: &str, reasons: &[String]) {
    stderr("nsx: trace: ", what);
    for reason in reasons {
        stderr("  ", reason);
    }
}

/// Prints a line of a strict personality on standard error, byte for byte.
pub(crate) fn complain(line: &[u8]) {
    // One write keeps the line in one piece. If standard error is closed, nobody reads the line.
    let _ = io::stderr().lock().write_all(&[line, b"\n"].concat());
}

fn stderr(prefix: &str, text: &str) {
    let text = escape(text.as_bytes());
    // If standard error is closed, nobody reads the line.
    let _ = writeln!(io::stderr().lock(), "{prefix}{text}");
}
