//! [`ServedMounts`]: file systems that users serve (FUSE), which are not entered.
//!
//! The user who serves a file system decides which owners it shows, and can make nsx wait.

use crate::{claim::OVERFLOW, meta::Meta, unread::ReadError};
use nsx_core::proc::{MountEntry, decimal};
use std::cell::RefCell;

/// The mounts of the caller's mount namespace, read when they are first needed.
#[derive(Debug)]
pub(crate) struct ServedMounts {
    caller: u32,
    points: RefCell<Vec<MountPoint>>,
}

impl ServedMounts {
    /// Returns mounts of which none is read. A caller's own file systems are entered.
    pub(crate) fn new(caller: u32) -> Self {
        Self {
            caller,
            points: RefCell::default(),
        }
    }

    /// Forgets the mounts, which are read again when they are needed.
    pub(crate) fn renew(&self) {
        self.points.borrow_mut().clear();
    }

    /// Checks that an entry of `parent` does not lie on a file system that another user serves.
    ///
    /// # Errors
    /// [`ReadError::Served`] if it does, [`ReadError::Denied`] if its mount is not known.
    pub(crate) fn check(&self, parent: &Meta, entry: &Meta) -> Result<(), ReadError> {
        if entry.device.0 != 0 || !entry.is_on_another_mount(parent) {
            return Ok(());
        }
        match self.server(entry)? {
            Some(uid) if uid != 0 && uid != self.caller => Err(ReadError::Served(uid)),
            _ => Ok(()),
        }
    }

    /// Returns the user who serves the file system of an entry; none if the kernel does.
    fn server(&self, entry: &Meta) -> Result<Option<u32>, ReadError> {
        let mut points = self.points.borrow_mut();
        if let Some(point) = points.iter().find(|point| point.holds(entry)) {
            return Ok(point.server);
        }
        // The file system may have been mounted since the mounts were read.
        *points = MountPoint::read_all()?;
        match points.iter().find(|point| point.holds(entry)) {
            Some(point) => Ok(point.server),
            // Without the id of a mount, only a served file system has the device that is listed.
            None if entry.mount.is_none() => Ok(None),
            None => Err(ReadError::Denied),
        }
    }
}

/// A mount, and the user who serves it.
#[derive(Debug)]
struct MountPoint {
    id: u64,
    device: (u32, u32),
    /// The user whose program serves the file system (FUSE).
    server: Option<u32>,
}

impl MountPoint {
    fn holds(&self, entry: &Meta) -> bool {
        // A file of btrfs or overlayfs has another device than its mount.
        entry
            .mount
            .map_or(self.device == entry.device, |id| self.id == id)
    }

    fn read_all() -> Result<Vec<Self>, ReadError> {
        let text = std::fs::read("/proc/self/mountinfo").map_err(|_| ReadError::Denied)?;
        Ok(text
            .split(|byte| *byte == b'\n')
            .filter_map(Self::parse)
            .collect())
    }

    /// Reads a line of `/proc/PID/mountinfo`, see `proc_pid_mountinfo(5)`.
    fn parse(line: &[u8]) -> Option<Self> {
        let entry = MountEntry::parse(line).ok()?;
        let is_served = matches!(
            entry.kind.split(|byte| *byte == b'.').next(),
            Some(b"fuse" | b"fuseblk")
        );
        let by = entry
            .fs_options
            .split(|byte| *byte == b',')
            .find_map(|option| decimal(option.strip_prefix(b"user_id=")?));
        // A server of an unknown user is not trusted.
        let by = by.and_then(|uid| uid.try_into().ok()).unwrap_or(OVERFLOW);
        Some(Self {
            id: entry.mount.id,
            device: entry.mount.device,
            server: is_served.then_some(by),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fs::FileType;

    #[test]
    fn a_file_system_that_another_user_serves_is_not_entered() {
        let lines = b"36 35 0:40 / /srv/ada/m rw,nosuid shared:9 - fuse.sshfs ada@host: \
            rw,user_id=1000,group_id=1000\n\
            37 35 0:41 / /mnt/own rw - fuse own rw,user_id=7,group_id=7\n\
            38 35 0:42 / /mnt/roots rw master:1 - fuseblk /dev/sdb rw,user_id=0,group_id=0\n\
            39 35 0:43 / /run rw - tmpfs tmpfs rw,user_id=1000\n\
            40 35 0:44 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n\
            41 35 0:45 / /mnt/silent rw - fuse silent rw\n";
        let mounts = ServedMounts::new(7);
        *mounts.points.borrow_mut() = lines
            .split(|byte| *byte == b'\n')
            .filter_map(MountPoint::parse)
            .collect();
        let parent = Meta::example(FileType::Directory, 0o755, 0);
        let check = |mount, minor| {
            let entry = Meta {
                mount: Some(mount),
                device: (0, minor),
                ..parent
            };
            mounts.check(&parent, &entry)
        };
        assert_eq!(check(36, 40), Err(ReadError::Served(1000)));
        assert_eq!(check(41, 45), Err(ReadError::Served(OVERFLOW)));
        for (mount, minor) in [(37, 41), (38, 42), (39, 43), (40, 44), (39, 99)] {
            assert_eq!(check(mount, minor), Ok(()), "{mount}");
        }
        // Before Linux 5.8 the device identifies the mount.
        let older = |minor| {
            let entry = Meta {
                mount: None,
                device: (0, minor),
                ..parent
            };
            mounts.check(
                &Meta {
                    mount: None,
                    ..parent
                },
                &entry,
            )
        };
        assert_eq!(
            (older(40), older(41), older(4444)),
            (Err(ReadError::Served(1000)), Ok(()), Ok(()))
        );
        // A mount that is not in the list, and an entry on the mount of its parent.
        assert_eq!(check(u64::MAX, 40), Err(ReadError::Denied));
        assert_eq!(mounts.check(&parent, &parent), Ok(()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = MountPoint::parse(&bytes);
        }
    }
}
