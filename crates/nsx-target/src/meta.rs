//! [`Meta`]: the owner, permissions, device and mount of a file.

use nsx_core::trouble;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, StatxFlags},
    io::Errno,
};
use std::time::Duration;

pub(crate) const GROUP_WRITES: u16 = 0o020;
pub(crate) const OTHERS_WRITE: u16 = 0o002;
pub(crate) const STICKY: u16 = 0o1000;

/// The facts that the kernel tells about a file or directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) kind: FileType,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u32,
    /// The major and minor number of the file system's device.
    pub(crate) device: (u32, u32),
    /// The id of the mount that it lies on (5.8).
    pub(crate) mount: Option<u64>,
    pub(crate) size: u64,
    /// The time of the last write, since 1970.
    pub(crate) written: Duration,
}

impl Meta {
    /// Reads the facts. The kernel alone is asked, and never the server of a file system, which could
    /// make nsx wait for ever.
    pub(crate) fn of(fd: &OwnedFd) -> Result<Self, Errno> {
        let asked = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        let stat = match rustix::fs::statx(
            fd,
            c"",
            AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
            asked,
        ) {
            // A seccomp filter that lacks newer calls.
            Err(Errno::NOSYS) => return Self::of_older(fd),
            stat => stat.map_err(trouble::met)?,
        };
        Ok(Self {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            mode: stat.stx_mode,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            links: stat.stx_nlink,
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            mount: (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id),
            size: stat.stx_size,
            written: Duration::new(stat.stx_mtime.tv_sec.try_into().unwrap_or_default(), 0),
        })
    }

    fn of_older(fd: &OwnedFd) -> Result<Self, Errno> {
        let stat = rustix::fs::fstat(fd)?;
        Ok(Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: (stat.st_mode & 0o7777) as u16,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
            device: (
                rustix::fs::major(stat.st_dev),
                rustix::fs::minor(stat.st_dev),
            ),
            mount: None,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            written: Duration::new(stat.st_mtime.try_into().unwrap_or_default(), 0),
        })
    }

    /// Returns whether any of these permission bits is set.
    pub(crate) fn has(&self, bits: u16) -> bool {
        self.mode & bits != 0
    }

    pub(crate) fn is_on_another_mount(&self, other: &Self) -> bool {
        match self.mount.zip(other.mount) {
            Some((own, other)) => own != other,
            None => self.device != other.device,
        }
    }
}

#[cfg(test)]
impl Meta {
    /// Returns the facts of a file that a test makes up: of group 7, with one link.
    pub(crate) fn example(kind: FileType, mode: u16, uid: u32) -> Self {
        Self {
            kind,
            mode,
            uid,
            gid: 7,
            links: 1,
            device: (254, 0),
            mount: Some(1),
            size: 0,
            written: Duration::ZERO,
        }
    }
}
