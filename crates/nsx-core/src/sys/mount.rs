//! Attributes of mounts, see `mount_setattr(2)`.
//!
//! Sound because the structure that the call reads is a plain one on the stack, and its size is told.

use super::check;
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Errno,
    mount::MountAttrFlags,
};

/// `struct mount_attr` as the first kernel with the call (5.12) knows it; later ones may only be longer.
#[derive(Default)]
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Sets these attributes of a mount, or of it and all below it or none, and clears none (5.12).
///
/// `ENOSYS` before 5.12.
pub fn set_attributes(mount: impl AsFd, set: MountAttrFlags, recursive: bool) -> Result<(), Errno> {
    let mut attributes = Attributes { set: u64::from(set.bits()), ..Attributes::default() };
    if set.intersects(MountAttrFlags::MOUNT_ATTR_NOATIME | MountAttrFlags::MOUNT_ATTR_STRICTATIME) {
        // One of several values, not a bit: the old one has to go.
        attributes.clear = u64::from(MountAttrFlags::MOUNT_ATTR__ATIME.bits());
    }
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let size = size_of::<Attributes>();
    // SAFETY: the path is an empty string, and the structure is read only, in the size that is told.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size,
        )
    };
    check(libc::c_int::try_from(answer).unwrap_or(-1)).map(drop)
}
