//! Pins: namespaces bound to files, taken from the outside, and how a pin that was not wanted in the end is undone.

use super::mounts;
use crate::{
    ns::{NsKind, NsSet},
    plan::Pin,
    sys::{nsfs, process::unshare},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
    mount::{MountPropagationFlags, UnmountFlags},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::path::{Path, PathBuf};

/// What making a pin left behind; dropped, all of it goes.
#[derive(Default)]
pub(super) struct Made {
    mounts: Vec<PathBuf>,
    file: Option<PathBuf>,
    directory: Option<PathBuf>,
    kept: bool,
}

impl Made {
    /// Lets it stay.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Newest first. Nothing is left to tell of a failure to.
        for mount in self.mounts.iter().rev() {
            let _ = rustix::mount::unmount(mount, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
        if let Some(file) = &self.file {
            let _ = rustix::fs::unlinkat(CWD, file, AtFlags::empty());
        }
        if let Some(directory) = &self.directory {
            let _ = rustix::fs::rmdir(directory);
        }
    }
}

/// Binds the namespace that `pin` means to its file. `nsx` is nsx's directory in the caller's procfs.
pub(super) fn make(nsx: &OwnedFd, pin: &Pin) -> Result<Made, Errno> {
    let mut made = Made::default();
    if !pin.make {
        rustix::mount::mount_bind(mounts::path_below(nsx, &pin.link()), &pin.at)?;
        made.mounts.push(pin.at.clone());
        return Ok(made);
    }
    let bind = |made: &mut Made| {
        let file = open(pin, made)?;
        rustix::mount::mount_bind(mounts::path_below(nsx, &pin.link()), mounts::path_of(&file))
    };
    match bind(&mut made) {
        // What the kernel says of a mount namespace where mounts are shared: it would be mounted in itself.
        Err(Errno::INVAL) if pin.kind == NsKind::Mnt => {
            make_directory_private(pin.directory(), &mut made)?;
            bind(&mut made)?;
        }
        outcome => outcome?,
    }
    made.mounts.push(pin.at.clone());
    Ok(made)
}

/// Replaces this process's new mount namespace by one that is made on another processor, on each in turn, until `pin` takes
/// it. Linux 6.18 numbers namespaces by processor, and takes one with a lower number than the one that it is pinned in for
/// the older, which it refuses to pin.
pub(super) fn from_elsewhere(pin: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    let allowed = sched_getaffinity(None)?;
    let mut outcome = Err(Errno::INVAL);
    for processor in 0..CpuSet::MAX_CPU {
        let mut one = CpuSet::new();
        one.set(processor);
        // The caller may have kept to some of them; that is for the program, and not for this moment.
        if sched_setaffinity(None, &one).is_err() {
            continue;
        }
        outcome = unshare(NsSet::EMPTY.with(NsKind::Mnt)).and_then(|()| pin());
        if outcome != Err(Errno::INVAL) {
            break;
        }
    }
    sched_setaffinity(None, &allowed)?;
    outcome
}

/// Opens the file, which is made if it is missing. A link is refused, and so is what holds a namespace already.
fn open(pin: &Pin, made: &mut Made) -> Result<OwnedFd, Errno> {
    let at = &pin.at;
    let place = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(CWD, at, place, Mode::empty()) {
        Err(Errno::NOENT) => {
            make_netns(pin.directory(), made)?;
            let new = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = rustix::fs::openat(CWD, at, new, Mode::RUSR | Mode::RGRP | Mode::ROTH)?;
            made.file = Some(at.to_owned());
            file
        }
        opened => opened?,
    };
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    if rustix::fs::fstatfs(&file)?.f_type == nsfs::MAGIC {
        return Err(Errno::EXIST);
    }
    Ok(file)
}

/// Makes the directory of `ip-netns(8)`, which is there once somebody has made it, and as ip makes it.
fn make_netns(directory: &Path, made: &mut Made) -> Result<(), Errno> {
    if ![Path::new("/run/netns"), Path::new("/var/run/netns")].contains(&directory) {
        return Ok(());
    }
    match rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => Ok(()),
        outcome => outcome.map(|()| made.directory = Some(directory.to_owned())),
    }
}

/// Makes a directory a private mount point.
fn make_directory_private(directory: &Path, made: &mut Made) -> Result<(), Errno> {
    rustix::mount::mount_bind(directory, directory)?;
    made.mounts.push(directory.to_owned());
    rustix::mount::mount_change(directory, MountPropagationFlags::PRIVATE)
}
