//! `nsx enter`: a program in a container, or in the namespaces of a process.
//!
//! [`Options`] has the words as typed, and `request` turns them into [`nsx_target::enter::Enter`].
//! `nsx_target::enter` makes a request of that, and `nsx_core::plan::enter` a plan of the request.

mod all_of;
mod arguments;
mod docker;
mod environment;
mod find;
mod kinds;
pub(crate) mod notes;
mod options;
mod pty;
mod request;

pub use options::Options;

use crate::{
    error::Error,
    execution::{self, Report},
    exit::ExitStatus,
    hints, program, target,
};
use nsx_core::plan::{self, Caller, Plan};
use nsx_target::{
    Host,
    enter::{Destination, EnterError, Findings},
};
use rustix::io::Errno;
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// Starts nsx over from a file that nobody can write to, if the words alone show that the plan will
/// begin with that: the options are then read once and not twice.
pub(crate) fn seal_if_plain(words: &[OsString]) {
    if is_plain(words) {
        nsx_core::run::seal_early();
    }
}

/// Returns whether words, the first of which is the command's name, have no option that changes
/// what is joined or that only prints.
fn is_plain(words: &[OsString]) -> bool {
    let words = words.iter().skip(1).map(|word| word.as_bytes());
    let mut words = words.take_while(|word| *word != b"--").peekable();
    words.peek().is_some()
        && words.all(|word| !word.starts_with(b"-") || word.starts_with(b"--no-"))
}

/// Returns whether these words, which come after the command's name, name the target by an option,
/// so that the next operand is the program.
pub(crate) fn is_target_named(command: &clap::Command, words: &[OsString]) -> bool {
    arguments::Arguments::read(command, words)
        .is_ok_and(|read| read.names_target() || read.is_without_target())
}

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    if let Some(pattern) = &options.common.many.all_of {
        return all_of::run(&options, pattern);
    }
    // This comes before any look-up, because sealing starts nsx over.
    if options.may_join_mounts() && !options.common.explain {
        nsx_core::run::seal_early();
    }
    let host = Host::system()?;
    let caller = program::read_caller(host.proc())?;
    let destination = find::destination(&options, &host);
    enter(&options, &host, &caller, destination)
}

/// Enters the target that was found.
fn enter(
    options: &Options,
    host: &Host,
    caller: &Caller,
    destination: Result<Destination, Error>,
) -> Result<ExitStatus, Error> {
    let planned = destination.and_then(|destination| plan(options, host, caller, destination));
    target::note_cut_off(host);
    let (plan, findings) = planned?;
    if options.common.explain {
        return execution::explain(&plan, notes::lines(&findings));
    }
    notes::print(&findings, options.common.verbose);
    let report = Report {
        verbose: options.common.verbose,
        not_found: options.hint_at_user(),
        ..Report::default()
    };
    execution::carry_out(&plan, caller, host.proc(), &report)
}

/// Returns the plan, and the findings that were made on the way.
fn plan(
    options: &Options,
    host: &Host,
    caller: &Caller,
    destination: Destination,
) -> Result<(Plan, Findings), Error> {
    let entry = request::enter(options)?
        .request(destination, host, caller)
        .map_err(|error| failed(options, error))?;
    let entry = request::complete(options, entry, host.proc())?;
    let plan = plan::enter::plan(entry.request, caller, host.proc())
        .map_err(|error| failed(options, error.into()))?;
    Ok((plan, entry.findings))
}

/// Returns the failure of a command that names its target.
fn failed(options: &Options, error: EnterError) -> Error {
    match error {
        EnterError::Plan(source) => Error::Enter(options.entered(), source),
        EnterError::Denied { source, process } => {
            Error::Enter(options.entered(), source).with_hints(hints::of_guard(&process))
        }
        EnterError::Open {
            source: Errno::NOENT,
            ..
        } => Error::from(error).with_hints(options.hint_at_user()),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_an_option_that_may_change_the_plan_are_not_plain() {
        let is_plain = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            is_plain(&words)
        };
        for line in [
            "enter web",
            "enter web --no-cgroup",
            "enter web sh",
            "enter web -- ls -l",
        ] {
            assert!(is_plain(line), "{line}");
        }
        for line in [
            "enter",
            "enter --",
            "enter -h",
            "enter web --net",
            "enter web --explain",
        ] {
            assert!(!is_plain(line), "{line}");
        }
    }
}
