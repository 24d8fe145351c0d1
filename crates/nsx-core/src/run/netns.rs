//! The directory of `ip-netns(8)`, made ready as ip makes it ready before it adds a name.
//!
//! It is a shared mount on itself, so that a name given in one mount namespace is one in all of
//! them. ip makes it so when it finds it otherwise, and covers with it every pin that is there by
//! then: that pin could never be deleted again.

use super::mounts::mount_id;
use rustix::{
    fs::{CWD, Dir, FlockOperation, Mode, OFlags, flock},
    io::Errno,
    mount::{MountPropagationFlags, mount_change},
};
use std::{
    ffi::{CStr, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
    thread::sleep,
    time::Duration,
};

/// Makes the mounts at `directory` shared. `EINVAL` if it is not a mount point.
pub(super) fn share(directory: &Path) -> Result<(), Errno> {
    mount_change(
        directory,
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )
}

/// Runs `make` under the lock that ip takes meanwhile, so that the directory is not mounted on
/// itself twice.
///
/// # Errors
/// `EAGAIN` if someone else has the lock for a second: every user who may read the directory can
/// take it.
pub(super) fn locked<T>(
    directory: &Path,
    make: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let lock = rustix::fs::openat(CWD, directory, flags, Mode::empty())?;
    let mut tries = 100;
    while let Err(errno) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        tries -= 1;
        if tries == 0 || errno != Errno::AGAIN {
            return Err(errno);
        }
        sleep(Duration::from_millis(10));
    }
    make()
}

/// Returns whether something is mounted on an entry of `directory` (5.8).
pub(super) fn has_mounts(directory: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entries = rustix::fs::openat(CWD, directory, flags, Mode::empty())
        .and_then(|opened| Dir::read_from(&opened));
    let own = mount_id(directory);
    entries.is_ok_and(|entries| {
        let entries = entries
            .filter_map(Result::ok)
            .filter(|entry| ![c".", c".."].contains(&entry.file_name()));
        let path = |name: &CStr| directory.join(OsStr::from_bytes(name.to_bytes()));
        entries
            .into_iter()
            .any(|entry| mount_id(&path(entry.file_name())) != own)
    })
}
