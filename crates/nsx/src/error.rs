//! The failures of all commands: a message, hints, and an exit status.
//!
//! Nothing is printed where a failure occurs. A command returns it, and `cli` reports it.

use crate::{
    exit::ExitStatus,
    ls::SavedError,
    out,
    program::{NoProcfs, RequestError},
    target,
};
use nsx_target::TargetError;
use std::error::Error as StdError;

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
    /// A program that cannot be run as requested.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A census that cannot be saved or read again.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// No procfs on /proc.
    #[error(transparent)]
    NoProcfs(#[from] NoProcfs),
    /// A failure that means that something does not exist, or no longer exists.
    #[error(transparent)]
    Absent(Box<Self>),
    /// A failure with further hints.
    #[error("{}", out::chain(.0))]
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

    /// Marks the failure as one that means that something does not exist.
    pub(crate) fn absent(self) -> Self {
        Self::Absent(Box::new(self))
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
        match self {
            Self::Usage(_) | Self::Missing(_) | Self::Failed { .. } | Self::Saved(_) => Vec::new(),
            Self::Target(error) => target::hints(error),
            Self::Request(error) => error.hints(),
            Self::NoProcfs(_) => vec![NoProcfs::HINT.to_owned()],
            Self::Absent(error) => error.hints(),
            Self::Hinted(error, hints) => [error.hints(), hints.clone()].concat(),
        }
    }

    /// Returns the exit status of a command that ends with `failure` when nsx fails. Commands other
    /// than `unshare` and `enter` tell what does not exist from other failures.
    pub(crate) fn status(&self, failure: ExitStatus) -> ExitStatus {
        if failure == ExitStatus::FAILURE && self.is_absence() {
            ExitStatus::NO_MATCH
        } else {
            failure
        }
    }

    fn is_absence(&self) -> bool {
        match self {
            Self::Missing(_) | Self::Absent(_) => true,
            Self::Target(error) => error.is_absence(),
            Self::Hinted(error, _) => error.is_absence(),
            Self::Usage(_)
            | Self::Failed { .. }
            | Self::Request(_)
            | Self::Saved(_)
            | Self::NoProcfs(_) => false,
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
            out::chain(&failed),
            "failed to open /x: No such file or directory"
        );
        assert_eq!(failed.status(ExitStatus::FAILURE), ExitStatus::FAILURE);
        let absent = failed.absent().with_hints(["make it"]);
        assert_eq!(
            out::chain(&absent),
            "failed to open /x: No such file or directory"
        );
        assert_eq!(absent.hints(), ["make it"]);
        assert_eq!(absent.status(ExitStatus::FAILURE), ExitStatus::NO_MATCH);
        assert_eq!(absent.status(ExitStatus::NOT_RUN), ExitStatus::NOT_RUN);
    }
}
