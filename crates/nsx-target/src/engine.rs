//! The engines that run containers, and their prefixes.

use std::fmt;

/// An engine that keeps a container or gives it its name.
///
/// The engines are in order of preference if two know the same container: the engine nearer to its
/// user comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Docker, as root or rootless.
    Docker,
    /// Podman, as root or rootless.
    Podman,
    /// Kubernetes through containerd's CRI plug-in.
    Cri,
    /// Kubernetes through CRI-O.
    Crio,
    /// nerdctl, on containerd.
    Nerdctl,
    /// LXC, Incus, LXD.
    Lxc,
    /// A machine that systemd-machined knows, such as one of systemd-nspawn.
    Machine,
    /// containerd, for any other client.
    Containerd,
    /// An OCI runtime by itself: runc or crun.
    Oci,
    /// A set of namespaces that `nsx unshare --name` keeps.
    Lab,
    /// A systemd unit, which is not a container but has names of the same form.
    Unit,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 11] = [
        Self::Docker,
        Self::Podman,
        Self::Cri,
        Self::Crio,
        Self::Nerdctl,
        Self::Lxc,
        Self::Machine,
        Self::Containerd,
        Self::Oci,
        Self::Lab,
        Self::Unit,
    ];

    /// Returns the prefix before a colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Cri => "cri",
            Self::Crio => "crio",
            Self::Nerdctl => "nerdctl",
            Self::Lxc => "lxc",
            Self::Machine => "machine",
            Self::Containerd => "containerd",
            Self::Oci => "oci",
            Self::Lab => "lab",
            Self::Unit => "unit",
        }
    }

    /// Returns the name that people use.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::Cri => "CRI",
            Self::Crio => "CRI-O",
            Self::Nerdctl => "nerdctl",
            Self::Lxc => "LXC",
            Self::Machine => "machined",
            Self::Containerd => "containerd",
            Self::Oci => "OCI runtime",
            Self::Lab => "nsx",
            Self::Unit => "systemd",
        }
    }

    /// Returns the engine of a prefix. `cri-o`, as Kubernetes writes it, and the names of single
    /// members of a family are prefixes too.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"cri-o" => Some(Self::Crio),
            b"incus" | b"lxd" => Some(Self::Lxc),
            b"runc" | b"crun" => Some(Self::Oci),
            _ => Self::ALL
                .into_iter()
                .find(|engine| engine.name().as_bytes() == name),
        }
    }

    /// Returns every prefix of an engine.
    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .into_iter()
            .map(Self::name)
            .chain(["cri-o", "incus", "lxd", "runc", "crun"])
    }

    /// Returns whether a name that the engine gives may contain an `@`.
    pub(crate) fn has_at_signs(self) -> bool {
        matches!(self, Self::Unit | Self::Lxc | Self::Machine | Self::Oci)
    }

    /// Returns whether containers of `other` count as containers of `self`, too. Those of nerdctl
    /// and of containerd's CRI plug-in are containerd's; Kubernetes writes `containerd://ID` for
    /// them.
    pub fn includes(self, other: Self) -> bool {
        self == other || self == Self::Containerd && matches!(other, Self::Nerdctl | Self::Cri)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
