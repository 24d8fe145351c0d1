//! The options about files, the host name and the network.

use crate::{error::Error, program};
use clap::{Args, ValueEnum, builder::ValueHint};
use nsx_core::{
    cgroup,
    ns::{NsKind, NsSet},
    plan::{self, Mount, NamespaceFile, unshare::Request},
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
    domainname: Option<OsString>,
    /// Make DIR the root directory; implies --mount
    ///
    /// The old root is unmounted from the new mount namespace (pivot_root(2), not chroot(2)). The
    /// program starts in the new `/`, and the procfs of --pid and the sysfs of --net are mounted on
    /// DIR/proc and DIR/sys. With `/` the root stays as it is, unless something is mounted on it,
    /// and the program starts there.
    #[arg(short = 'R', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,
    /// Start the program in DIR, as the new root has it
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    wd: Option<PathBuf>,
    /// Set how mount events pass between the new mount namespace and the caller's
    #[arg(long, value_name = "MODE", default_value = "private")]
    propagation: Propagation,
    /// Mount a procfs on DIR, by default /proc; implies --mount
    ///
    /// With --pid this is the default, because `ps` would otherwise show the caller's processes.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/proc",
          overrides_with = "no_mount_proc", value_hint = ValueHint::DirPath)]
    mount_proc: Option<PathBuf>,
    /// With --pid, leave /proc as it is
    #[arg(long)]
    no_mount_proc: bool,
    /// Mount a binfmt_misc of the new user namespace on DIR, by default below /proc; implies --user
    /// and --mount
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = BINFMT,
          value_hint = ValueHint::DirPath)]
    mount_binfmt: Option<PathBuf>,
    /// Register an interpreter there, in the format of binfmt_misc; implies --mount-binfmt
    #[arg(short = 'l', long, value_name = "STRING")]
    load_interp: Option<OsString>,
    /// With --net, leave /sys as it is
    ///
    /// By default /sys shows the devices of the new network. If the kernel refuses, this is skipped,
    /// and -v says so.
    #[arg(long)]
    no_mount_sys: bool,
    /// With --ipc, leave /dev/mqueue as it is
    ///
    /// By default /dev/mqueue shows the message queues of the new namespace, unless mounts are
    /// passed on with --propagation. If there is no such directory or the kernel refuses, this is
    /// skipped, and -v says so.
    #[arg(long)]
    no_mount_mqueue: bool,
    /// With --cgroup, leave /sys/fs/cgroup as it is
    ///
    /// By default each hierarchy that is mounted there is mounted again, so that `/` of
    /// /proc/self/cgroup is its top, unless mounts are passed on with --propagation. If the kernel
    /// refuses, this is skipped, and -v says so.
    #[arg(long)]
    no_mount_cgroup: bool,
}
/// See `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Propagation {
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
    /// Sets what the options name, and the kinds of namespace that they imply.
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Error> {
        self.set_hostname(request)?;
        if let Some(name) = &self.domainname {
            request.kinds.insert(NsKind::Uts);
            request.domain_name = Some(program::c_string(name.clone(), "the domain name")?);
        }
        if self.root.is_some() || self.mount_proc.is_some() {
            request.kinds.insert(NsKind::Mnt);
        }
        request.mount_proc = self.mount_proc.clone();
        if let Some(text) = &self.load_interp {
            request.interpreter = Some(program::c_string(text.clone(), "the interpreter")?);
        }
        let default = self.load_interp.as_ref().map(|_| BINFMT.into());
        request.mount_binfmt = self.mount_binfmt.clone().or(default);
        if request.mount_binfmt.is_some() {
            request.kinds.insert(NsKind::User);
            request.kinds.insert(NsKind::Mnt);
        }
        request.propagation = match self.propagation {
            Propagation::Private => plan::Propagation::Private,
            Propagation::Shared => plan::Propagation::Shared,
            Propagation::Slave => plan::Propagation::Slave,
            Propagation::Unchanged => plan::Propagation::Unchanged,
        };
        Ok(())
    }

    pub(super) fn set_hostname(&self, request: &mut Request) -> Result<(), Error> {
        if let Some(name) = &self.hostname {
            request.kinds.insert(NsKind::Uts);
            request.hostname = Some(program::c_string(name.clone(), "the host name")?);
        }
        Ok(())
    }

    /// Adds the views of the kernel that the namespaces change, unless the mount namespace is joined:
    /// others would see the views. Call after all kinds, `fork` and `mounts` are set.
    pub(super) fn add_views(&self, request: &mut Request, proc: &ProcRoot) -> Result<(), Error> {
        if request.joins_kind(NsKind::Mnt) {
            return Ok(());
        }
        let joined: NsSet = request.joins.iter().map(NamespaceFile::kind).collect();
        let kinds = request.kinds.union(joined);
        if kinds.contains(NsKind::Pid) && request.fork && !self.no_mount_proc {
            request.mount_proc.get_or_insert_with(|| "/proc".into());
        }
        request.mount_sys = kinds.contains(NsKind::Net) && !self.no_mount_sys;
        request.mount_queues = kinds.contains(NsKind::Ipc)
            && !self.no_mount_mqueue
            && self.may_mount("/dev/mqueue", &request.mounts);
        if kinds.contains(NsKind::Cgroup)
            && !self.no_mount_cgroup
            && self.may_mount(cgroup::STANDARD, &request.mounts)
        {
            request.mount_cgroups = cgroup::Mounts::read(proc)
                .map_err(|error| Error::Proc(Box::new(error)))?
                .hierarchies();
        }
        if request.mount_proc.is_some()
            || request.mount_sys
            || request.mount_queues
            || !request.mount_cgroups.is_empty()
        {
            request.kinds.insert(NsKind::Mnt);
        }
        Ok(())
    }

    /// Returns whether a view may be mounted on a path: not if the mount would be seen outside, nor
    /// on a mount point of the caller's.
    fn may_mount(&self, path: &str, mounts: &[Mount]) -> bool {
        let stays_inside = matches!(self.propagation, Propagation::Private | Propagation::Slave);
        stays_inside && mounts.iter().all(|mount| mount.at != Path::new(path))
    }

    /// Sets the root directory and the working directory. Call after `mounts` are set.
    pub(super) fn set_directories(self, request: &mut Request) -> Result<(), Error> {
        // Naming the current root keeps it, unless a mount covers it, and starts the program there.
        if let Some(root) = &self.root
            && root.canonicalize().is_ok_and(|root| root == Path::new("/"))
        {
            request.directory = Some(Path::new("/").join(self.wd.unwrap_or_default()));
            return Ok(());
        }
        // A mount may hide the caller's working directory: the program starts in the directory that
        // has the same path inside.
        let may_be_hidden = !request.mounts.is_empty() && self.root.is_none();
        request.directory = match self.wd {
            wd if !may_be_hidden => wd,
            Some(wd) => Some(program::directory()?.join(wd)),
            None => Some(program::directory()?),
        };
        request.root = self.root;
        Ok(())
    }
}

/// The mount point of binfmt_misc unless another one is named.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";
