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
///
/// Text that comes from records is whatever somebody wrote there: bytes, not to be shown on a
/// terminal as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The engine that runs the container.
    pub engine: Engine,
    /// Its id: hexadecimal for most engines, for LXC, machines and units the name.
    pub id: OsString,
    /// Its name, without the slash that Docker puts before it; none where there is none or it
    /// cannot be read.
    pub name: Option<OsString>,
    /// The namespace within containerd that it is in, such as `k8s.io`.
    pub namespace: Option<OsString>,
    /// Its place in Kubernetes.
    pub pod: Option<Pod>,
    /// The state that the container is in.
    pub state: State,
    /// The directory with its OCI `config.json`, where there is one. Reading it may ask for more
    /// rights than the caller has.
    pub bundle: Option<Location>,
    /// The user whose word all of this is; none if only root could have written it.
    pub owner: Option<Owner>,
    /// The image that it was made from, as its engine names it.
    pub image: Option<OsString>,
    /// The sandbox, if the container's process is known to be only the door to a sandbox, and its
    /// namespaces not those of what runs inside.
    pub sandbox: Option<Sandbox>,
}

/// The user whose word a record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The user's id.
    pub uid: u32,
    /// The word by which the user is typed: a name of letters, digits, `.`, `_` and `-`, or the
    /// number.
    pub word: String,
    /// `true` if this is the caller, who need not be named.
    pub is_caller: bool,
}

/// A container's place in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// The Kubernetes namespace.
    pub namespace: OsString,
    /// The pod's name.
    pub name: OsString,
    /// The container's name within the pod; none for the sandbox.
    pub container: Option<OsString>,
    /// The pod's uid.
    pub uid: Option<OsString>,
    /// `true` if this is the pod's sandbox, which does nothing but hold the namespaces: the pause
    /// container.
    pub is_sandbox: bool,
}

/// The state of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It runs.
    #[default]
    Running,
    /// It is frozen: whatever joins its cgroup is frozen too.
    Paused,
    /// Its process is there and waits to become the container's program.
    Created,
    /// It has no process. In the engine's word: `exited`, `created`, `stopped`.
    Stopped(&'static str),
    /// It was started once, and there is no record of its process in this directory. It may run all
    /// the same: its user may have had another runtime directory.
    Unrecorded(PathBuf),
    /// Its record names a process that is not its own any more.
    Stale(Stale),
    /// Its record is a user's, who may not say that of the process.
    Unbelieved(Unbelieved),
}

/// A fact that contradicts a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The process has ended.
    #[error("its process {0} has ended")]
    Ended(i32),
    /// The id is used by a process that started at another time.
    #[error("process {0} started at another time than the one that is recorded")]
    Start(i32),
    /// The process is in another container, by its cgroup.
    #[error("process {0} is in another container: {1:?}")]
    Elsewhere(i32, OsString),
    /// The record does not say when its process started, and by its cgroup the process is in no
    /// container.
    #[error("nothing shows that process {0} is the container's")]
    Unproven(i32),
    /// The pidfd's inode is not the one that is recorded.
    #[error("the id {0} belongs to another process now")]
    Inode(i32),
}

/// Why a user's record of a process is not believed: the process is in a namespace that is not the
/// user's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// The process is in the caller's user namespace.
    #[error("process {0} is in your own user namespace, which user {1} did not create")]
    Yours(i32, String),
    /// The user made none of the user namespaces that the process is in below the caller's.
    #[error("process {0} is in a user namespace that user {1} did not create")]
    Anothers(i32, String),
    /// The user namespace that a namespace of the process belongs to is none of the user's.
    #[error(
        "the {1} namespace of process {0} does not belong to a user namespace that user {2} created"
    )]
    Namespace(i32, NsKind, String),
    /// The kernel does not show whose the namespaces are.
    #[error("whose namespaces process {0} is in cannot be seen")]
    Unseen(i32),
}

/// A runtime that puts a container's programs where the host's namespaces do not show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The word for it: `running`, `paused`, `created`, `exited`, `unknown`, `stale`.
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
    /// Returns a container of which no more is known.
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

    /// The word that names it, as it is typed: `docker:web`, `k8s://prod/web-0/app`, of another
    /// user than the caller `podman:ada@db`; by id where there is no name. Bytes that are no text
    /// are replaced; nothing is escaped.
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

    /// The word that names it by its id, shortened where it is a long one, for containers that
    /// share a name.
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

    /// The label, with the owner before it if that is another user than the caller.
    pub fn shown(&self) -> OsString {
        let mut shown = OsString::from(self.owners());
        shown.push(self.label());
        shown
    }

    /// The owner as it stands before the name, if it must be named.
    fn owners(&self) -> String {
        let owner = self.owner.as_ref().filter(|owner| !owner.is_caller);
        owner
            .map(|owner| format!("{}@", owner.word))
            .unwrap_or_default()
    }

    /// Returns the names that people have for it: its own, that of its pod, its name in the pod,
    /// and an id that somebody chose.
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

    /// Returns what people call the container: its name, or the start of its id.
    pub fn label(&self) -> OsString {
        match (&self.name, &self.pod) {
            (Some(name), _) => name.clone(),
            (None, Some(Pod { name, .. })) => name.clone(),
            (None, None) => self.short_id().to_owned(),
        }
    }

    /// The id, of which twelve digits are enough if the engine chose it.
    fn short_id(&self) -> &OsStr {
        match self.id.as_bytes() {
            id if is_long_id(id) => OsStr::from_bytes(&id[..ID_BY_ITSELF]),
            _ => &self.id,
        }
    }
}
