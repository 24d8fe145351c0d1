//! The target as the plan reads it: by its number, and believed only because it has not ended
//! afterwards.

use crate::{
    beneath,
    idmap::{IdKind, IdMap},
    ns::{NsId, NsKind, NsSet},
    pid::{Pid, Process},
    plan::PlanError,
    proc::{NsLink, ProcError, ProcRoot, Status, hides_reader},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags},
    io::Errno,
};
use std::{ffi::CStr, path::Path};

/// A process and the procfs that shows it.
#[derive(Clone, Copy, Debug)]
pub struct TargetProcess<'a> {
    /// The process.
    pub process: &'a Process,
    /// The caller's procfs.
    pub proc: &'a ProcRoot,
    /// True for a container that is meant as a whole: its root directory is that of its mount
    /// namespace, wherever its process has gone with `chroot(2)`, and its namespaces are those of
    /// that process, whatever those of its children are.
    pub is_whole: bool,
}

impl TargetProcess<'_> {
    /// Returns those of `kinds` whose namespace is not the caller's.
    ///
    /// # Errors
    /// [`PlanError`]: the kernel has no such kind, the target has ended or may not be read.
    pub fn differing(&self, kinds: NsSet) -> Result<NsSet, PlanError> {
        let mut differing = NsSet::EMPTY;
        for kind in kinds.iter() {
            let link = NsLink::Own(kind);
            let own = match self.proc.own_ns(link) {
                Err(ProcError::Vanished) => return Err(PlanError::NoSuchKind(kind)),
                own => own.map_err(self.failure("caller's namespaces"))?,
            };
            if self.ns(kind)? != own {
                differing.insert(kind);
            }
        }
        Ok(differing)
    }

    /// Returns the namespace of a kind that it is in.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn ns(&self, kind: NsKind) -> Result<NsId, PlanError> {
        self.proc
            .ns(self.process.pid(), NsLink::Own(kind))
            .map_err(self.failure("namespaces"))
    }

    /// Returns its id in its own PID namespace.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn innermost_pid(&self) -> Result<Pid, PlanError> {
        let status = Status::parse(&self.read("status")?).map_err(self.failure("status"))?;
        Ok(status.chain.innermost())
    }

    /// Returns its root directory, by path only: that of the process, or of the mount namespace if
    /// the target is meant as a whole.
    ///
    /// # Errors
    /// [`PlanError`] if it has ended or may not be read.
    pub fn root(&self) -> Result<OwnedFd, PlanError> {
        let what = "root directory";
        let root = self.open("root", what)?;
        if !self.is_whole {
            return Ok(root);
        }
        match top(&root) {
            // A caller that may not look up from there takes that directory.
            Err(Errno::ACCESS | Errno::LOOP) => Ok(root),
            top => top.map_err(|errno| self.failure(what)(errno.into())),
        }
    }

    /// Returns a file below its root directory, which the target may have made anything; no more
    /// than `most` bytes are taken.
    ///
    /// # Errors
    /// As for [`Self::root`]; then the errno of [`beneath::read`], and `EFBIG` if there is more.
    pub fn file(&self, path: &Path, most: usize) -> Result<Result<Vec<u8>, Errno>, PlanError> {
        let text = beneath::read(self.root()?, path, most + 1);
        Ok(text.and_then(|text| {
            if text.len() > most {
                Err(Errno::FBIG)
            } else {
                Ok(text)
            }
        }))
    }

    /// Returns whether the target's /proc is a procfs that does not show the caller.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn hides_caller(&self) -> Result<bool, PlanError> {
        let proc = beneath::open(
            self.root()?,
            Path::new("/proc"),
            OFlags::PATH,
            ResolveFlags::IN_ROOT,
        );
        Ok(proc.is_ok_and(hides_reader))
    }

    /// Returns its working directory, by path only.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn directory(&self) -> Result<OwnedFd, PlanError> {
        self.open("cwd", "working directory")
    }

    /// Returns the ids of its user namespace, as they are counted in the caller's.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn id_map(&self, ids: IdKind) -> Result<IdMap, PlanError> {
        IdMap::parse(&self.read(ids.file())?).map_err(self.failure(ids.file()))
    }

    /// Returns whether programs in the target's user namespace may set their groups.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn may_set_groups(&self) -> Result<bool, PlanError> {
        Ok(self.read("setgroups")?.starts_with(b"allow"))
    }

    /// Returns whether the root directory of the target's process differs from [`Self::root`].
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn is_in_jail(&self) -> Result<bool, PlanError> {
        let what = "root directory";
        let directories = [self.open("root", what)?, self.root()?];
        let [own, whole] = directories.map(|directory| identity(&directory));
        let failed = |errno: Errno| self.failure(what)(errno.into());
        Ok(own.map_err(failed)? != whole.map_err(failed)?)
    }

    fn open(&self, link: &'static str, what: &'static str) -> Result<OwnedFd, PlanError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        self.proc
            .open_entry(self.process.pid(), link, flags)
            .map_err(self.failure(what))
    }

    fn read(&self, file: &'static str) -> Result<Vec<u8>, PlanError> {
        self.proc
            .read(self.process.pid(), file)
            .map_err(self.failure(file))
    }

    /// Returns a function that words errors in reading `what`: as the target's end, if the target
    /// has ended.
    pub fn failure(&self, what: &'static str) -> impl Fn(ProcError) -> PlanError {
        move |source| match self.process.unseen(self.proc, self.process.pid(), source) {
            ProcError::Vanished => PlanError::TargetEnded,
            _ if self.process.ended() => PlanError::TargetEnded,
            source => PlanError::Target { what, source },
        }
    }
}

/// The most directories that lie one in another on the way up: a target can make any number of
/// them.
const DEEPEST: usize = 4096;

/// Returns the root directory of the mount namespace that a directory is in, where `setns(2)` would
/// lead. The caller's own root directory, at which a path stops, is in another mount namespace.
///
/// # Errors
/// The errno of `openat(2)` or `statx(2)`; `ELOOP` if the way is too long.
fn top(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    let open = |directory: &OwnedFd, path: &CStr| {
        rustix::fs::openat(
            directory,
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    };
    let mut directory = open(directory, c".")?;
    for _ in 0..DEEPEST {
        let above = open(&directory, c"..")?;
        if identity(&above)? == identity(&directory)? {
            return Ok(directory);
        }
        directory = above;
    }
    Err(Errno::LOOP)
}

/// Returns the mount (5.8), device and inode of a directory. Without the mount, a directory that is
/// bound into itself looks like the one above it.
fn identity(directory: &OwnedFd) -> Result<(u64, u32, u32, u64), Errno> {
    let asked = StatxFlags::INO | StatxFlags::MNT_ID;
    let it = rustix::fs::statx(directory, c"", AtFlags::EMPTY_PATH, asked)?;
    Ok((
        it.stx_mnt_id,
        it.stx_dev_major,
        it.stx_dev_minor,
        it.stx_ino,
    ))
}
