//! The facts that are known of a container, and its full name.

use crate::{
    claim::Location,
    engine::Engine,
    id::{ID_BY_ITSELF, is_long_id},
};
use nsx_core::ns::NsKind;
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// A container, or a unit, as its engine's records and the kernel describe it.
/// Texts from records are unchecked bytes. Escape them before a terminal shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// The engine that runs the container.
    pub engine: Engine,
    /// The id: hexadecimal for most engines, the name for LXC, machines and units.
    pub id: OsString,
    /// The name, without the slash that Docker puts before it; none if the container has no name or
    /// the name cannot be read.
    pub name: Option<OsString>,
    /// The containerd namespace, such as `k8s.io`.
    pub namespace: Option<OsString>,
    /// The pod that the container belongs to.
    pub pod: Option<Pod>,
    /// The state that the container is in.
    pub state: State,
    /// The directory with the OCI `config.json`, if the engine has one. Reading the file may
    /// require more rights than the caller has.
    pub bundle: Option<Location>,
    /// The user whose claim the record is; none if only root could have written it.
    pub owner: Option<Owner>,
    /// The image that it was made from, as its engine names it.
    pub image: Option<OsString>,
    /// The sandbox, if the container's programs run in one. The namespaces of the container's
    /// process are then not those of its programs.
    pub sandbox: Option<Sandbox>,
}

/// The user whose claim a record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Owner {
    /// The user's id.
    pub uid: u32,
    /// The name or number to type for the user. A name has only letters, digits, `.`, `_` and `-`.
    pub word: String,
    /// `true` if the user is the caller, who need not be named.
    pub is_caller: bool,
}

/// A Kubernetes pod, as one of its containers has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pod {
    /// The Kubernetes namespace.
    pub namespace: OsString,
    /// The pod's name.
    pub name: OsString,
    /// The container's name within the pod; none for the sandbox.
    pub container: Option<OsString>,
    /// The pod's uid.
    pub uid: Option<OsString>,
    /// `true` for the pod's sandbox, the pause container, which only holds the namespaces.
    pub is_sandbox: bool,
}

/// The state of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The container runs.
    #[default]
    Running,
    /// The container is frozen. Every process that joins its cgroup freezes too.
    Paused,
    /// The container's process exists and waits to become its program.
    Created,
    /// The container has no process. The text is the engine's: `exited`, `created`, `stopped`.
    Stopped(&'static str),
    /// The container was started, but this runtime directory has no record of its process. The
    /// container may still run if its user started it with another runtime directory.
    Unrecorded(PathBuf),
    /// The record names a process that is no longer the container's.
    Stale(Stale),
    /// The record is the claim of a user who is not believed about the process.
    Unbelieved(Unbelieved),
}

/// A fact that contradicts a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stale {
    /// The process has ended.
    #[error("its process {0} has ended")]
    Ended(i32),
    /// The id is used by a process that started at another time.
    #[error("process {0} started at another time than recorded")]
    Start(i32),
    /// The process is in another container, by its cgroup.
    #[error("process {0} is in another container: {1:?}")]
    Elsewhere(i32, OsString),
    /// The record has no time of the start, and the cgroup of the process names no container.
    #[error("nothing shows that process {0} is the container's")]
    Unproven(i32),
    /// The pidfd has another inode than the record says.
    #[error("the id {0} belongs to another process now")]
    Inode(i32),
}

/// A reason why a user's record of a process is not believed: the process is in a namespace that is
/// not the user's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unbelieved {
    /// The process is in the caller's user namespace.
    #[error("process {0} is in your own user namespace, which user {1} did not create")]
    Yours(i32, String),
    /// The user created no user namespace between the caller's and that of the process.
    #[error("process {0} is in a user namespace that user {1} did not create")]
    Anothers(i32, String),
    /// A namespace of the process belongs to a user namespace that the user did not create.
    #[error(
        "the {1} namespace of process {0} does not belong to a user namespace that user {2} created"
    )]
    Namespace(i32, NsKind, String),
    /// The kernel does not show the owners of the namespaces.
    #[error("the owners of the namespaces of process {0} cannot be seen")]
    Unseen(i32),
}

/// A runtime that keeps a container's programs out of the host's namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sandbox {
    /// Kata: a virtual machine.
    Kata,
    /// gVisor: a kernel in user space.
    Gvisor,
    /// A virtual machine that machined knows.
    Machine,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kata => "Kata",
            Self::Gvisor => "gVisor",
            Self::Machine => "a virtual machine",
        })
    }
}

impl State {
    /// Returns the state's name: `running`, `paused`, `created`, `exited`, `unknown`, `stale`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Created => "created",
            Self::Stopped(word) => word,
            Self::Unrecorded(_) => "unknown",
            Self::Stale(_) => "stale",
            Self::Unbelieved(_) => "unbelieved",
        }
    }

    /// Returns whether a program of the container runs, frozen or not.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Container {
    /// Returns a container of which nothing else is known.
    pub(crate) fn new(engine: Engine, id: impl Into<Vec<u8>>) -> Self {
        Self {
            engine,
            id: OsString::from_vec(id.into()),
            name: None,
            namespace: None,
            pod: None,
            state: State::Running,
            bundle: None,
            owner: None,
            image: None,
            sandbox: None,
        }
    }

    /// Returns the container's address, as it is typed: `docker:web`, `k8s://prod/web-0/app`, or
    /// `podman:ada@db` for another user than the caller. An id stands for a missing name. Bytes
    /// that are not UTF-8 are replaced; nothing is escaped.
    pub fn address(&self) -> String {
        if let Some(Pod {
            namespace,
            name,
            container,
            ..
        }) = &self.pod
        {
            return match container {
                Some(container) if self.owners().is_empty() => {
                    format!(
                        "k8s://{}/{}/{}",
                        namespace.display(),
                        name.display(),
                        container.display()
                    )
                }
                // The pod's own name leads to its first container, and a pod to the system's.
                _ => self.address_by_id(),
            };
        }
        match &self.name {
            Some(name) => format!("{}:{}{}", self.engine, self.owners(), name.display()),
            None => self.address_by_id(),
        }
    }

    /// Returns the address by the container's id, of which twelve digits are enough, for containers
    /// that share a name.
    pub fn address_by_id(&self) -> String {
        let short = self.short_id().display();
        let owner = self.owners();
        match &self.namespace {
            Some(namespace) if self.engine == Engine::Containerd => {
                format!("{}:{owner}{}/{short}", self.engine, namespace.display())
            }
            _ => format!("{}:{owner}{short}", self.engine),
        }
    }

    /// Returns the label, after the owner if that is another user than the caller.
    pub fn shown(&self) -> OsString {
        let mut shown = OsString::from(self.owners());
        shown.push(self.label());
        shown
    }

    /// Returns the owner as it is written before the name; empty if the owner need not be named.
    fn owners(&self) -> String {
        let owner = self.owner.as_ref().filter(|owner| !owner.is_caller);
        owner
            .map(|owner| format!("{}@", owner.word))
            .unwrap_or_default()
    }

    /// Returns the names that people use for the container: its own, its pod's, its name in the
    /// pod, and an id that somebody chose.
    pub(crate) fn names(&self) -> Vec<&OsStr> {
        let of_pod = self.pod.iter().flat_map(|pod| {
            pod.container
                .iter()
                .chain((!pod.is_sandbox).then_some(&pod.name))
        });
        let id = (!is_long_id(self.id.as_bytes())).then_some(&self.id);
        self.name
            .iter()
            .chain(of_pod)
            .chain(id)
            .map(OsString::as_os_str)
            .collect()
    }

    /// Returns the container's name, or the start of its id.
    pub fn label(&self) -> OsString {
        match (&self.name, &self.pod) {
            (Some(name), _) => name.clone(),
            (None, Some(Pod { name, .. })) => name.clone(),
            (None, None) => self.short_id().to_owned(),
        }
    }

    /// Returns the id, or its first twelve digits if the engine chose it.
    fn short_id(&self) -> &OsStr {
        match self.id.as_bytes() {
            id if is_long_id(id) => OsStr::from_bytes(&id[..ID_BY_ITSELF]),
            _ => &self.id,
        }
    }
}
