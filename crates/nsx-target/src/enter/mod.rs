//! Requests to run a program inside a target, as the target's engine would run it.
//!
//! [`Enter`] says what to run. [`Enter::request`] reads what the program needs: the container's
//! configuration or, without one, what the container's first process has. The [`Entry`] that
//! comes out has a request for [`nsx_core::plan::enter`], which settles the order of the steps.
//!
//! If kinds of namespace are named, only those are joined, and the program keeps the caller's
//! rights and, unless the mount namespace is named, the caller's files.

mod accounts;
mod cgroups;
mod context;
mod directory;
mod environment;
mod error;
mod exec;
mod findings;
mod guard;
mod joined;
mod joins;
mod kinds;
mod label;
mod limits;
mod namespaces;
mod network_files;
mod process;
mod profile;
mod view;

pub use directory::NamespaceDirectory;
pub use environment::{Change, Environment};
pub use error::EnterError;
pub use findings::{Finding, Findings, Remedy, Weight};
pub use joined::add_owner;
pub use joins::open_kinds;

use crate::{
    container::Container,
    found::{Found, Subject},
    host::Host,
};
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{Caller, NamespaceFile, NamespaceFileError, PlanError, enter::Request},
    shell,
};
use std::{
    ffi::{CString, OsString},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A program to run inside a target. The default is a shell, run as the target's engine would run
/// it.
#[derive(Debug, Default)]
pub struct Enter {
    /// The namespaces that the program joins, and whose files and rights it has.
    pub scope: Scope,
    /// Namespaces that are joined instead of the target's own of the same kind; see [`open`].
    pub files: Vec<NamespaceFile>,
    /// The program and its arguments. If empty, a shell runs: that of the program's user if the
    /// target's files are entered, or else the caller's.
    pub program: Vec<OsString>,
    /// The program's user and groups.
    pub run_as: RunAs,
    /// The working directory, as the program sees it; none for the target's.
    pub directory: Option<PathBuf>,
    /// The program's environment.
    pub environment: Environment,
    /// Properties that the program keeps from the caller, though the target has its own.
    pub keep: Keep,
    /// The number of the caller's descriptors after 0, 1 and 2 that the program gets. Without a
    /// number, the program gets no more with [`Scope::Whole`], and all otherwise.
    pub descriptors: Option<u32>,
    /// `true` to leave /proc, /sys, /dev/mqueue and /etc as they are, though they show other
    /// namespaces than the program is in.
    pub leave_files: bool,
    /// `true` to look up facts that are only worth telling: the container that a process is in,
    /// and its root directory.
    pub explain: bool,
}

/// The namespaces that a program joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All in which the target differs from the caller. The program runs as the target's engine
    /// would run it.
    #[default]
    Whole,
    /// Namespaces of these kinds. The program is the caller's in all else.
    Kinds(NsSet),
    /// Namespaces of these kinds, for a program of the caller's that keeps the caller's files. If
    /// no kind is given, all are joined but the mount namespace, the cgroup namespace and, if the
    /// caller is privileged, the user namespace.
    HostTools(NsSet),
}

impl Scope {
    /// Returns the kinds that are named; none if the scope alone decides.
    fn named(self) -> NsSet {
        match self {
            Self::Whole => NsSet::EMPTY,
            Self::Kinds(kinds) | Self::HostTools(kinds) => kinds,
        }
    }

    /// Returns the kinds that are joined, as far as the target differs in them.
    fn kinds(self, caller: &Caller) -> NsSet {
        match self {
            Self::Whole => caller.kinds,
            Self::HostTools(kinds) if kinds.is_empty() => {
                // Cgroups stay the caller's, and so do their paths. A caller who does not need the
                // target's user namespace keeps all rights.
                let kinds = caller.kinds.without(NsKind::Mnt).without(NsKind::Cgroup);
                if caller.is_privileged() {
                    kinds.without(NsKind::User)
                } else {
                    kinds
                }
            }
            Self::Kinds(kinds) | Self::HostTools(kinds) => kinds,
        }
    }
}

/// The user and groups that a program runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    /// Those of the container's configuration, or else of the target's process. With
    /// [`Scope::Kinds`] and [`Scope::HostTools`], the caller, or user 0 of the user namespace that
    /// is joined.
    #[default]
    Target,
    /// A user of the target, `NAME|UID[:GROUP|GID]`, with the groups that the target's /etc/group
    /// gives it.
    User(OsString),
    /// A user and a group, each by name or number. A group is the program's only one.
    Ids {
        /// The user; none for that of [`Self::Target`].
        user: Option<OsString>,
        /// The group, likewise.
        group: Option<OsString>,
    },
}

/// Properties that a program keeps from the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The user, the capabilities and the label, and no seccomp filter.
    pub privileges: bool,
    /// The capabilities, as far as the program's user may have them.
    pub capabilities: bool,
    /// No seccomp filter of the target's.
    pub filters: bool,
    /// The AppArmor or SELinux label.
    pub label: bool,
    /// The resource limits and the out-of-memory score.
    pub limits: bool,
    /// The cgroup.
    pub cgroup: bool,
}

/// A target that was found, and is held open.
#[derive(Debug)]
pub enum Destination {
    /// A process.
    Process(Subject),
    /// A single namespace.
    Namespace(NamespaceFile),
    /// The namespaces that are kept in a directory.
    Directory(NamespaceDirectory),
    /// Nothing but [`Enter::files`].
    Files,
}

impl Destination {
    /// Returns what was found by the name `name`.
    pub fn new(name: impl Into<PathBuf>, found: Found) -> Self {
        match found {
            Found::Process(subject) => Self::Process(subject),
            Found::Namespace(ns) => Self::Namespace(NamespaceFile::new(name.into(), ns)),
        }
    }
}

impl From<Subject> for Destination {
    fn from(subject: Subject) -> Self {
        Self::Process(subject)
    }
}

/// A request, and what was found out while it was made.
#[derive(Debug)]
pub struct Entry {
    /// The request.
    pub request: Request,
    /// The container, if the target names one.
    pub container: Option<Box<Container>>,
    /// Facts for people.
    pub findings: Findings,
}

impl Enter {
    /// Returns the request to run the program inside a target.
    ///
    /// # Errors
    /// [`EnterError`]: the target has ended, cannot be read, or lacks what is to be joined.
    pub fn request(
        self,
        destination: impl Into<Destination>,
        host: &Host,
        caller: &Caller,
    ) -> Result<Entry, EnterError> {
        let proc = host.proc();
        match destination.into() {
            Destination::Process(subject) => process::entry(self, subject, host, caller),
            Destination::Namespace(file) => namespaces::of_namespace(self, file, proc, caller),
            Destination::Directory(directory) => {
                namespaces::of_directory(self, directory, proc, caller)
            }
            Destination::Files => {
                namespaces::of_directory(self, NamespaceDirectory::default(), proc, caller)
            }
        }
    }

    /// Returns the argument vectors to try: the program, or the caller's shells.
    fn programs(&self) -> Result<Vec<Vec<CString>>, PlanError> {
        if self.program.is_empty() {
            arguments_of_shells(shell::of_caller())
        } else {
            let words = self.program.iter().cloned();
            let words = words.map(|word| c_string(word, "an argument"));
            Ok(vec![words.collect::<Result<_, _>>()?])
        }
    }
}

/// Opens the namespace of a kind that a file holds.
///
/// # Errors
/// [`EnterError::Open`], or [`EnterError::OtherKind`] if the file holds a namespace of another kind.
pub fn open(wanted: NsKind, path: &Path) -> Result<NamespaceFile, EnterError> {
    NamespaceFile::open(path, wanted).map_err(|error| match error {
        NamespaceFileError::Open(source) => EnterError::Open {
            path: path.to_owned(),
            source,
        },
        NamespaceFileError::OtherKind(found) => EnterError::OtherKind {
            path: path.to_owned(),
            found,
            wanted,
        },
    })
}

fn arguments_of_shells(shells: Vec<OsString>) -> Result<Vec<Vec<CString>>, PlanError> {
    let shells = shells.into_iter();
    shells
        .map(|shell| Ok(vec![c_string(shell, "SHELL")?]))
        .collect()
}

fn c_string(word: OsString, what: &'static str) -> Result<CString, PlanError> {
    CString::new(word.into_vec()).map_err(|_| PlanError::ZeroByte(what))
}
