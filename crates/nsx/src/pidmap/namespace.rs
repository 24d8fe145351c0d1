//! The PID namespace that a word of the command line means.

use crate::{error::Error, hints, target, text};
use nsx_core::{
    ns::{NsId, NsKind},
    pid::{Numbering, Process},
    proc::{ProcError, ProcRoot},
};
use nsx_target::Found;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// A PID namespace as the options name it.
#[derive(Debug)]
pub(super) enum Named {
    /// The namespace of this process, or of the first process of this container.
    NamespaceOf(OsString),
    /// The namespace that this target is, holds or is in.
    Target(OsString),
}

impl Named {
    /// Opens the namespace.
    pub(super) fn open(&self, proc: &ProcRoot) -> Result<Numbering, Error> {
        match self {
            Self::NamespaceOf(process) => of_process(&target::resolve(process)?.process, proc),
            Self::Target(target) => of_target(target, proc),
        }
    }
}

/// Opens the PID namespace that a target is, holds or is in.
pub(super) fn of_target(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, Error> {
    let unfit = || Error::Usage(format!("{} is not a PID namespace", text::shown(word)));
    // A namespace whose name says that it is of another kind is not looked up.
    if NsId::parse(word.as_bytes()).is_ok_and(|ns| ns.kind != NsKind::Pid) {
        return Err(unfit());
    }
    match target::look_up(word)? {
        Found::Process(subject) => of_process(&subject.process, proc),
        Found::Namespace(ns) if ns.id().kind != NsKind::Pid => Err(unfit()),
        Found::Namespace(ns) => Numbering::of_namespace(ns, proc).map_err(|error| {
            Error::failed(
                format!("open the PID namespace {}", text::shown(word)),
                error,
            )
        }),
    }
}

fn of_process(process: &Process, proc: &ProcRoot) -> Result<Numbering, Error> {
    Numbering::of(process, proc).map_err(|error| {
        let hints = match error {
            ProcError::Denied => hints::of_guard(process),
            _ => Vec::new(),
        };
        let act = format!("open the PID namespace of process {}", process.pid());
        Error::failed(act, error).with_hints(hints)
    })
}
