//! The options about files, the host name and the network.

use crate::program::RequestError;
use clap::{Args, ValueEnum, builder::ValueHint};
use nsx_core::{
    cgroup::{self, Hierarchy},
    ns::{NsKind, NsSet},
    plan::Mount,
    proc::ProcRoot,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Files, host name, network")]
pub(super) struct SetupOptions {
    /// Host name in the new UTS namespace; implies --uts
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname)]
    pub(super) hostname: Option<OsString>,
    /// NIS domain name in the new UTS namespace; implies --uts
    #[arg(long, value_name = "NAME")]
    pub(super) domainname: Option<OsString>,
    /// Make DIR the root directory; implies --mount
    ///
    /// The old root is unmounted from the new mount namespace (pivot_root(2), not chroot(2)). The
    /// program starts in the new `/`, and the procfs of --pid and the sysfs of --net are mounted on
    /// DIR/proc and DIR/sys. With `/` the root stays as it is, unless something is mounted on it,
    /// and the program starts there.
    #[arg(short = 'R', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) root: Option<PathBuf>,
    /// Start the program in DIR, as the new root has it
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) wd: Option<PathBuf>,
    /// Set how mount events pass between the new mount namespace and the caller's
    #[arg(long, value_name = "MODE", default_value = "private")]
    pub(super) propagation: Propagation,
    /// Mount a procfs on DIR, by default /proc; implies --mount
    ///
    /// With --pid this is the default, for without it `ps` would show the caller's processes.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/proc",
          overrides_with = "no_mount_proc", value_hint = ValueHint::DirPath)]
    pub(super) mount_proc: Option<PathBuf>,
    /// With --pid, leave /proc as it is
    #[arg(long)]
    pub(super) no_mount_proc: bool,
    /// Mount a binfmt_misc of the new user namespace on DIR, by default below /proc; implies --user
    /// and --mount
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, value_hint = ValueHint::DirPath)]
    pub(super) mount_binfmt: Option<Option<PathBuf>>,
    /// Register an interpreter there, in the form of binfmt_misc; implies --mount-binfmt
    #[arg(short = 'l', long, value_name = "STRING")]
    pub(super) load_interp: Option<OsString>,
    /// With --net, leave /sys as it is
    ///
    /// By default /sys shows the devices of the new network; where the kernel refuses this it is
    /// skipped, and -v says so.
    #[arg(long)]
    pub(super) no_mount_sys: bool,
    /// With --ipc, leave /dev/mqueue as it is
    ///
    /// By default /dev/mqueue shows the message queues of the new namespace, unless mounts are
    /// passed on with --propagation. If there is no such directory or the kernel refuses, this is
    /// skipped, and -v says so.
    #[arg(long)]
    pub(super) no_mount_mqueue: bool,
    /// With --cgroup, leave /sys/fs/cgroup as it is
    ///
    /// By default each hierarchy that is mounted there is mounted again, so that `/` of
    /// /proc/self/cgroup is its top, unless mounts are passed on with --propagation. If the kernel
    /// refuses, this is skipped, and -v says so.
    #[arg(long)]
    pub(super) no_mount_cgroup: bool,
    /// With --net, leave the loopback device down
    #[arg(long)]
    pub(super) no_lo: bool,
}
/// See `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Propagation {
    /// Neither side sees mounts of the other
    Private,
    /// Both sides see mounts of the other
    Shared,
    /// Mounts outside are seen inside
    Slave,
    /// As each mount point has it
    Unchanged,
}
impl SetupOptions {
    /// Decides whether the message queues of a new IPC namespace are mounted, and which hierarchies
    /// for a new cgroup namespace. Leaves out mounts that would be seen outside, and those on mount
    /// points where the caller mounts something else.
    pub(super) fn kernel_views(
        &self,
        kinds: NsSet,
        mounts: &[Mount],
        proc: &ProcRoot,
    ) -> Result<(bool, Vec<Hierarchy>), RequestError> {
        let private = matches!(self.propagation, Propagation::Private | Propagation::Slave);
        let is_free =
            |place: &str| private && mounts.iter().all(|mount| mount.at != Path::new(place));
        let queues = kinds.contains(NsKind::Ipc) && !self.no_mount_mqueue && is_free("/dev/mqueue");
        let cgroups =
            kinds.contains(NsKind::Cgroup) && !self.no_mount_cgroup && is_free(cgroup::STANDARD);
        let hierarchies = match cgroups {
            true => cgroup::Mounts::read(proc)
                .map_err(|error| RequestError::Proc(Box::new(error)))?
                .hierarchies(),
            false => Vec::new(),
        };
        Ok((queues, hierarchies))
    }
}
/// The mount point of binfmt_misc if no other one is named.
pub(super) const BINFMT: &str = "/proc/sys/fs/binfmt_misc";
