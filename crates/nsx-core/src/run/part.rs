//! The parts that a pin is made of, and how each is undone.

use super::mounts::mount_id;
use crate::plan::Pin;
use rustix::{
    fs::{AtFlags, CWD},
    io::Errno,
    mount::UnmountFlags,
};
use std::path::Path;

/// A part of a pin. Whoever makes one writes it down first, so that another process can undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The directory of `ip-netns(8)`, if there was none.
    Directory,
    /// The file, if there was none.
    File,
    /// A shared mount of that directory on itself. The number is the id of the mount that it was
    /// on.
    Shared(u32),
    /// A private mount of the directory on itself. The number is the id of the mount that the
    /// directory was on.
    Private(u32),
    /// The mount of the namespace. The number is the id of the mount that the file was on.
    Mount(u32),
}

impl Part {
    /// Undoes it. Nothing is left to tell of a failure to.
    pub(super) fn undo(self, pin: &Pin) {
        let _ = match self {
            Self::Directory => rustix::fs::rmdir(pin.directory()),
            Self::File => rustix::fs::unlinkat(CWD, &pin.at, AtFlags::empty()),
            // Not what others have mounted there since.
            Self::Shared(_) => rustix::mount::unmount(pin.directory(), UnmountFlags::NOFOLLOW),
            Self::Private(_) => unmount(pin.directory()),
            Self::Mount(_) => unmount(&pin.at),
        };
    }

    /// Returns whether the part was made, as far as can be seen (5.8): the process that wrote the
    /// part down was killed before or after making it.
    pub(super) fn is_there(self, pin: &Pin) -> bool {
        match self {
            Self::Directory | Self::File => true, // to remove what is missing does no harm
            Self::Shared(before) | Self::Private(before) => mount_id(pin.directory()) != before,
            Self::Mount(before) => mount_id(&pin.at) != before,
        }
    }
}

/// Unmounts what is newest at a path. What is not undone now stays for good, so it is tried again.
fn unmount(at: &Path) -> Result<(), Errno> {
    let unmount = || rustix::mount::unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    unmount().or_else(|_| unmount())
}
