//! The TARGET of a command line.

use crate::{error::Error, hints, out, text::escape};
use nsx_core::{
    descriptor,
    ns::{Namespace, NsKind},
    pid::Process,
    plan::NamespaceFile,
    proc::{NsLink, ProcError, ProcRoot},
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

/// Looks a target up and opens its namespace of this kind. The namespace's path is the word.
pub(crate) fn open(
    word: &OsStr,
    kind: NsKind,
    proc: &ProcRoot,
) -> Result<(Found, NamespaceFile), Error> {
    let found = look_up(word)?;
    let namespace = namespace_of(&found, word, kind, proc)?;
    Ok((found, NamespaceFile::new(word.into(), namespace)))
}

/// Looks a target up and opens its network namespace.
pub(crate) fn network(word: &OsStr, proc: &ProcRoot) -> Result<NamespaceFile, Error> {
    open(word, NsKind::Net, proc).map(|(_, file)| file)
}

/// Opens the namespace of this kind of what `word` led to.
pub(crate) fn namespace_of(
    found: &Found,
    word: &OsStr,
    kind: NsKind,
    proc: &ProcRoot,
) -> Result<Namespace, Error> {
    let shown = escape(word.as_bytes());
    let failed = |error| Error::failed(format!("open the {kind} namespace of {shown}"), error);
    match found {
        Found::Process(subject) => open_of(&subject.process, kind, proc).map_err(|error| {
            let hints = match error {
                ProcError::Denied => hints::of_guard(&subject.process),
                _ => Vec::new(),
            };
            failed(error).with_hints(hints)
        }),
        Found::Namespace(namespace) if namespace.id().kind != kind => {
            let found = namespace.id().kind;
            let text = format!("{shown} is a {found} namespace, and a {kind} namespace is needed");
            Err(Error::usage(text))
        }
        Found::Namespace(namespace) => descriptor::reopen(namespace)
            .and_then(Namespace::from_fd)
            .map_err(|errno| failed(ProcError::Os(errno))),
    }
}

/// Opens a namespace of a process that is held by its pidfd.
fn open_of(process: &Process, kind: NsKind, proc: &ProcRoot) -> Result<Namespace, ProcError> {
    let namespace = proc.open_ns(process.pid_in(proc)?, NsLink::Own(kind))?;
    if process.ended() {
        return Err(ProcError::Vanished);
    }
    Ok(namespace)
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
