//! From the argument vector to a command: who is called, and how wrong usage is answered.
//!
//! Only the command that was called builds its options: building all of them would double the time to start.

use crate::{enter, exit::ExitStatus, ls, out, pidmap, text::escape, unshare};
use clap::{CommandFactory, Parser};
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// Create, enter, list and translate Linux namespaces.
#[derive(Debug, Parser)]
#[command(name = "nsx", version, disable_help_subcommand = true, subcommand_required = true)]
pub enum Nsx {
    /// Run a program in new namespaces
    Unshare(unshare::Options),
    /// Run a program in the namespaces of a process
    Enter(enter::Options),
    /// List namespaces, or the processes in nested PID namespaces
    Ls(ls::Options),
    /// Translate process ids between PID namespaces
    Pidmap(pidmap::Options),
}

/// Runs the command that the first argument names.
pub(crate) fn dispatch(mut arguments: Vec<OsString>) -> ExitStatus {
    let command = arguments.get(1).map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    match command.as_slice() {
        b"unshare" => run(&mut arguments, ExitStatus::NOT_RUN, unshare::run),
        b"enter" => run(&mut arguments, ExitStatus::NOT_RUN, enter::run),
        b"ls" => run(&mut arguments, ExitStatus::FAILURE, ls::run),
        b"pidmap" => run(&mut arguments, ExitStatus::FAILURE, pidmap::run),
        // `nsx help`, `nsx help enter`
        b"help" if arguments.len() > 2 => {
            arguments.remove(1);
            arguments.truncate(2);
            arguments.push("--help".into());
            dispatch(arguments)
        }
        b"help" => usage(Nsx::command().try_get_matches_from(["nsx", "--help"]).map(drop)),
        _ => usage(Nsx::command().try_get_matches_from(&arguments).map(drop)),
    }
}

/// Reads the options of one command and runs it; `misused` is what it ends with where they are wrong.
fn run<O: Parser>(arguments: &mut Vec<OsString>, misused: ExitStatus, command: fn(O) -> ExitStatus) -> ExitStatus {
    // What clap calls the program's name in its messages: `nsx unshare`.
    arguments.remove(0);
    match O::try_parse_from(&*arguments) {
        Ok(options) => command(options),
        Err(error) => answer(&error, misused),
    }
}

fn usage(outcome: Result<(), clap::Error>) -> ExitStatus {
    outcome.err().map_or(ExitStatus::FAILURE, |error| answer(&error, ExitStatus::FAILURE))
}

/// Prints help to standard output and wrong usage to standard error.
fn answer(error: &clap::Error, misused: ExitStatus) -> ExitStatus {
    if error.print().is_err() {
        out::error("failed to write the help text");
        return misused;
    }
    if error.use_stderr() { misused } else { ExitStatus::SUCCESS }
}

/// An argument as it may be shown in a message.
pub fn shown(argument: &std::ffi::OsStr) -> String {
    escape(argument.as_bytes())
}
