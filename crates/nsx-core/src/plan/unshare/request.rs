//! A request to create namespaces.

use crate::{
    cgroup::Hierarchy,
    idmap::{IdMap, Setgroups},
    ns::{NsKind, NsSet},
    plan::{
        ClockOffset, Confinement, GroupsDenied, Mount, NamespaceFile, Network, Pin, Propagation,
        Record, Signals, enter::CgroupFile,
    },
    sys::signal::Signal,
};
use std::{ffi::CString, path::PathBuf};

/// A request in terms of namespaces. Nothing is implied: the code that fills it in has settled the
/// defaults.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Kinds of new namespaces.
    pub kinds: NsSet,
    /// Namespaces to join before the new ones are made.
    pub joins: Vec<NamespaceFile>,
    /// The user and group that own the new user namespace, if they are not the caller's. The
    /// program runs as they.
    pub owner: Option<(u32, u32)>,
    /// The new user namespace's users.
    pub users: Option<IdMap>,
    /// The new user namespace's groups.
    pub groups: Option<IdMap>,
    /// The rule for setgroups in the new user namespace; if none is given, the rule that the maps
    /// require.
    pub setgroups: Option<Setgroups>,
    /// Offsets of the new time namespace's clocks.
    pub clocks: Vec<ClockOffset>,
    /// Files that keep the new namespaces when their processes are gone.
    pub pins: Vec<Pin>,
    /// The propagation of mount events.
    pub propagation: Propagation,
    /// `true` if nsx stays and waits, and a child becomes the program. Otherwise the program is not
    /// in a new PID namespace, nor in a new time namespace unless
    /// [`Caller::exec_enters_time`](crate::plan::Caller::exec_enters_time).
    pub fork: bool,
    /// `true` if nsx is PID 1 of the new PID namespace, and the program its child; requires `fork`.
    pub init: bool,
    /// The handling of signals while nsx waits.
    pub signals: Signals,
    /// The signal that the program gets when nsx ends; needs `fork`.
    pub kill_child: Option<Signal>,
    /// The mounts to make, in this order, on mount points below the new root.
    pub mounts: Vec<Mount>,
    /// `true` if bind mounts pass mount events to the caller's mounts and receive theirs, when the
    /// caller's are shared.
    pub binds_stay_shared: bool,
    /// `true` if missing mount points are made, wherever they are.
    pub makes_mount_points: bool,
    /// Set the loopback device up.
    pub loopback: bool,
    /// The connections of the new network namespace.
    pub network: Network,
    /// Mount a sysfs of the new network namespace on /sys, if the kernel allows it.
    pub mount_sys: bool,
    /// Mount a file system of the new IPC namespace's message queues on /dev/mqueue, if the kernel
    /// allows it.
    pub mount_queues: bool,
    /// Hierarchies of cgroups to mount again as the new cgroup namespace shows them, if the kernel
    /// allows it.
    pub mount_cgroups: Vec<Hierarchy>,
    /// The mount point for a procfs of the new PID namespace: an absolute path below the new root.
    pub mount_proc: Option<PathBuf>,
    /// `true` if a new mount may be seen outside, when mounts are shared and its
    /// directory is not a mount point that could be cut off.
    pub mounts_may_leak: bool,
    /// The mount point for a binfmt_misc of the new user namespace.
    pub mount_binfmt: Option<PathBuf>,
    /// An interpreter to register there, as binfmt_misc takes it; needs `mount_binfmt`.
    pub interpreter: Option<CString>,
    /// The new host name.
    pub hostname: Option<CString>,
    /// The new NIS domain name.
    pub domain_name: Option<CString>,
    /// The new root directory; the old one is let go.
    pub root: Option<PathBuf>,
    /// The new root directory, as `chroot(2)` has it: entered before anything is mounted.
    pub chroot: Option<PathBuf>,
    /// A directory to change to before anything is mounted, from which mount points are
    /// named.
    pub mount_from: Option<PathBuf>,
    /// The directory in which the program starts, below the new root.
    pub directory: Option<PathBuf>,
    /// The program's user id, in the new user namespace.
    pub uid: Option<u32>,
    /// The program's group id, likewise; its supplementary groups are then those named next.
    pub gid: Option<u32>,
    /// The program's supplementary groups, likewise.
    pub supplementary_groups: Vec<u32>,
    /// The consequence if the program is to have no supplementary groups and setgroups is denied.
    pub groups_denied: GroupsDenied,
    /// The capabilities, limits and filters that the program has; what its caller has if empty.
    pub confinement: Confinement,
    /// The user whose home directory, as the new root directory's /etc/passwd has it, is the value
    /// of HOME.
    pub home_of: Option<u32>,
    /// Cgroups that the program joins; requires `fork`.
    pub cgroups: Vec<CgroupFile>,
    /// The record of the set, if no program is run but a process stays that keeps the namespaces;
    /// requires `fork`.
    pub keep: Option<Record>,
    /// The program's environment, `NAME=VALUE` each; the caller's if none is given.
    pub environment: Option<Vec<CString>>,
    /// Argument vectors, of which the first whose program exists is run; the user's login shell if
    /// there is none.
    pub programs: Vec<Vec<CString>>,
}

impl Request {
    /// Returns whether a namespace of this kind is joined.
    pub fn joins_kind(&self, kind: NsKind) -> bool {
        self.joins.iter().any(|file| file.kind() == kind)
    }

    /// Returns whether setgroups will be denied in the new user namespace, whose owner is in this
    /// group. Only then does the kernel let a process map its own group; a privileged process
    /// outside need not deny setgroups.
    pub(super) fn denies_setgroups(&self, owner: u32) -> bool {
        let own_group = self.groups.as_ref().is_some_and(|map| map.is_single(owner));
        self.setgroups == Some(Setgroups::Deny)
            || (own_group && self.setgroups != Some(Setgroups::Allow))
    }
}
