//! A process that a word names, and its id in the procfs that is read.

use crate::{error::Error, target, text};
use nsx_core::{
    census,
    ns::{NsId, NsKind, NsSet},
    pid::{IdsOf, Numbering, Pid, Process, Translator},
    proc::{NsLink, ProcError, ProcRoot},
};
use nsx_target::Target;
use std::{error::Error as StdError, ffi::OsStr, os::unix::ffi::OsStrExt};

/// A process that was named.
#[derive(Debug)]
pub(super) struct NamedProcess {
    pub(super) process: Process,
    /// The id of the process in the procfs.
    pub(super) pid: Pid,
}

impl NamedProcess {
    /// Finds the process that `word` names. A number is an id in `proc`, which may be the procfs of
    /// another PID namespace than the caller's.
    pub(super) fn find(word: &OsStr, proc: &ProcRoot) -> Result<Self, Error> {
        match Target::parse(word.as_bytes()) {
            Ok(Target::Process { pid, inode: None }) if !proc.is_callers() => {
                Self::translated(pid, proc).map_err(|source| {
                    Error::failed(format!("find process {pid} of another procfs"), source).absent()
                })
            }
            _ => Self::of(target::resolve(word)?.process, proc),
        }
    }

    /// Finds the id of a process in `proc`.
    pub(super) fn of(process: Process, proc: &ProcRoot) -> Result<Self, Error> {
        match process.pid_in(proc) {
            Ok(pid) => Ok(Self { process, pid }),
            Err(error) => Err(unreadable(&process, error)),
        }
    }

    /// Finds the process that has this id in the PID namespace of PID 1 in `proc`.
    fn translated(pid: Pid, proc: &ProcRoot) -> Result<Self, Box<dyn StdError>> {
        let callers = ProcRoot::system()?;
        let theirs = proc.open_ns(Pid::INIT, NsLink::Own(NsKind::Pid))?;
        let theirs = Numbering::of_namespace(theirs, &callers)?;
        let own = Numbering::own(&callers)?;
        let translator = Translator::new(&callers, theirs, own, IdsOf::Processes);
        let here = translator.translate(pid)?;
        let process = Process::pin(here)?;
        // The process that was pinned is the one that had the id before.
        match translator.translate(pid) {
            Ok(again) if again == here && !process.ended() => Ok(Self { process, pid }),
            _ => Err(ProcError::Vanished.into()),
        }
    }

    /// Returns the error that the namespaces of the process could not be read from `proc`.
    pub(super) fn unread(&self, proc: &ProcRoot, error: ProcError) -> Error {
        unreadable(&self.process, self.process.unseen(proc, self.pid, error))
    }
}

/// Returns the namespaces of the process that `word` names.
pub(super) fn namespaces_of(
    word: &OsStr,
    kinds: NsSet,
    proc: &ProcRoot,
) -> Result<Vec<NsId>, Error> {
    if proc.is_copy() {
        return namespaces_in_copy(word, kinds, proc);
    }
    let named = NamedProcess::find(word, proc)?;
    let namespaces = census::namespaces_of(proc, named.pid, kinds);
    let is_still_there = named.process.runs(proc, named.pid);
    is_still_there
        .and(namespaces)
        .map_err(|error| named.unread(proc, error))
}

fn namespaces_in_copy(word: &OsStr, kinds: NsSet, proc: &ProcRoot) -> Result<Vec<NsId>, Error> {
    let Ok(Target::Process { pid, inode: None }) = Target::parse(word.as_bytes()) else {
        return Err(Error::usage(format!(
            "{} is not a number: in a copy of /proc, processes are named by their numbers",
            text::shown(word)
        )));
    };
    census::namespaces_of(proc, pid, kinds).map_err(|error| {
        let act = format!("read the namespaces of process {pid} in the copy");
        let failed = Error::failed(act, error);
        if error == ProcError::Vanished {
            failed.absent()
        } else {
            failed
        }
    })
}

fn unreadable(process: &Process, error: ProcError) -> Error {
    let act = format!("read the namespaces of process {}", process.pid());
    Error::unread(act, process, error)
}
