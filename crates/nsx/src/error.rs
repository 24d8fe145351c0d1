//! The failures of all commands: a message, hints, and an exit status.
//!
//! Nothing is printed where a failure occurs. A command returns it, and `cli` reports it.

use crate::{
    exit::ExitStatus, hints, links::LinkError, ls::saved_error::SavedError, text::chain,
    unshare::oci::OciError,
};
use nsx_core::{
    idmap::{IdKind, MapRequestError},
    pid::Process,
    plan::PlanError,
    proc::ProcError,
    run::{Failure, RunError},
};
use nsx_target::{TargetError, enter::EnterError};
use rustix::io::Errno;
use std::{error::Error as StdError, io};

/// A failure of a command. The message with its causes is one line of standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Wrong usage that clap does not see.
    #[error("{0}")]
    Usage(String),
    /// Something that the user named does not exist.
    #[error("{0}")]
    Missing(String),
    /// An act that failed.
    #[error("failed to {act}")]
    Failed {
        act: String,
        source: Box<dyn StdError>,
    },
    /// A TARGET that leads to no process or namespace.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A request that cannot become a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A request for a named target that cannot become a plan.
    #[error("cannot enter {0}")]
    Enter(String, #[source] PlanError),
    /// A target that does not allow what is requested inside it.
    #[error(transparent)]
    Inside(#[from] EnterError),
    /// A name that is not in the user or group database.
    #[error("there is no {0} named {1}")]
    UnknownName(&'static str, String),
    /// A user or group database that cannot be read.
    #[error("failed to look up {0}")]
    Lookup(String, #[source] io::Error),
    /// Ids that cannot be mapped as requested, with hints.
    #[error("cannot map these {0} ids")]
    Map(IdKind, #[source] MapRequestError, Vec<String>),
    /// A link that cannot be made.
    #[error("cannot make a link")]
    Link(#[from] LinkError),
    /// An OCI bundle that cannot be run.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// A working directory that no longer exists or cannot be read.
    #[error("failed to look up the current directory")]
    Directory(#[source] io::Error),
    /// A descriptor for --status-fd that is not open for writing.
    #[error("cannot write to descriptor {0}")]
    StatusFd(i32, #[source] Errno),
    /// A fact about the caller that cannot be read.
    #[error("failed to read /proc")]
    Proc(#[source] Box<dyn StdError>),
    /// There is no procfs on /proc.
    #[error("no procfs is mounted on /proc")]
    NoProcfs,
    /// A plan that was not carried out to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A census that cannot be saved or read again.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// A failure that means that something does not exist, or no longer exists.
    #[error(transparent)]
    Absent(Box<Self>),
    /// A failure of a command whose status 1 is a verdict.
    #[error(transparent)]
    NoVerdict(Box<Self>),
    /// A failure with further hints.
    #[error("{}", chain(.0))]
    Hinted(Box<Self>, Vec<String>),
}

impl Error {
    /// Wrong usage, in words.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The failure of an act, such as `open /proc`.
    pub(crate) fn failed(act: impl Into<String>, source: impl Into<Box<dyn StdError>>) -> Self {
        Self::Failed {
            act: act.into(),
            source: source.into(),
        }
    }

    /// The failure to read something of a process, with the rule that forbids it; a process that has
    /// ended does not exist.
    pub(crate) fn unread(act: impl Into<String>, process: &Process, error: ProcError) -> Self {
        let failed = Self::failed(act, error);
        match error {
            ProcError::Denied => failed.with_hints(hints::of_guard(process)),
            ProcError::Vanished => failed.absent(),
            _ => failed,
        }
    }

    /// Marks the failure as one that means that something does not exist.
    pub(crate) fn absent(self) -> Self {
        Self::Absent(Box::new(self))
    }

    /// Marks the failure as one of a command whose status 1 is a verdict, as that of `grep(1)` is: a
    /// target that does not exist is a failure then.
    pub(crate) fn no_verdict(self) -> Self {
        Self::NoVerdict(Box::new(self))
    }

    /// Adds hints, one per line.
    pub(crate) fn with_hints(self, hints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let hints: Vec<String> = hints.into_iter().map(Into::into).collect();
        if hints.is_empty() {
            self
        } else {
            Self::Hinted(Box::new(self), hints)
        }
    }

    /// Returns the hints, one per line.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Target(error) => return hints::of_target(error),
            Self::Inside(error) => return hints::of_entry(error),
            Self::Map(_, _, hints) => return hints.clone(),
            Self::Link(error) => return error.hints(),
            Self::Absent(error) | Self::NoVerdict(error) => return error.hints(),
            Self::Hinted(error, hints) => return [error.hints(), hints.clone()].concat(),
            Self::NoProcfs => "mount one: mount -t proc proc /proc",
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }

    /// Returns the exit status of a command that ends with `failure` when nsx fails. `unshare` and
    /// `enter` have statuses of their own for a program that cannot be run, and the other commands
    /// for something that does not exist.
    pub(crate) fn status(&self, failure: ExitStatus) -> ExitStatus {
        match self.step() {
            Some(step) if failure != ExitStatus::FAILURE => ExitStatus::of_step(step),
            _ if failure == ExitStatus::FAILURE && self.is_absence() => ExitStatus::NO_MATCH,
            _ => failure,
        }
    }

    /// Returns the failure of a step of a plan, if the error is one.
    pub(crate) fn step(&self) -> Option<&Failure> {
        match self {
            Self::Run(RunError::Step(failure)) => Some(failure),
            Self::Absent(error) | Self::Hinted(error, _) => error.step(),
            _ => None,
        }
    }

    fn is_absence(&self) -> bool {
        match self {
            Self::Missing(_) | Self::Absent(_) => true,
            Self::Target(error) => error.is_absence(),
            Self::Hinted(error, _) => error.is_absence(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn a_failure_has_a_message_hints_and_a_status() {
        let failed = Error::failed("open /x", Errno::NOENT);
        assert_eq!(
            chain(&failed),
            "failed to open /x: No such file or directory"
        );
        assert_eq!(failed.status(ExitStatus::FAILURE), ExitStatus::FAILURE);
        let absent = failed.absent().with_hints(["make it"]);
        assert_eq!(
            chain(&absent),
            "failed to open /x: No such file or directory"
        );
        assert_eq!(absent.hints(), ["make it"]);
        assert_eq!(absent.status(ExitStatus::FAILURE), ExitStatus::NO_MATCH);
        assert_eq!(absent.status(ExitStatus::NOT_RUN), ExitStatus::NOT_RUN);
        let unjudged = absent.no_verdict();
        assert_eq!(unjudged.hints(), ["make it"]);
        assert_eq!(unjudged.status(ExitStatus::FAILURE), ExitStatus::FAILURE);
    }
}
