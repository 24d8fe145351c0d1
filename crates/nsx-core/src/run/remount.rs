//! Mounts that are there already, otherwise: with other flags, masked, read-only.

use super::mounts::{beneath, forbidding, path_of};
use crate::{
    plan::{Change, FileSystem, mount_data},
    sys::mount::set_attributes,
};
use rustix::{
    fd::OwnedFd,
    fs::FileType,
    io::Errno,
    mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_change, mount_remount},
};
use std::{ffi::CString, path::Path};

/// Changes the mount at a path beneath `root`.
pub(super) fn change(root: Option<&Path>, at: &Path, change: &Change) -> Result<(), Errno> {
    let mount_point = beneath(root, at)?;
    match change {
        Change::Flags(flags) => set_flags(&mount_point, *flags),
        Change::Attributes { set, clear } => set_attributes(&mount_point, *set, *clear, true),
        Change::Propagation(flags) => mount_change(path_of(&mount_point), *flags),
        Change::Remount(FileSystem { options, flags, .. }) => {
            let data = CString::new(mount_data(options)).map_err(|_| Errno::INVAL)?;
            mount_remount(path_of(&mount_point), *flags, data.as_c_str())
        }
    }
}

/// Hides what is at a path beneath `root`, if there is anything.
pub(super) fn mask(root: Option<&Path>, at: &Path) -> Result<(), Errno> {
    let Some(mount_point) = existing(root, at)? else {
        return Ok(());
    };
    match is_directory(&mount_point)? {
        true => mount(
            "tmpfs",
            path_of(&mount_point),
            "tmpfs",
            MountFlags::RDONLY,
            None,
        ),
        // The old root is still there, with its devices.
        false => mount_bind("/dev/null", path_of(&mount_point)),
    }
}

/// Makes what is at a path beneath `root` read-only, if there is anything.
pub(super) fn read_only(root: Option<&Path>, at: &Path) -> Result<(), Errno> {
    let Some(mount_point) = existing(root, at)? else {
        return Ok(());
    };
    mount_bind_recursive(path_of(&mount_point), path_of(&mount_point))?;
    let mount_point = beneath(root, at)?;
    set_flags(&mount_point, kept(&mount_point)? | MountFlags::RDONLY)
}

/// Sets the flags of a mount. Those that a user namespace may not take away stay.
fn set_flags(mount_point: &OwnedFd, flags: MountFlags) -> Result<(), Errno> {
    match mount_remount(path_of(mount_point), MountFlags::BIND | flags, c"") {
        Err(Errno::PERM) => mount_remount(
            path_of(mount_point),
            MountFlags::BIND | flags | kept(mount_point)?,
            c"",
        ),
        set => set,
    }
}

/// Returns the flags of a mount that forbid something.
fn kept(mount_point: &OwnedFd) -> Result<MountFlags, Errno> {
    let has = rustix::fs::fstatvfs(mount_point)?.f_flag.bits();
    Ok(MountFlags::from_bits_truncate(has as u32) & forbidding())
}

fn existing(root: Option<&Path>, at: &Path) -> Result<Option<OwnedFd>, Errno> {
    match beneath(root, at) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        mount_point => mount_point.map(Some),
    }
}

fn is_directory(mount_point: &OwnedFd) -> Result<bool, Errno> {
    rustix::fs::fstat(mount_point)
        .map(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
