//! Pins: namespaces bound to files, taken from the outside, and how a pin that was not wanted in
//! the end is undone.

use super::{
    journal::Journal,
    mounts::{self, mount_id},
    netns,
    part::{Part, Whole},
};
use crate::{
    ns::{Namespace, NsKind},
    plan::Pin,
    sys::{nsfs, process::unshare},
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags},
    io::Errno,
    mount::MountPropagationFlags,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::path::Path;

impl<'a> Journal<'a> {
    /// Binds the namespace at the path `namespace` to the file of the pin, which is that of `step`.
    pub(super) fn pin(&mut self, namespace: &str, step: usize, pin: &'a Pin) -> Result<(), Errno> {
        let before = self.len();
        let outcome = self.make(namespace, step, pin);
        if outcome.is_err() {
            self.undo_to(before);
        }
        outcome
    }

    fn make(&mut self, namespace: &str, step: usize, pin: &'a Pin) -> Result<(), Errno> {
        let which = (step, Whole::Pin(pin));
        if !pin.make {
            let part = Part::Mount(mount_id(&pin.at));
            return self.part(which, part, || {
                rustix::mount::mount_bind(namespace, &pin.at)
            });
        }
        let directory = pin.directory();
        if pin.ip_netns().is_some() {
            self.prepare_netns(which, directory)?;
        }
        match self.bind(namespace, step, pin) {
            // The kernel's answer for a mount namespace while mounts are shared: it would be
            // mounted in itself.
            Err(Errno::INVAL) if pin.kind == NsKind::Mnt && !keeps_no_mount_namespace(pin) => {
                let part = Part::Private(mount_id(directory));
                self.part(which, part, || {
                    rustix::mount::mount_bind(directory, directory)
                })?;
                rustix::mount::mount_change(directory, MountPropagationFlags::PRIVATE)?;
                self.bind(namespace, step, pin)
            }
            outcome => outcome,
        }
    }

    fn bind(&mut self, namespace: &str, step: usize, pin: &'a Pin) -> Result<(), Errno> {
        let which = (step, Whole::Pin(pin));
        let file = self.open(step, pin)?;
        let part = Part::Mount(mount_id(&pin.at));
        self.part(which, part, || {
            rustix::mount::mount_bind(namespace, mounts::path_of(&file))
        })
    }

    /// Opens the file, which is made if it is missing. A link is refused, and so is what holds a
    /// namespace already.
    fn open(&mut self, step: usize, pin: &'a Pin) -> Result<OwnedFd, Errno> {
        let which = (step, Whole::Pin(pin));
        let at = &pin.at;
        let by_path = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(CWD, at, by_path, Mode::empty()) {
            Err(Errno::NOENT) => {
                let new = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let mode = Mode::RUSR | Mode::RGRP | Mode::ROTH;
                self.part(which, Part::File, || rustix::fs::openat(CWD, at, new, mode))?
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

    /// Makes the directory of `ip-netns(8)` and mounts it on itself, unless somebody has done so
    /// before.
    fn prepare_netns(&mut self, which: (usize, Whole<'a>), directory: &Path) -> Result<(), Errno> {
        let make = || rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755));
        match self.part(which, Part::Directory, make) {
            Err(Errno::EXIST) => {}
            outcome => outcome?,
        }
        match netns::share(directory) {
            Err(Errno::INVAL) => netns::locked(directory, || match netns::share(directory) {
                Err(Errno::INVAL) => {
                    let part = Part::Shared(mount_id(directory));
                    self.part(which, part, || {
                        rustix::mount::mount_bind_recursive(directory, directory)
                    })?;
                    netns::share(directory)
                }
                outcome => outcome,
            }),
            outcome => outcome,
        }
    }
}

/// Binds each of these namespaces to the file of its pin, all of them or none.
///
/// # Errors
/// The index of the pin that failed, and the errno.
pub fn pin_all(pins: &[(Namespace, Pin)]) -> Result<(), (usize, Errno)> {
    let mut journal = Journal::new(false, None, None);
    for (index, (namespace, pin)) in pins.iter().enumerate() {
        if let Err(errno) = journal.pin(&mounts::path_of(namespace), index, pin) {
            journal.undo();
            return Err((index, errno));
        }
    }
    journal.keep();
    Ok(())
}

/// Replaces this process's new mount namespace by one that is made on another processor, on each in
/// turn, until `pin` takes it. Linux 6.18 numbers namespaces by processor, and takes one with a
/// lower number than the one that it is pinned in for the older, which it refuses to pin.
pub(super) fn from_elsewhere(pin: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    let allowed = sched_getaffinity(None)?;
    let mut outcome = Err(Errno::INVAL);
    for processor in 0..CpuSet::MAX_CPU {
        let mut one = CpuSet::new();
        one.set(processor);
        // The caller may have kept to some of them; that is for the program, and not for this
        // moment.
        if sched_setaffinity(None, &one).is_err() {
            continue;
        }
        outcome = unshare(NsKind::Mnt.flag()).and_then(|()| pin());
        if outcome != Err(Errno::INVAL) {
            break;
        }
    }
    sched_setaffinity(None, &allowed)?;
    outcome
}

/// Returns whether the directory of a pin keeps no mount namespace, because what is mounted there
/// already is shared or would be covered.
pub(crate) fn keeps_no_mount_namespace(pin: &Pin) -> bool {
    pin.ip_netns().is_some() || netns::has_mounts(pin.directory())
}
