//! Standard output and standard error: no other module writes to them.

use crate::{
    answer::{self, Answer, Part},
    error::Error,
    exit::ExitStatus,
    text::escape,
};
use clap::ValueEnum;
use nsx_core::descriptor;
use owo_colors::Style;
use rustix::{event::PollFlags, fd::AsFd, io::Errno};
use std::{
    error::Error as StdError,
    io::{self, IsTerminal, Write},
    os::unix::ffi::OsStrExt,
};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb.
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The styles of the parts of an output; each is empty if there is no colour.
#[derive(Clone, Copy, Debug, Default)]
pub struct Styles {
    /// Headings of a table.
    pub heading: Style,
    /// The style of what the eye looks for: a PID, a namespace.
    pub key: Style,
    /// The style of what is there for completeness.
    pub faint: Style,
}

impl Styles {
    /// Those for standard output.
    pub fn stdout(color: Color) -> Self {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
            }
        };
        if !on {
            return Self::default();
        }
        Self {
            heading: Style::new().bold(),
            key: Style::new().cyan(),
            faint: Style::new().dimmed(),
        }
    }
}

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

/// Writes a result to standard output, whole.
///
/// The reader may stop reading at any time: a closed pipe is not a failure. A closed descriptor is
/// a failure, which the standard library's own stream passes over.
pub(crate) fn print(text: &str) -> Result<(), ExitStatus> {
    Ok(Output::default().write(text.as_bytes()).map(drop)?)
}

/// Returns whether standard output may still be read: if it is a pipe, whether the pipe has a
/// reader.
pub fn is_read() -> bool {
    !descriptor::has_now(rustix::stdio::stdout(), PollFlags::empty())
}

/// Like `print`, but returns the errno, `EPIPE` included.
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

/// Writes `value` to standard output as one JSON document.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), ExitStatus> {
    Ok(Output::default().print(Answer::json(value)?).map(drop)?)
}

/// Writes each of these to standard output as a line of JSON.
pub(crate) fn print_json_lines(values: &[impl serde::Serialize]) -> Result<(), ExitStatus> {
    Ok(Output::default().write_json_lines(values).map(drop)?)
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

/// For callers that do not return an [`Error`] yet.
impl From<Error> for ExitStatus {
    fn from(error: Error) -> Self {
        report(&error, Self::FAILURE)
    }
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

/// An error and its causes, joined with `: `, each once.
pub fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(reason).collect::<Vec<_>>().join(": ")
}

/// Returns the text of an error, without the number that Rust adds to errors of the system.
pub fn reason(error: &dyn StdError) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// An argument as it may be shown.
pub fn shown(argument: &std::ffi::OsStr) -> String {
    escape(argument.as_bytes())
}
