//! [`ParseTargetError`]: the reason why a word is not a target.

use nsx_core::pid::ParsePidError;

/// An error in a word that should be a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTargetError {
    /// The word that should be a PID is not a PID.
    #[error(transparent)]
    Pid(#[from] ParsePidError),
    /// The part that follows the colon of a PID is not an inode number.
    #[error("what follows the colon is not the inode number of a pidfd")]
    Inode,
    /// The word is empty, or has nothing after its prefix.
    #[error("it names nothing")]
    Empty,
    /// The prefix is not known.
    #[error(
        "the prefix is none of docker, podman, containerd, nerdctl, cri, crio, k8s, lxc, machine, \
        unit, oci, netns and id, \
         and no kind of namespace"
    )]
    Prefix,
    /// The prefix of a pattern is not one of names.
    #[error(
        "the prefix of a pattern is netns, k8s or an engine: docker, podman, containerd, nerdctl, \
        cri, crio, lxc, machine, \
         unit or oci"
    )]
    Pattern,
    /// A pod is not named as one.
    #[error("a pod is named k8s://NAMESPACE/POD[/CONTAINER]")]
    Pod,
    /// The name of a container cannot have a slash.
    #[error("no container has a slash in its name")]
    Slash,
    /// A kind of namespace is not followed by a number as the kernel writes it.
    #[error(
        "what follows the kind of namespace is not its inode number in brackets, as in \
        net:[4026531840]"
    )]
    Namespace,
    /// `id:` is not followed by a number.
    #[error("what follows id: is not the id of a namespace, a decimal number")]
    Id,
}
