//! The caller's devices in a directory of the program.

use super::{Held, MOUNT_POINT, Mounter, bind, file_type, tree};
use crate::plan::DEVICES;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Mode},
    io::Errno,
    mount::MountFlags,
};
use std::path::Path;

/// Links beside the devices, as programs expect them.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Makes a device like the one of the caller. Returns false if something is there or the kernel
/// allows no devices.
fn make_device(callers: &Held, mount_point: &OwnedFd, name: &str) -> Result<bool, Errno> {
    let device = rustix::fs::statat(callers, name, AtFlags::empty())?.st_rdev;
    let mode = Mode::from_raw_mode(0o666);
    match rustix::fs::mknodat(mount_point, name, FileType::CharacterDevice, mode, device) {
        Err(Errno::EXIST | Errno::PERM | Errno::OVERFLOW) => return Ok(false),
        made => made?,
    }
    rustix::fs::chmodat(mount_point, name, mode, AtFlags::empty()).map(|()| true)
}

impl Mounter {
    /// Shows the caller's devices in the directory `mount_point`. Makes them, as runc does, if they may
    /// stay and the kernel allows it, and otherwise binds them. Files that are there already are
    /// left alone.
    pub(super) fn devices(&mut self, mount_point: &OwnedFd) -> Result<(), Errno> {
        let source = self.source()?;
        for name in DEVICES {
            if self.makes_mount_points && make_device(&source, mount_point, name)? {
                continue;
            }
            let node = match self.create(mount_point, Path::new(name), false) {
                Err(Errno::EXIST) => {
                    rustix::fs::openat(mount_point, name, MOUNT_POINT, Mode::empty())?
                }
                node => {
                    let node = node?;
                    rustix::fs::chmodat(
                        mount_point,
                        name,
                        Mode::from_raw_mode(0o666),
                        AtFlags::empty(),
                    )?;
                    node
                }
            };
            if file_type(&node)? == FileType::Symlink {
                continue;
            }
            bind(
                &tree(source.as_fd(), Path::new(name), false)?,
                &node,
                false,
                MountFlags::empty(),
            )?;
        }
        DEVICE_LINKS.iter().try_for_each(|(name, target)| {
            match rustix::fs::symlinkat(*target, mount_point, *name) {
                Err(Errno::EXIST) => Ok(()),
                made => made,
            }
        })
    }
}
