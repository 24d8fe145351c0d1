//! A TARGET of the command line, and how it is said that there is none.

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
    text::escape,
};
use nsx_core::{
    pid::Process,
    proc::ProcRoot,
    refusal::{self, Refusal},
};
use nsx_target::{Found, Host, ParseTargetError, Subject, Target, TargetError};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// Returns the process or namespace that `word` names.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn look_up(word: &OsStr) -> Result<Found, TargetError> {
    let target = parse(word)?;
    on_host(|host| host.find(&target))
}

/// The process that `word` names, with its container if it was named as one.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn resolve(word: &OsStr) -> Result<Subject, TargetError> {
    find(&parse(word)?)
}

/// The process that is named.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn find(target: &Target) -> Result<Subject, TargetError> {
    on_host(|host| host.find_process(target))
}

fn parse(word: &OsStr) -> Result<Target, TargetError> {
    Target::parse(word.as_bytes()).map_err(|source| TargetError::NotATarget {
        word: word.to_owned(),
        source,
    })
}

/// Looks on the host that nsx runs on, and says what was left out.
fn on_host<T>(look: impl FnOnce(&Host) -> Result<T, TargetError>) -> Result<T, TargetError> {
    let host = Host::system()?;
    let found = look(&host);
    note_cut_off(&host);
    found
}

/// Says which users' stores were not read to their end.
pub(crate) fn note_cut_off(host: &Host) {
    for unread in host.cut_off() {
        out::note(&escape(unread.to_string().as_bytes()));
    }
}

/// Says on standard error why a target was not found, and what may help; returns the status that
/// `ls` and `pidmap` then end with.
pub(crate) fn failed(error: &TargetError) -> ExitStatus {
    say(error);
    if error.is_absence() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::FAILURE
    }
}

/// Like `failed`, but returns no status.
pub(crate) fn say(error: &TargetError) {
    out::error(&escape(out::chain(error).as_bytes()));
    for line in hints(error) {
        out::hint(&escape(line.as_bytes()));
    }
}

/// Returns what may help, one hint per line.
pub(crate) fn hints(error: &TargetError) -> Vec<String> {
    of_form(error).into_iter().chain(error.hints()).collect()
}

/// Returns a hint from the form of the word: a variable of a script may hold nothing, or more than
/// one target.
fn of_form(error: &TargetError) -> Option<String> {
    let word = match error {
        TargetError::NotATarget {
            source: ParseTargetError::Empty,
            ..
        } => {
            return Some("is a variable that names the target empty?".to_owned());
        }
        TargetError::NotATarget { word, .. } => word.to_string_lossy().into_owned(),
        TargetError::Nothing { target, .. } => target.to_string(),
        _ => return None,
    };
    let (lines, words) = (
        word.split_terminator('\n').count(),
        word.split_whitespace().count(),
    );
    let number = |count: usize| {
        if count == 2 {
            "two".to_owned()
        } else {
            count.to_string()
        }
    };
    match (lines, words) {
        (2.., _) => Some(format!(
            "the word has {} lines, and a target is one: name each by itself",
            number(lines)
        )),
        (_, 2..) => Some(format!(
            "these are {} words in one, and a target is one: name each by itself",
            number(words)
        )),
        _ => None,
    }
}

/// Returns hints on why the kernel does not let the caller look at a process, as far as that can be
/// told, and on how to get around that.
pub(crate) fn guard_hints(process: &Process) -> Vec<String> {
    let refusal = ProcRoot::system()
        .ok()
        .and_then(|proc| refusal::access(process, &proc));
    refusal.map_or_else(Vec::new, |Refusal { cause, remedy }| {
        [Some(cause), remedy].into_iter().flatten().collect()
    })
}

/// Like [`guard_hints`], for callers that do not return an [`Error`](crate::error::Error) yet.
pub(crate) fn hint_at_guard(process: &Process) {
    for line in guard_hints(process) {
        out::hint(&escape(line.as_bytes()));
    }
}

/// Prints the words for everything that runs, one per line.
pub(crate) fn list() -> Result<ExitStatus, Error> {
    let words = Host::system()?.words();
    let lines: String = words.iter().map(|word| format!("{word}\n")).collect();
    Output::default().print(Answer::text(lines))
}
