//! Mounts that the caller requested: bind mounts, new file systems and overlays, each on a mount
//! point beneath a root directory that may be hostile.
//!
//! A mount is made whole before it is attached if the kernel has the calls for that (5.2), and
//! otherwise by `mount(2)`. Nothing is ever made in the caller's mount namespace. A mount point
//! that is missing is made on a file system that was itself made here, and on the caller's disks
//! only on request: OCI bundles leave it to the runtime.

mod bind;
mod devices;
mod file_system;
mod overlay;
mod text_file;

use super::{
    copy_up,
    mounts::{attach, beneath, path_of},
    remount,
};
use crate::{
    plan::{Contents, FileSystem, Mount, Source, mount_data},
    proc::ProcRoot,
    sys,
};
use bind::{Held, bind, remount_each, tree};
use file_system::detached;
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// The most links leading to nothing that are followed to a mount point, as the kernel follows
/// links.
const MOST_LINKS: usize = 40;

/// The flags to open a mount point: a link itself if a link is there.
const MOUNT_POINT: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The state that the mounts of one plan share.
#[derive(Default)]
pub(super) struct Mounter {
    /// The sources to be mounted, in the order in which they are.
    sources: VecDeque<Held>,
    /// The devices of the file systems made here, which are gone when the program is.
    made: Vec<u64>,
    /// The directories for the changes of overlays that are held, in the order of their mounts.
    uppers: VecDeque<OwnedFd>,
    /// `true` if mount points may be made on other file systems too.
    makes_mount_points: bool,
}

impl Mounter {
    /// Takes hold of the source of a mount to come.
    pub(super) fn open(&mut self, source: &Source) -> Result<(), Errno> {
        let held = match source {
            Source::Directory(path) => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                Held::Path(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
            }
            Source::Tree { path, recursive } => tree(CWD, path, *recursive)?,
        };
        self.sources.push_back(held);
        Ok(())
    }

    /// Makes a mount on its mount point beneath `root`.
    pub(super) fn mount(
        &mut self,
        root: Option<&Path>,
        mount: &Mount,
        makes_mount_points: bool,
        proc: Option<&ProcRoot>,
    ) -> Result<(), Errno> {
        let at = &mount.at;
        self.makes_mount_points = makes_mount_points;
        if makes_mount_points {
            // What is made belongs to the user namespace's root, whom the program can be. Nothing
            // changes if there is none.
            sys::process::set_file_ids(0, 0);
        }
        match &mount.contents {
            Contents::Bind {
                recursive, flags, ..
            } => {
                let source = self.source()?;
                let mount_point =
                    self.mount_point(root, at, is_directory(&rustix::fs::fstat(&source)?))?;
                let attributed = bind(&source, &mount_point, *recursive, *flags)?;
                if !attributed {
                    remount_each(proc.ok_or(Errno::NOENT)?, root, &beneath(root, at)?, *flags)?;
                }
                Ok(())
            }
            Contents::Copy { text, .. } => match self.show(root, at, text, proc) {
                // In a user namespace in which this process's ids have no name, nobody but its root
                // can make a file.
                Err(Errno::OVERFLOW) => {
                    sys::process::set_file_ids(0, 0);
                    self.show(root, at, text, proc)
                }
                shown => shown,
            },
            Contents::New(file_system) => self.make(root, at, file_system).map(drop),
            Contents::Overlay { lower, upper } => self.overlay(root, at, lower.len(), upper),
            Contents::Devices => self.devices(&self.directory(root, at)?),
            Contents::Changed(change) => remount::change(root, at, change),
            Contents::Directory => self.directory(root, at).map(drop),
            Contents::Masked => remount::mask(root, at),
            Contents::ReadOnly => remount::read_only(root, at),
        }
    }

    /// Returns a directory to mount on, beneath `root`.
    pub(super) fn directory(&self, root: Option<&Path>, at: &Path) -> Result<OwnedFd, Errno> {
        self.mount_point(root, at, true)
    }

    fn source(&mut self) -> Result<Held, Errno> {
        self.sources.pop_front().ok_or(Errno::INVAL)
    }

    /// Makes a file system and mounts it. Returns its root directory.
    pub(super) fn make(
        &mut self,
        root: Option<&Path>,
        at: &Path,
        file_system: &FileSystem,
    ) -> Result<OwnedFd, Errno> {
        let is_missing = self.makes_mount_points && matches!(beneath(root, at), Err(Errno::NOENT));
        let mount_point = self.directory(root, at)?;
        let mut file_system = file_system.clone();
        if file_system.kind == "tmpfs"
            && !is_missing
            && !file_system.options.iter().any(|(name, _)| name == "mode")
        {
            // What it covers may be /tmp, or somebody's home.
            let mode = rustix::fs::fstat(&mount_point)?.st_mode & 0o7777;
            file_system
                .options
                .push(("mode".to_owned(), Some(format!("{mode:o}"))));
        }
        let made = match detached(&file_system) {
            Err(Errno::NOSYS) => {
                let FileSystem {
                    kind,
                    options,
                    flags,
                    source,
                    ..
                } = &file_system;
                let source = if source.is_empty() {
                    OsStr::new(kind)
                } else {
                    source
                };
                let data = CString::new(mount_data(options)).map_err(|_| Errno::INVAL)?;
                rustix::mount::mount(source, path_of(&mount_point), kind, *flags, data.as_c_str())?;
                beneath(root, at)?
            }
            made => {
                let made = made?;
                attach(&made, &mount_point)?;
                made
            }
        };
        if file_system.copy_up {
            copy_up::copy(&mount_point, &made)?;
        }
        self.made.push(rustix::fs::fstat(&made)?.st_dev);
        Ok(made)
    }

    /// Opens the path `at` beneath `root`. Makes it, with the directories above it, if it is
    /// missing and may be made.
    fn mount_point(
        &self,
        root: Option<&Path>,
        at: &Path,
        directory: bool,
    ) -> Result<OwnedFd, Errno> {
        self.mount_point_behind(root, at, directory, MOST_LINKS)
    }

    /// Like [`Self::mount_point`], but the path may be behind so many links that lead to nothing.
    fn mount_point_behind(
        &self,
        root: Option<&Path>,
        at: &Path,
        directory: bool,
        links: usize,
    ) -> Result<OwnedFd, Errno> {
        match beneath(root, at) {
            Err(Errno::NOENT) => {
                let (Some(above), Some(name)) = (at.parent(), at.file_name()) else {
                    return Err(Errno::NOENT);
                };
                let parent = self.mount_point_behind(root, above, true, links)?;
                match self.create(&parent, Path::new(name), directory) {
                    // A link: the file that it leads to is made.
                    Err(Errno::EXIST) => {
                        let target = rustix::fs::readlinkat(&parent, name, Vec::new())?;
                        let target = above.join(OsStr::from_bytes(target.as_bytes()));
                        self.mount_point_behind(
                            root,
                            &target,
                            directory,
                            links.checked_sub(1).ok_or(Errno::LOOP)?,
                        )
                    }
                    made => made,
                }
            }
            mount_point => {
                let mount_point = mount_point?;
                match (is_directory(&rustix::fs::fstat(&mount_point)?), directory) {
                    (false, true) => Err(Errno::NOTDIR),
                    (true, false) => Err(Errno::ISDIR),
                    _ => Ok(mount_point),
                }
            }
        }
    }

    /// Makes a mount point, if that leaves nothing behind or may.
    fn create(&self, parent: &OwnedFd, name: &Path, directory: bool) -> Result<OwnedFd, Errno> {
        if !self.makes_mount_points && !self.made.contains(&rustix::fs::fstat(parent)?.st_dev) {
            return Err(Errno::NOENT);
        }
        if directory {
            rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
        } else {
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            // runc's files for mounts have this mode too.
            let mode = if self.makes_mount_points {
                0o755
            } else {
                0o644
            };
            rustix::fs::openat(parent, name, new, Mode::from_raw_mode(mode))?;
        }
        rustix::fs::openat(parent, name, MOUNT_POINT, Mode::empty())
    }
}

fn file_type(fd: &OwnedFd) -> Result<FileType, Errno> {
    rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
