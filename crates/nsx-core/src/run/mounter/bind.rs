//! Bind mounts, and the flags that they get.

use super::{
    super::mounts::{attach, forbidding, path_of},
    file_system::attributes,
};
use crate::{
    plan::ABOVE_ROOT,
    proc::{self, ProcError, ProcRoot},
    sys,
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
    mount::{MountAttrFlags, MountFlags, OpenTreeFlags},
};
use std::path::Path;

/// An opened source.
pub(super) enum Held {
    /// A copy of a mount, which only has to be attached.
    Detached(OwnedFd),
    /// A path in the caller's mounts.
    Path(OwnedFd),
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Detached(fd) | Self::Path(fd) => fd.as_fd(),
        }
    }
}

/// Returns a copy of what is mounted at `path`, or the path opened if the kernel has no such call.
pub(super) fn tree(directory: impl AsFd, path: &Path, recursive: bool) -> Result<Held, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    match rustix::mount::open_tree(&directory, path, flags) {
        Err(Errno::NOSYS) => {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            rustix::fs::openat(&directory, path, flags, Mode::empty()).map(Held::Path)
        }
        tree => tree.map(Held::Detached),
    }
}

/// Mounts `source` on `mount_point`. Returns false if the kernel could not set its flags along with it.
pub(super) fn bind(
    source: &Held,
    mount_point: &OwnedFd,
    recursive: bool,
    flags: MountFlags,
) -> Result<bool, Errno> {
    match source {
        Held::Detached(tree) => {
            let attributed = match flags.is_empty() {
                true => Ok(()),
                false => sys::mount::set_attributes(
                    tree,
                    attributes(flags),
                    MountAttrFlags::empty(),
                    recursive,
                ),
            };
            if !matches!(attributed, Err(Errno::NOSYS)) {
                attributed?;
            }
            attach(tree, mount_point)?;
            Ok(attributed.is_ok())
        }
        Held::Path(_) => {
            let (from, to) = (path_of(source), path_of(mount_point));
            match recursive {
                true => rustix::mount::mount_bind_recursive(from, to)?,
                false => rustix::mount::mount_bind(from, to)?,
            }
            Ok(flags.is_empty())
        }
    }
}

/// Sets the flags of the mount whose root directory is `mount_point`, and of each below it, before 5.12.
/// The flags that they have stay: a user namespace may not clear them.
pub(super) fn remount_each(
    proc: &ProcRoot,
    root: Option<&Path>,
    mount_point: &OwnedFd,
    flags: MountFlags,
) -> Result<(), Errno> {
    let mount_point = rustix::fs::readlink(path_of(mount_point), Vec::new())?;
    let mount_point = mount_point.as_bytes();
    let mounts = proc
        .read_own("mountinfo")
        .and_then(|text| proc::Mount::parse_all(&text));
    let mounts = mounts.map_err(|error| match error {
        ProcError::Os(errno) => errno,
        _ => Errno::IO,
    })?;
    // Newer mounts come later. What is mounted below the same path but on an older one is covered,
    // and has no path any more.
    let top = mounts
        .iter()
        .rfind(|mount| mount.point == mount_point)
        .ok_or(Errno::INVAL)?;
    let mut ids = vec![top.id];
    for mount in &mounts {
        if mount.id != top.id && !ids.contains(&mount.parent) {
            continue;
        }
        ids.push(mount.id);
        // What is mounted on the root has the paths of what it covers.
        let above: &[u8] = if root == Some(Path::new(ABOVE_ROOT)) {
            ABOVE_ROOT.as_bytes()
        } else {
            b""
        };
        let point = [above, &mount.point].concat();
        let has = rustix::fs::statvfs(point.as_slice())?.f_flag.bits();
        let kept = MountFlags::from_bits_truncate(has as u32) & forbidding();
        rustix::mount::mount_remount(point.as_slice(), MountFlags::BIND | kept | flags, c"")?;
    }
    Ok(())
}
