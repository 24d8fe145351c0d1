//! The process that a word names, in whatever procfs is looked at.

use crate::{exit::ExitStatus, out, target};
use nsx_core::{
    ns::NsKind,
    pid::{self, Numbering, Pid, Process, Tasks, Translator},
    proc::{NsLink, ProcError, ProcRoot, decimal},
};
use nsx_target::Target;
use std::{error::Error, ffi::OsStr, os::unix::ffi::OsStrExt};

/// A process that was named.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) process: Process,
    /// The id of the process in the procfs.
    pub(super) pid: Pid,
}

impl Named {
    /// The one that `word` names, which in another procfs than the caller's are its own ids. An
    /// error is the status to end with, once its reason is on standard error.
    pub(super) fn find(word: &OsStr, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        match Target::parse(word.as_bytes()) {
            Ok(Target::Process { pid, inode: None }) if !proc.is_callers() => {
                Self::translated(pid, proc)
            }
            _ => Self::of(
                target::resolve(word)
                    .map_err(|error| target::failed(&error))?
                    .process,
                proc,
            ),
        }
    }

    pub(super) fn of(process: Process, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        match process.pid_in(proc) {
            Ok(pid) => Ok(Self { process, pid }),
            Err(error) => Err(unread(&process, None, &error)),
        }
    }

    /// The process that has this id in a procfs of another PID namespace: that of its first
    /// process.
    fn translated(pid: Pid, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        let failed = |error: &dyn Error| {
            out::failed(&format!("find process {pid} of another procfs"), error);
            ExitStatus::NO_MATCH
        };
        let callers = ProcRoot::system().map_err(|errno| failed(&errno))?;
        let theirs = proc
            .open_ns(Pid::INIT, NsLink::Own(NsKind::Pid))
            .map_err(|error| failed(&error))?;
        let theirs = Numbering::of_namespace(theirs, &callers).map_err(|error| failed(&error))?;
        let own = Numbering::own(&callers).map_err(|error| failed(&error))?;
        let translator = Translator::new(&callers, theirs, own, Tasks::Processes);
        let here = translator.translate(pid).map_err(|error| failed(&error))?;
        let process = Process::pin(here).map_err(|error| failed(&error))?;
        // It was that one's id until now.
        match translator.translate(pid) {
            Ok(again) if again == here && !process.ended() => Ok(Self { process, pid }),
            _ => Err(failed(&ProcError::Vanished)),
        }
    }
}

/// Returns whether a word names a namespace by a number.
pub(super) fn is_namespace(word: &OsStr) -> bool {
    let is_number = |digits: &[u8]| {
        decimal(digits).is_some_and(|number| number >= pid::LIMIT.unsigned_abs().into())
    };
    is_number(word.as_bytes())
        || matches!(
            Target::parse(word.as_bytes()),
            Ok(Target::Namespace(_) | Target::Inode(_) | Target::Id(_))
        )
}

/// The number of a process in a copy of a procfs. An error is the status to end with, once its
/// reason is on standard error.
pub(super) fn in_copy(word: &OsStr) -> Result<Pid, ExitStatus> {
    match Target::parse(word.as_bytes()) {
        Ok(Target::Process { pid, inode: None }) => Ok(pid),
        _ => {
            let word = out::shown(word);
            out::error(&format!(
                "{word} is not a number: in a copy of /proc, processes are named by their numbers"
            ));
            Err(ExitStatus::FAILURE)
        }
    }
}

/// Says why a process's namespaces could not be read; returns the status to end with.
pub(super) fn unread(
    process: &Process,
    shown: Option<(&ProcRoot, Pid)>,
    error: &ProcError,
) -> ExitStatus {
    let error = shown.map_or(*error, |(proc, shown)| process.unseen(proc, shown, *error));
    let status = out::failed(
        &format!("read the namespaces of process {}", process.pid()),
        &error,
    );
    if error == ProcError::Denied {
        target::hint_at_guard(process);
    }
    if error == ProcError::Vanished {
        ExitStatus::NO_MATCH
    } else {
        status
    }
}
