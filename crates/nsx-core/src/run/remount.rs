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

/// Changes the mount at a place beneath `root`.
pub(super) fn change(root: Option<&Path>, at: &Path, change: &Change) -> Result<(), Errno> {
    let place = beneath(root, at)?;
    match change {
        Change::Flags(flags) => set_flags(&place, *flags),
        Change::Attributes { set, clear } => set_attributes(&place, *set, *clear, true),
        Change::Propagation(flags) => mount_change(path_of(&place), *flags),
        Change::Remount(FileSystem { options, flags, .. }) => {
            let data = CString::new(mount_data(options)).map_err(|_| Errno::INVAL)?;
            mount_remount(path_of(&place), *flags, data.as_c_str())
        }
    }
}

/// Hides what is at a place beneath `root`, if there is anything.
pub(super) fn mask(root: Option<&Path>, at: &Path) -> Result<(), Errno> {
    let Some(place) = existing(root, at)? else {
        return Ok(());
    };
    match is_directory(&place)? {
        true => mount("tmpfs", path_of(&place), "tmpfs", MountFlags::RDONLY, None),
        // The old root is still there, with its devices.
        false => mount_bind("/dev/null", path_of(&place)),
    }
}

/// Makes what is at a place beneath `root` read-only, if there is anything.
pub(super) fn read_only(root: Option<&Path>, at: &Path) -> Result<(), Errno> {
    let Some(place) = existing(root, at)? else {
        return Ok(());
    };
    mount_bind_recursive(path_of(&place), path_of(&place))?;
    let place = beneath(root, at)?;
    set_flags(&place, kept(&place)? | MountFlags::RDONLY)
}

/// Sets the flags of a mount. Those that a user namespace may not take away stay.
fn set_flags(place: &OwnedFd, flags: MountFlags) -> Result<(), Errno> {
    match mount_remount(path_of(place), MountFlags::BIND | flags, c"") {
        Err(Errno::PERM) => {
            mount_remount(path_of(place), MountFlags::BIND | flags | kept(place)?, c"")
        }
        set => set,
    }
}

/// Returns the flags of a mount that forbid something.
fn kept(place: &OwnedFd) -> Result<MountFlags, Errno> {
    let has = rustix::fs::fstatvfs(place)?.f_flag.bits();
    Ok(MountFlags::from_bits_truncate(has as u32) & forbidding())
}

fn existing(root: Option<&Path>, at: &Path) -> Result<Option<OwnedFd>, Errno> {
    match beneath(root, at) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        place => place.map(Some),
    }
}

fn is_directory(place: &OwnedFd) -> Result<bool, Errno> {
    rustix::fs::fstat(place)
        .map(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
