//! The ioctls of namespace files, see `ioctl_nsfs(2)`.
//!
//! Sound because an ioctl here takes an integer, or the address of one integer of the size that its
//! number says.

use super::check;
use rustix::{
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    io::Errno,
    process::Pid,
};

/// The magic number of nsfs in `statfs(2)`.
pub(crate) const MAGIC: i64 = 0x6e73_6673;

const NS_GET_USERNS: libc::Ioctl = 0xb701;
const NS_GET_PARENT: libc::Ioctl = 0xb702;
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
const NS_GET_OWNER_UID: libc::Ioctl = 0xb704;
const NS_GET_PID_FROM_PIDNS: libc::Ioctl = 0x8004_b706;
const NS_GET_TGID_FROM_PIDNS: libc::Ioctl = 0x8004_b707;
const NS_GET_PID_IN_PIDNS: libc::Ioctl = 0x8004_b708;
const NS_GET_TGID_IN_PIDNS: libc::Ioctl = 0x8004_b709;
const NS_MNT_GET_INFO: libc::Ioctl = 0x8010_b70a;
const NS_MNT_GET_NEXT: libc::Ioctl = 0x8010_b70b;
const NS_MNT_GET_PREV: libc::Ioctl = 0x8010_b70c;
const NS_GET_ID: libc::Ioctl = 0x8008_b70d;
const SIOCGSKNS: libc::Ioctl = 0x894c;

/// Returns the `CLONE_NEW*` flag of a namespace's kind (4.11).
pub(crate) fn kind_flag(ns: impl AsFd) -> Result<u32, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let flag = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_NSTYPE, 0) })?;
    Ok(flag as u32)
}

/// Returns the owning user namespace (4.9).
pub(crate) fn owner(ns: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_USERNS, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns the parent of a PID or user namespace (4.9).
pub(crate) fn parent(ns: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_PARENT, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns the network namespace of any process's socket (4.10). Requires CAP_NET_ADMIN over that
/// namespace.
pub(crate) fn of_socket(socket: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCGSKNS, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns the user who created a user namespace, as the caller's user namespace numbers users
/// (4.11).
pub(crate) fn owner_uid(ns: impl AsFd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the ioctl writes one uid_t to the address.
    check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_OWNER_UID, &raw mut uid) })?;
    Ok(uid)
}

/// Returns the id of a namespace that is never handed out again until the next boot (6.18).
pub(crate) fn id64(ns: impl AsFd) -> Result<u64, Errno> {
    let mut id = 0_u64;
    // SAFETY: the ioctl writes one u64 to the address.
    check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_ID, &raw mut id) })?;
    Ok(id)
}

/// Returns the id in the caller's PID namespace of the process or thread that has `pid` in the PID
/// namespace `ns` (6.11).
///
/// `ESRCH` if there is none or the caller's namespace does not see it; `ENOTTY` before 6.11.
pub(crate) fn pid_from_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_PID_FROM_PIDNS, pid)
}

/// Returns the id in the PID namespace `ns` of the process or thread that has `pid` in the caller's
/// PID namespace (6.11).
///
/// `ESRCH` if there is none or `ns` does not see it; `ENOTTY` before 6.11.
pub(crate) fn pid_in_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_PID_IN_PIDNS, pid)
}

/// `struct mnt_ns_info`.
#[derive(Default)]
#[repr(C)]
struct MountsInfo {
    size: u32,
    mounts: u32,
    id: u64,
}

/// Returns the id of a mount namespace, which no other one gets before the next boot (6.12).
pub(crate) fn mounts_id(ns: impl AsFd) -> Result<u64, Errno> {
    mounts_info(ns).map(|info| info.id)
}

/// Returns the number of mounts in a mount namespace (6.12).
pub(crate) fn count_mounts(ns: impl AsFd) -> Result<u32, Errno> {
    mounts_info(ns).map(|info| info.mounts)
}

fn mounts_info(ns: impl AsFd) -> Result<MountsInfo, Errno> {
    let mut info = MountsInfo {
        size: size_of::<MountsInfo>() as u32,
        ..MountsInfo::default()
    };
    // SAFETY: the ioctl writes one structure of that size to the address.
    check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_MNT_GET_INFO, &raw mut info) })?;
    Ok(info)
}

/// The direction in which to go through the mount namespaces of the host, whose order is that of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the next.
    Next,
    /// To the one before.
    Previous,
}

/// Returns the mount namespace beside this one (6.12). `ENOENT` at the end; `EPERM` if the caller
/// may not see all.
pub(crate) fn mounts_beside(ns: impl AsFd, way: Way) -> Result<OwnedFd, Errno> {
    let request = if way == Way::Next {
        NS_MNT_GET_NEXT
    } else {
        NS_MNT_GET_PREV
    };
    // SAFETY: the ioctl writes nothing if the address is none.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), request, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns the id in the caller's PID namespace of the process that has `pid`, or of the process
/// whose thread does, in the PID namespace `ns` (6.11).
///
/// `ESRCH` if there is none or the caller's namespace does not see it; `ENOTTY` before 6.11.
pub(crate) fn tgid_from_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_TGID_FROM_PIDNS, pid)
}

/// Returns the id in the PID namespace `ns` of the process that has `pid`, or of the process whose
/// thread does, in the caller's PID namespace (6.11).
///
/// `ESRCH` if there is none or `ns` does not see it; `ENOTTY` before 6.11.
pub(crate) fn tgid_in_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_TGID_IN_PIDNS, pid)
}

fn translate(ns: impl AsFd, request: libc::Ioctl, pid: Pid) -> Result<Pid, Errno> {
    let pid = libc::c_ulong::from(pid.as_raw_nonzero().get().unsigned_abs());
    // SAFETY: the ioctl takes the id by value.
    let answer = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), request, pid) })?;
    Pid::from_raw(answer).ok_or(Errno::SRCH)
}

/// A namespace's file handle, see `name_to_handle_at(2)`: `struct nsfs_file_handle` behind the
/// header of any handle.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: libc::c_int,
    id: u64,
    flag: u32,
    inode: u32,
}

/// The kind of handle that a namespace has: `FILEID_NSFS`.
const HANDLE_KIND: libc::c_int = 0xf1;
/// Stands for the root of nsfs, which is never mounted: `FD_NSFS_ROOT`.
const NSFS_ROOT: libc::c_int = -10003;

/// Opens the namespace with this id, see [`id64`]. `known` is its `CLONE_NEW*` flag and its inode
/// number, without which the kernel finds it only since 6.19.
///
/// `ESTALE` if there is none that the caller may open; `EBADF` before 6.18.
pub(crate) fn open_by_id(id: u64, known: Option<(u32, u32)>) -> Result<OwnedFd, Errno> {
    let (flag, inode) = known.unwrap_or_default();
    let mut handle = Handle {
        bytes: 16,
        kind: HANDLE_KIND,
        id,
        flag,
        inode,
    };
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the handle is as long as its header says, and the kernel reads it only.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            NSFS_ROOT,
            &raw mut handle,
            flags,
        )
    };
    let fd = check(libc::c_int::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the kernel has just made the descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
