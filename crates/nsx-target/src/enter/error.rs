//! [`EnterError`]: the reason why a program cannot be requested for a target.

use nsx_core::{idmap::IdKind, ns::NsKind, pid::Process, plan::PlanError, proc::ProcError};
use rustix::io::Errno;
use std::{ffi::OsString, path::PathBuf};

/// An error that occurred while a request was made.
///
/// Messages show names as they were given. Escape them before a terminal shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnterError {
    /// The target has ended, cannot be read, or leaves nothing to enter.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The kernel does not let the caller look at the target's process.
    #[error("{source}")]
    Denied {
        /// The failure.
        source: PlanError,
        /// The process, from which [`nsx_core::refusal::access`] tells the cause.
        process: Process,
    },
    /// The users and groups of the target cannot be read.
    #[error("failed to read the target's users and groups")]
    Accounts(#[source] Errno),
    /// A name that the target's users or groups do not have.
    #[error("there is no {kind} named {}", name.display())]
    UnknownName {
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: OsString,
    },
    /// The target's user namespace does not map the id that the program is to have.
    #[error("{ids} id {id} is not mapped in the target's user namespace")]
    NotMapped {
        /// The kind of id.
        ids: IdKind,
        /// The id.
        id: u32,
    },
    /// The target's cgroups cannot be read.
    #[error("failed to open the cgroups of the target")]
    Cgroups(#[source] ProcError),
    /// A cgroup of the target cannot be opened.
    #[error("failed to open {}", path.display())]
    Cgroup {
        /// The directory of the cgroup.
        path: PathBuf,
        /// The cause.
        source: Errno,
    },
    /// A cgroup of the target is frozen. It would stop the program, and the caller with it.
    #[error(
        "the target is paused: its cgroup {} is frozen, and whatever joins it stops",
        .0.display()
    )]
    Frozen(PathBuf),
    /// A file cannot be opened as a namespace.
    #[error("failed to open {} as a namespace", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Errno,
    },
    /// A file holds a namespace of another kind than was named.
    #[error("{} holds a {found} namespace, not a {wanted} namespace", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The kind of the namespace.
        found: NsKind,
        /// The kind that was named.
        wanted: NsKind,
    },
    /// A kind is named that a target which is a single namespace cannot have.
    #[error("{} is a {found} namespace, not a process that has a {wanted} one", path.display())]
    NotAProcess {
        /// The target as the caller names it.
        path: PathBuf,
        /// The kind of the namespace.
        found: NsKind,
        /// The kind that was named.
        wanted: NsKind,
    },
    /// A directory holds no namespace of a kind that was named.
    #[error("no {kind} namespace is kept in the directory {}", directory.display())]
    NotInDirectory {
        /// The directory.
        directory: PathBuf,
        /// The kind.
        kind: NsKind,
    },
    /// A directory holds no namespace at all.
    #[error("no namespace is kept in the directory {}", .0.display())]
    EmptyDirectory(PathBuf),
    /// A directory holds several namespaces of a kind, and none has the kind's name.
    #[error(
        "{} holds several {kind} namespaces, of which one is entered: {}",
        directory.display(),
        names.join(", ")
    )]
    Several {
        /// The directory.
        directory: PathBuf,
        /// The kind.
        kind: NsKind,
        /// The names of the files.
        names: Vec<String>,
    },
    /// A directory holds only namespaces that the caller is in.
    #[error("{} holds no namespace but your own: there is nothing to enter", .0.display())]
    OnlyYours(PathBuf),
}

impl EnterError {
    /// Returns the error with the process, if the kernel does not let the caller look at it.
    pub(super) fn about(self, process: Process) -> Self {
        match self {
            Self::Plan(
                source @ PlanError::Target {
                    source: ProcError::Denied,
                    ..
                },
            ) => Self::Denied { source, process },
            error => error,
        }
    }
}
