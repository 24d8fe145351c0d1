//! The TARGET of a command line.

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
};
use nsx_target::{Found, Host, Subject, Target, TargetError};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// Returns the process or namespace that `word` names.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn look_up(word: &OsStr) -> Result<Found, TargetError> {
    let target = parse(word)?;
    on_host(|host| host.find(&target))
}

/// Returns the process that `word` names, with its container if it was named as one.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn resolve(word: &OsStr) -> Result<Subject, TargetError> {
    find(&parse(word)?)
}

/// Returns the process that a target names.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn find(target: &Target) -> Result<Subject, TargetError> {
    on_host(|host| host.find_process(target))
}

/// Reads a word of the command line.
pub(crate) fn parse(word: &OsStr) -> Result<Target, TargetError> {
    Target::parse(word.as_bytes()).map_err(|source| TargetError::NotATarget {
        word: word.to_owned(),
        source,
    })
}

/// Looks for a target on the host that nsx runs on, and notes what was left out.
fn on_host<T>(look: impl FnOnce(&Host) -> Result<T, TargetError>) -> Result<T, TargetError> {
    let host = Host::system()?;
    let found = look(&host);
    note_cut_off(&host);
    found
}

/// Notes which users' stores were not read to their end.
pub(crate) fn note_cut_off(host: &Host) {
    for unread in host.cut_off() {
        out::note(&unread.to_string());
    }
}

/// Prints the words for everything that runs, one per line.
pub(crate) fn list() -> Result<ExitStatus, Error> {
    let words = Host::system()?.words();
    let lines: String = words.iter().map(|word| format!("{word}\n")).collect();
    Output::default().print(Answer::text(lines))
}
