//! The ioctls of namespace files, see `ioctl_nsfs(2)`.
//!
//! Sound because an ioctl here takes an integer, or the address of one integer of the size that its number says.

use super::check;
use crate::pid::Pid;
use rustix::{
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

/// The magic number of nsfs in `statfs(2)`.
pub const MAGIC: i64 = 0x6e73_6673;

const NS_GET_USERNS: libc::Ioctl = 0xb701;
const NS_GET_PARENT: libc::Ioctl = 0xb702;
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
const NS_GET_OWNER_UID: libc::Ioctl = 0xb704;
const NS_GET_PID_FROM_PIDNS: libc::Ioctl = 0x8004_b706;
const NS_GET_TGID_FROM_PIDNS: libc::Ioctl = 0x8004_b707;
const NS_GET_PID_IN_PIDNS: libc::Ioctl = 0x8004_b708;
const NS_GET_TGID_IN_PIDNS: libc::Ioctl = 0x8004_b709;
const NS_GET_ID: libc::Ioctl = 0x8008_b70d;

/// The `CLONE_NEW*` flag of a namespace's kind (4.11).
pub fn kind_flag(ns: impl AsFd) -> Result<u32, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let flag = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_NSTYPE, 0) })?;
    Ok(flag as u32)
}

/// The owning user namespace (4.9).
pub fn owner(ns: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_USERNS, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The parent of a PID or user namespace (4.9).
pub fn parent(ns: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_PARENT, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Who created a user namespace, as the caller's user namespace numbers users (4.11).
pub fn owner_uid(ns: impl AsFd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the ioctl writes one uid_t to the address.
    check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_OWNER_UID, &raw mut uid) })?;
    Ok(uid)
}

/// The id of a namespace that is never handed out again until the next boot (6.18).
pub fn id64(ns: impl AsFd) -> Result<u64, Errno> {
    let mut id = 0_u64;
    // SAFETY: the ioctl writes one u64 to the address.
    check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), NS_GET_ID, &raw mut id) })?;
    Ok(id)
}

/// The id in the caller's PID namespace of the process or thread that has `pid` in the PID namespace `ns` (6.11).
///
/// `ESRCH` where there is none or the caller's namespace does not see it; `ENOTTY` before 6.11.
pub fn pid_from_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_PID_FROM_PIDNS, pid)
}

/// The id in the PID namespace `ns` of the process or thread that has `pid` in the caller's PID namespace (6.11).
///
/// `ESRCH` where there is none or `ns` does not see it; `ENOTTY` before 6.11.
pub fn pid_in_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_PID_IN_PIDNS, pid)
}

/// The id in the caller's PID namespace of the process that has `pid`, or of the process whose thread does, in the PID
/// namespace `ns` (6.11).
///
/// `ESRCH` where there is none or the caller's namespace does not see it; `ENOTTY` before 6.11.
pub fn tgid_from_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_TGID_FROM_PIDNS, pid)
}

/// The id in the PID namespace `ns` of the process that has `pid`, or of the process whose thread does, in the caller's
/// PID namespace (6.11).
///
/// `ESRCH` where there is none or `ns` does not see it; `ENOTTY` before 6.11.
pub fn tgid_in_pidns(ns: impl AsFd, pid: Pid) -> Result<Pid, Errno> {
    translate(ns, NS_GET_TGID_IN_PIDNS, pid)
}

fn translate(ns: impl AsFd, request: libc::Ioctl, pid: Pid) -> Result<Pid, Errno> {
    let pid = libc::c_ulong::from(pid.as_raw_nonzero().get().unsigned_abs());
    // SAFETY: the ioctl takes the id by value.
    let answer = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), request, pid) })?;
    Pid::from_raw(answer).ok_or(Errno::SRCH)
}

/// Opens for reading what `place`, an `O_PATH` descriptor of a namespace file, stands for.
pub fn reopen(place: impl AsFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", place.as_fd().as_raw_fd());
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
