//! Reasons why a bundle cannot be run.

use nsx_core::{idmap::MapError, ns::NsKind};
use rustix::io::Errno;

/// An error in a bundle, or in what it names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OciError {
    /// The file does not exist, or cannot be read.
    #[error("failed to read {0}")]
    Read(String, #[source] std::io::Error),
    /// The file is not a configuration.
    #[error("{0} is not an OCI runtime configuration")]
    Json(String, #[source] serde_json::Error),
    /// A kind of namespace that the specification does not have.
    #[error("linux.namespaces: there is no type {0}")]
    NoSuchKind(String),
    /// A kind of namespace that is listed twice.
    #[error("linux.namespaces lists {0} twice")]
    Twice(NsKind),
    /// A file that should hold a namespace and cannot be opened as one.
    #[error("linux.namespaces: failed to open {0}")]
    Namespace(String, #[source] Errno),
    /// A file that holds a namespace of another kind.
    #[error("linux.namespaces: {0} is of kind {1}, not {2}")]
    WrongKind(String, NsKind, NsKind),
    /// A property that would be set on the host, because the file has no namespace for it.
    #[error("{0} needs a {1} namespace in linux.namespaces")]
    NeedsNamespace(&'static str, NsKind),
    /// Id mappings that the kernel would refuse.
    #[error("{0} cannot be carried out")]
    IdMap(&'static str, #[source] MapError),
    /// The caller can create namespaces only in a user namespace of its own.
    #[error(
        "linux.namespaces has no user namespace, which a caller without privilege needs; `runc \
        spec --rootless` writes one"
    )]
    NoUserNamespace,
    /// A resource that Linux does not have.
    #[error("process.rlimits: there is no resource {0}")]
    Limit(String),
    /// A filter that cannot be made.
    #[error("linux.seccomp: {0}")]
    Seccomp(String),
    /// A clock that has no offset.
    #[error("linux.timeOffsets: there is no clock {0}")]
    Clock(String),
    /// A working directory that is not absolute.
    #[error("process.cwd is not an absolute path: {0}")]
    RelativeDirectory(String),
    /// A propagation that the specification does not have, or that a root directory cannot have.
    #[error("linux.rootfsPropagation: {0} is not private, slave or shared")]
    Propagation(String),
    /// An option of a mount that is not text.
    #[error("mounts[{0}].options[{1}] is not UTF-8")]
    Option(usize, usize),
    /// An id-mapped mount.
    #[error("mounts[{0}]: id-mapped mounts are not supported")]
    IdMapped(usize),
    /// Effective capabilities that are not permitted.
    #[error("process.capabilities.effective has capabilities that permitted does not have")]
    NotPermitted,
    /// A required property.
    #[error("{0} is missing")]
    Missing(String),
    /// A text with a zero byte in it, which no system call takes.
    #[error("{0} contains a zero byte")]
    ZeroByte(&'static str),
}
