//! Steps that mount what nsx itself needs, and paths beneath a root directory that may be hostile.

use crate::{
    beneath,
    cgroup::STANDARD,
    delegate,
    ns::NsKind,
    proc::{ProcRoot, hides_reader},
    sys::process::unshare,
};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatVfsMountFlags, StatxFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags,
        MoveMountFlags, UnmountFlags, fsconfig_create, fsconfig_set_fd,
    },
    thread::LinkNameSpaceType,
};
use std::{ffi::CStr, path::Path};

/// Mounts a procfs of the caller's PID namespace.
pub(super) fn procfs(mount_point: impl rustix::path::Arg) -> Result<(), Errno> {
    rustix::mount::mount(c"proc", mount_point, c"proc", harmless(), None)
}

/// Mounts a procfs of the PID namespace that this process's children are in on `/proc`. `proc`
/// shows this process.
///
/// Since 6.17 the kernel can be told which PID namespace that is. Before, a process must be in it:
/// a child that mounts and ends.
pub(super) fn joined_procfs(proc: &ProcRoot) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(proc, "self/ns/pid_for_children", flags, Mode::empty())?;
    let told = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)
        .and_then(|context| fsconfig_set_fd(&context, "pidns", &namespace).map(|()| context));
    let Ok(context) = told else {
        return delegate::act(|| procfs("/proc"))?;
    };
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    rustix::mount::move_mount(
        &mount,
        c"",
        CWD,
        c"/proc",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
}

/// Mounts a procfs of this process's PID namespace on `/proc`, in a copy of the mount namespace,
/// unless the one that is there shows this process. `made` is that procfs, if the kernel has the
/// calls to make it beforehand.
pub(super) fn own_procfs(made: Option<&OwnedFd>, proc: &ProcRoot) -> Result<(), Errno> {
    let mount_point = || beneath(Some(Path::new("/")), Path::new("/proc"));
    if !mount_point().is_ok_and(hides_reader) {
        return Ok(());
    }
    unshare(NsKind::Mnt.flag())?;
    keep_apart(proc)?;
    match made {
        Some(made) => attach(made, &mount_point()?),
        None => procfs("/proc"),
    }
}

/// Makes mounts pass from the mount namespace that this one was copied from, and none to it. `proc`
/// shows this process.
///
/// Propagation is set at a mount point and below. In a chroot the root directory need not be a mount
/// point: propagation is then set from the root directory of the mount namespace.
pub(super) fn keep_apart(proc: &ProcRoot) -> Result<(), Errno> {
    let receive = || {
        rustix::mount::mount_change(
            "/",
            MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
        )
    };
    match receive() {
        Err(Errno::INVAL) => {}
        outcome => return outcome,
    }
    let open =
        |path: &CStr| rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let (root, here) = (open(c"/")?, open(c".")?);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(proc, "self/ns/mnt", flags, Mode::empty())?;
    // To join the mount namespace again leads to its root directory.
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
    let outcome = receive();
    rustix::process::fchdir(&root)?;
    rustix::process::chroot(".")?;
    rustix::process::fchdir(&here)?;
    outcome
}

/// Mounts a binfmt_misc of the caller's user namespace on `at`.
pub(super) fn binfmt(at: &Path) -> Result<(), Errno> {
    rustix::mount::mount(c"binfmt_misc", at, c"binfmt_misc", harmless(), None)
}

/// Mounts a file system of the message queues of the caller's IPC namespace.
pub(super) fn queues(mount_point: &OwnedFd) -> Result<(), Errno> {
    rustix::mount::mount(c"mqueue", path_of(mount_point), c"mqueue", harmless(), None)
}

/// Mounts a sysfs of the caller's network namespace on `mount_point`, which is `/sys` beneath `root`. The
/// cgroup file systems that are mounted there stay.
pub(super) fn sysfs(mount_point: &OwnedFd, root: Option<&Path>) -> Result<(), Errno> {
    let device = |mount_point: &OwnedFd| rustix::fs::fstat(mount_point).map(|stat| stat.st_dev);
    let below = device(mount_point)?;
    let cgroups = beneath(root, Path::new(STANDARD))
        .ok()
        .filter(|at| device(at).is_ok_and(|device| device != below));
    // The kernel refuses a writable one to a user namespace that sees a read-only one.
    let read_only = rustix::fs::fstatvfs(mount_point)?
        .f_flag
        .contains(StatVfsMountFlags::RDONLY);
    let flags = if read_only {
        harmless() | MountFlags::RDONLY
    } else {
        harmless()
    };
    rustix::mount::mount(c"sysfs", path_of(mount_point), c"sysfs", flags, None)?;
    if let Some(cgroups) = cgroups {
        let kept = beneath(root, Path::new(STANDARD))
            .and_then(|at| rustix::mount::mount_bind_recursive(path_of(&cgroups), path_of(&at)));
        if kept.is_err() {
            let top = beneath(root, Path::new("/sys"))?;
            rustix::mount::unmount(path_of(&top), UnmountFlags::DETACH)?;
        }
        return kept;
    }
    Ok(())
}

/// Makes `root`, a mount point, the root directory, and lets go of the old one.
pub(super) fn pivot_root(root: &Path) -> Result<(), Errno> {
    rustix::process::chdir(root)?;
    // Stacks the old root on the new one, where the detaching finds it: no directory for it need
    // exist.
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

/// Returns the flags that forbid what these file systems never need: set-user-id programs, devices,
/// programs.
pub(super) fn harmless() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}

/// Opens the path `at`. With a `root`, what `at` is to someone whose root directory that is: no link
/// leads out of it.
pub(super) fn beneath(root: Option<&Path>, at: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let Some(root) = root else {
        return rustix::fs::openat(CWD, at, flags, Mode::empty());
    };
    let root = rustix::fs::openat(CWD, root, flags | OFlags::DIRECTORY, Mode::empty())?;
    beneath::open(root, at, OFlags::PATH, ResolveFlags::IN_ROOT)
}

/// Returns a path to what a descriptor is open on, through the caller's procfs, which is still
/// there.
pub(super) fn path_of(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

/// Returns a path, as [`path_of`] does, to what lies at `path` below an open directory.
pub(super) fn path_below(directory: &OwnedFd, path: &str) -> String {
    format!("{}/{path}", path_of(directory))
}

/// Returns whether nothing is at `at`, as seen below `root`.
pub(crate) fn is_missing(root: Option<&Path>, at: &Path) -> bool {
    matches!(beneath(root, at), Err(Errno::NOENT))
}

/// Returns the id of the mount that is at a path, or 0 if the kernel does not tell (before 5.8).
pub(super) fn mount_id(at: &Path) -> u32 {
    let found = rustix::fs::statx(CWD, at, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID);
    found.map_or(0, |found| found.stx_mnt_id as u32)
}

/// Attaches a detached mount.
pub(super) fn attach(mount: &OwnedFd, mount_point: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, c"", mount_point, c"", flags)
}

/// Returns the flags of `mount(2)` that forbid something.
pub(super) fn forbidding() -> MountFlags {
    MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}
