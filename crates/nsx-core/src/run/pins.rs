//! Pins: namespaces bound to files, taken from the outside, and how a pin that was not wanted in
//! the end is undone.

use super::{
    link::{Link, Message},
    mounts, netns,
};
use crate::{
    ns::{Namespace, NsKind, NsSet},
    pid::Pid,
    plan::{Pin, Plan, Step},
    sys::{nsfs, process::unshare},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags},
    io::Errno,
    mount::{MountPropagationFlags, UnmountFlags},
    process::{WaitOptions, waitpid},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::path::Path;

/// A part of a pin. Whoever makes one writes it down first, so that another process can undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The directory of `ip-netns(8)`, where there was none.
    Directory,
    /// The file, where there was none.
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

/// The mounts and files that making pins leaves behind.
pub(super) struct Journal<'a> {
    /// Parts, each with its pin.
    made: Vec<(&'a Pin, Part)>,
    /// `true` if all the parts stay.
    kept: bool,
    /// To the process that undoes all of it if this one is killed.
    guard: Option<&'a Link>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(guard: Option<&'a Link>) -> Self {
        Self {
            made: Vec::new(),
            kept: false,
            guard,
        }
    }

    /// Binds the namespace at the path `namespace` to the file of the pin, which is that of `step`.
    pub(super) fn pin(&mut self, namespace: &str, step: usize, pin: &'a Pin) -> Result<(), Errno> {
        let before = self.made.len();
        let outcome = self.make(namespace, step, pin);
        if outcome.is_err() {
            self.undo_to(before);
        }
        outcome
    }

    /// Lets all of it stay, whatever happens to this process.
    pub(super) fn keep(&mut self) {
        self.kept = true;
        self.tell(Message::Keep);
    }

    /// Undoes all of it, newest first, though it was to stay.
    pub(super) fn undo(&mut self) {
        self.kept = false;
        self.tell(Message::Undo);
        self.undo_to(0);
    }

    /// Undoes what does not stay.
    pub(super) fn close(mut self) {
        if !self.kept {
            self.undo_to(0);
        }
    }

    fn undo_to(&mut self, length: usize) {
        while self.made.len() > length
            && let Some((pin, part)) = self.made.pop()
        {
            part.undo(pin);
            self.tell(Message::Unmade);
        }
    }

    fn tell(&self, message: Message) {
        if let Some(guard) = self.guard {
            // Without it the guard may leave something behind, if this process is killed too.
            let _ = guard.send(message);
        }
    }

    /// Makes a part, which is written down before it is there.
    fn part<T>(
        &mut self,
        (step, pin): (usize, &'a Pin),
        part: Part,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.made.push((pin, part));
        self.tell(Message::Making(step, part));
        let outcome = make();
        if outcome.is_err() {
            self.made.pop();
            self.tell(Message::Unmade);
        }
        outcome
    }

    fn make(&mut self, namespace: &str, step: usize, pin: &'a Pin) -> Result<(), Errno> {
        let which = (step, pin);
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
        match self.bind(namespace, which) {
            // What the kernel says of a mount namespace where mounts are shared: it would be
            // mounted in itself.
            Err(Errno::INVAL)
                if pin.kind == NsKind::Mnt && !super::keeps_no_mount_namespace(pin) =>
            {
                let part = Part::Private(mount_id(directory));
                self.part(which, part, || {
                    rustix::mount::mount_bind(directory, directory)
                })?;
                rustix::mount::mount_change(directory, MountPropagationFlags::PRIVATE)?;
                self.bind(namespace, which)
            }
            outcome => outcome,
        }
    }

    fn bind(&mut self, namespace: &str, which: (usize, &'a Pin)) -> Result<(), Errno> {
        let file = self.open(which)?;
        let part = Part::Mount(mount_id(&which.1.at));
        self.part(which, part, || {
            rustix::mount::mount_bind(namespace, mounts::path_of(&file))
        })
    }

    /// Opens the file, which is made if it is missing. A link is refused, and so is what holds a
    /// namespace already.
    fn open(&mut self, which: (usize, &'a Pin)) -> Result<OwnedFd, Errno> {
        let at = &which.1.at;
        let place = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(CWD, at, place, Mode::empty()) {
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
    fn prepare_netns(&mut self, which: (usize, &'a Pin), directory: &Path) -> Result<(), Errno> {
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
    let mut journal = Journal::new(None);
    for (index, (namespace, pin)) in pins.iter().enumerate() {
        if let Err(errno) = journal.pin(&mounts::path_of(namespace), index, pin) {
            journal.undo();
            return Err((index, errno));
        }
    }
    journal.keep();
    Ok(())
}

impl Part {
    /// Undoes it. Nothing is left to tell of a failure to.
    fn undo(self, pin: &Pin) {
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
    fn is_there(self, pin: &Pin) -> bool {
        match self {
            Self::Directory | Self::File => true, // to remove what is missing does no harm
            Self::Shared(before) | Self::Private(before) => mount_id(pin.directory()) != before,
            Self::Mount(before) => mount_id(&pin.at) != before,
        }
    }
}

/// Follows a journal until its writer is gone. Undoes what is in it if the writer was killed.
pub(super) fn guard(plan: &Plan, journal: &Link, writer: Pid) {
    let (mut made, mut kept) = (Vec::new(), false);
    loop {
        match journal.receive() {
            Ok(Some(Message::Making(step, part))) => made.push((step, part)),
            Ok(Some(Message::Unmade)) => drop(made.pop()),
            Ok(Some(Message::Keep)) => kept = true,
            Ok(Some(Message::Undo)) => kept = false,
            Ok(Some(_)) => {} // said to others
            Ok(None) => break,
            // What came then is not known. The writer undoes what it made by itself unless it is
            // killed.
            Err(_) => return,
        }
    }
    let killed = matches!(waitpid(Some(writer), WaitOptions::empty()), Ok(Some((_, status))) if status.signaled());
    while let Some((step, part)) = made.pop().filter(|_| killed && !kept) {
        if let Some(pin) = pin_of(plan, step).filter(|pin| part.is_there(pin)) {
            part.undo(pin);
        }
    }
}

fn pin_of(plan: &Plan, step: usize) -> Option<&Pin> {
    match plan.tasks().get(step)?.step() {
        Step::Pin(pin) => Some(pin),
        _ => None,
    }
}

/// Unmounts what is newest at a path. What is not undone now stays for good, so it is tried again.
fn unmount(at: &Path) -> Result<(), Errno> {
    let unmount = || rustix::mount::unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    unmount().or_else(|_| unmount())
}

/// The id of the mount that is at a path, or 0 if the kernel does not tell (before 5.8).
pub(super) fn mount_id(at: &Path) -> u32 {
    let found = rustix::fs::statx(CWD, at, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID);
    found.map_or(0, |found| found.stx_mnt_id as u32)
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
        outcome = unshare(NsSet::EMPTY.with(NsKind::Mnt)).and_then(|()| pin());
        if outcome != Err(Errno::INVAL) {
            break;
        }
    }
    sched_setaffinity(None, &allowed)?;
    outcome
}
