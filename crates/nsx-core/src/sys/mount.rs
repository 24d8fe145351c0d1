//! Attributes of mounts, and the mounts of namespaces without processes, see `mount_setattr(2)`,
//! `listmount(2)` and `statmount(2)`.
//!
//! Sound because the structures that the calls read are plain ones on the stack, and the size of
//! whatever is read or written is told.

use super::check;
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Errno,
    mount::MountAttrFlags,
};

/// `struct mount_attr` as the first kernel with the call (5.12) knows it; later ones may only be
/// longer.
#[derive(Default)]
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Clears and sets attributes of a mount, or of it and all below it or none (5.12).
///
/// `ENOSYS` before 5.12.
pub(crate) fn set_attributes(
    mount: impl AsFd,
    set: MountAttrFlags,
    clear: MountAttrFlags,
    recursive: bool,
) -> Result<(), Errno> {
    let mut attributes = Attributes {
        set: u64::from(set.bits()),
        clear: u64::from(clear.bits()),
        ..Attributes::default()
    };
    if set.intersects(MountAttrFlags::MOUNT_ATTR_NOATIME | MountAttrFlags::MOUNT_ATTR_STRICTATIME) {
        // One of several values, not a bit: the old one has to go.
        attributes.clear |= u64::from(MountAttrFlags::MOUNT_ATTR__ATIME.bits());
    }
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let size = size_of::<Attributes>();
    // SAFETY: the path is an empty string, and the structure is read only, in the size that is
    // told.
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

/// `struct mnt_id_req` as it is since mounts of other namespaces can be requested (6.11).
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    param: u64,
    namespace: u64,
}

/// All mounts below the root, LSMT_ROOT.
const ALL: u64 = u64::MAX;

/// Writes the unique ids of the mounts of a mount namespace, by its id, that come after the mount
/// `after` (0: from the first) and says how many they are; as many as there is room for (6.11).
///
/// `ENOSYS` before 6.8, `EINVAL` before 6.11. Requires CAP_SYS_ADMIN over the namespace.
pub(crate) fn list(namespace: u64, after: u64, ids: &mut [u64]) -> Result<usize, Errno> {
    let request = Request {
        size: size_of::<Request>() as u32,
        spare: 0,
        mount: ALL,
        param: after,
        namespace,
    };
    // SAFETY: the call reads the structure, and writes at most as many ids as there is room for.
    let answer = unsafe {
        libc::syscall(
            SYS_LISTMOUNT,
            &raw const request,
            ids.as_mut_ptr(),
            ids.len(),
            0,
        )
    };
    Ok(check(libc::c_int::try_from(answer).unwrap_or(-1))?.unsigned_abs() as usize)
}

/// Writes what `mask` requests about one mount of a mount namespace, `struct statmount` (6.11).
///
/// `EOVERFLOW` if the buffer is too small; otherwise as [`list`].
pub(crate) fn stat(namespace: u64, mount: u64, mask: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    let request = Request {
        size: size_of::<Request>() as u32,
        spare: 0,
        mount,
        param: mask,
        namespace,
    };
    // SAFETY: the call reads the structure, and writes at most as many bytes as there is room for.
    let answer = unsafe {
        libc::syscall(
            SYS_STATMOUNT,
            &raw const request,
            buffer.as_mut_ptr(),
            buffer.len(),
            0,
        )
    };
    check(libc::c_int::try_from(answer).unwrap_or(-1)).map(drop)
}

// The same numbers on every architecture that nsx is for.
const SYS_STATMOUNT: libc::c_long = 457;
const SYS_LISTMOUNT: libc::c_long = 458;
