//! Mounts that the caller requested: bind mounts, new file systems and overlays, each on a mount
//! point beneath a root directory that may be hostile.
//!
//! A mount is made whole before it is attached if the kernel has the calls for that (5.2), and
//! otherwise by `mount(2)`. Nothing is ever made in the caller's mount namespace. A mount point
//! that is missing is made on a file system that was itself made here, and on the caller's disks
//! only on request: OCI bundles leave it to the runtime.

use super::{
    copy_up,
    mounts::{attach, beneath, forbidding, path_below, path_of},
    remount,
};
use crate::{
    descriptor,
    plan::{ABOVE_ROOT, Contents, DEVICES, FileSystem, Mount, Source, mount_data},
    proc::{self, ProcError, ProcRoot},
    sys,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid, XattrFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags,
        fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    },
};
use std::{
    collections::VecDeque,
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// Links beside the devices, as programs expect them.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The name of a file that is bound elsewhere.
const FILE: &str = "file";

/// The most links leading to nothing that are followed to a mount point, as the kernel follows
/// links.
const MOST_LINKS: usize = 40;

/// The flags to open a mount point: a link itself if a link is there.
const MOUNT_POINT: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The first length of a value that `fsconfig(2)` does not take.
const VALUE_MAX: usize = 256;

/// The state that the mounts of one plan share.
#[derive(Default)]
pub(super) struct Mounter {
    /// The sources to be mounted, in the order in which they are.
    sources: VecDeque<Held>,
    /// The devices of the file systems made here, which are gone when the program is.
    made: Vec<u64>,
    /// `true` if mount points may be made on other file systems too.
    makes_mount_points: bool,
}

/// An opened source.
enum Held {
    /// A copy of a mount, which only has to be attached.
    Detached(OwnedFd),
    /// A path in the caller's mounts.
    Path(OwnedFd),
}

impl AsFd for Held {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        match self {
            Self::Detached(fd) | Self::Path(fd) => fd.as_fd(),
        }
    }
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
            Contents::Overlay(lower) => self.overlay(root, at, lower.len()),
            Contents::Devices => self.devices(&self.directory(root, at)?),
            Contents::Changed(change) => remount::change(root, at, change),
            Contents::Directory => self.directory(root, at).map(drop),
            Contents::Masked => remount::mask(root, at),
            Contents::ReadOnly => remount::read_only(root, at),
        }
    }

    /// A directory to mount on, beneath `root`.
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

    /// Shows a text as a file, which must be there. A file is bound from a mount only, so a tmpfs
    /// lies for a moment on the directory of the file.
    fn show(
        &mut self,
        root: Option<&Path>,
        at: &Path,
        text: &[u8],
        proc: Option<&ProcRoot>,
    ) -> Result<(), Errno> {
        const READ_ONLY: MountFlags = MountFlags::RDONLY;
        let mount_point = self.mount_point(root, at, false)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let memory = FileSystem {
            kind: "tmpfs".to_owned(),
            flags,
            ..FileSystem::default()
        };
        let memory = self.make(root, at.parent().ok_or(Errno::NOENT)?, &memory)?;
        let shown = fill(&memory, text)
            .and_then(|()| tree(&memory, Path::new(FILE), false))
            .and_then(|file| bind(&file, &mount_point, false, READ_ONLY));
        rustix::mount::unmount(path_of(&memory), UnmountFlags::DETACH)?;
        if !shown? {
            remount_each(
                proc.ok_or(Errno::NOENT)?,
                root,
                &beneath(root, at)?,
                READ_ONLY,
            )?;
        }
        Ok(())
    }

    /// Mounts a tmpfs that takes the changes, and on top of it what shows them.
    fn overlay(&mut self, root: Option<&Path>, at: &Path, layers: usize) -> Result<(), Errno> {
        let lower = (0..layers)
            .map(|_| self.source())
            .collect::<Result<Vec<_>, _>>()?;
        let top = rustix::fs::fstat(lower.first().ok_or(Errno::INVAL)?)?;
        let memory = FileSystem {
            kind: "tmpfs".to_owned(),
            ..FileSystem::default()
        };
        let memory = self.make(root, at, &memory)?;
        for directory in ["upper", "work"] {
            rustix::fs::mkdirat(&memory, directory, Mode::RWXU)?;
        }
        // The upper directory lends its owner and mode to the whole. An owner that is not mapped
        // here cannot be set.
        let own = rustix::fs::chownat(
            &memory,
            "upper",
            Some(Uid::from_raw(top.st_uid)),
            Some(Gid::from_raw(top.st_gid)),
            AtFlags::empty(),
        );
        if !matches!(own, Err(Errno::INVAL | Errno::PERM)) {
            own?;
        }
        rustix::fs::chmodat(
            &memory,
            "upper",
            Mode::from_raw_mode(top.st_mode),
            AtFlags::empty(),
        )?;

        let layers: Vec<_> = lower.iter().map(path_of).collect();
        let mut options = vec![
            ("lowerdir".to_owned(), Some(layers.join(":"))),
            ("upperdir".to_owned(), Some(path_below(&memory, "upper"))),
            ("workdir".to_owned(), Some(path_below(&memory, "work"))),
        ];
        // Where an overlay keeps its marks is for the host's root alone; in a user namespace there
        // are others (5.11).
        let marks = rustix::fs::setxattr(
            path_of(&memory),
            c"trusted.overlay.nsx",
            b"",
            XattrFlags::empty(),
        );
        if marks == Err(Errno::PERM) {
            options.push(("userxattr".to_owned(), None));
        }
        let overlay = FileSystem {
            kind: "overlay".to_owned(),
            options,
            ..FileSystem::default()
        };
        self.make(root, at, &overlay).map(drop)
    }

    /// Shows the caller's devices in the directory `mount_point`. Makes them, as runc does, if they may
    /// stay and the kernel allows it, and otherwise binds them. Files that are there already are
    /// left alone.
    fn devices(&mut self, mount_point: &OwnedFd) -> Result<(), Errno> {
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

/// Writes a text to a file in `directory`.
fn fill(directory: &OwnedFd, text: &[u8]) -> Result<(), Errno> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, FILE, new, Mode::RUSR)?;
    descriptor::write_all(&file, text)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))
}

/// Returns a copy of what is mounted at `path`, or the path opened if the kernel has no such call.
fn tree(directory: impl AsFd, path: &Path, recursive: bool) -> Result<Held, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    match rustix::mount::open_tree(&directory, path, flags) {
        Err(Errno::NOSYS) => {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            rustix::fs::openat(&directory, path, flags, Mode::empty()).map(Held::Path)
        }
        tree => tree.map(Held::Detached),
    }
}

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

/// Mounts `source` on `mount_point`. Returns false if the kernel could not set its flags along with it.
fn bind(
    source: &Held,
    mount_point: &OwnedFd,
    recursive: bool,
    flags: MountFlags,
) -> Result<bool, Errno> {
    match source {
        Held::Detached(tree) => {
            let attributed = match flags.is_empty() {
                true => Ok(()),
                false => sys::mount::set_attributes(
                    tree,
                    attributes(flags),
                    MountAttrFlags::empty(),
                    recursive,
                ),
            };
            if !matches!(attributed, Err(Errno::NOSYS)) {
                attributed?;
            }
            attach(tree, mount_point)?;
            Ok(attributed.is_ok())
        }
        Held::Path(_) => {
            let (from, to) = (path_of(source), path_of(mount_point));
            match recursive {
                true => rustix::mount::mount_bind_recursive(from, to)?,
                false => rustix::mount::mount_bind(from, to)?,
            }
            Ok(flags.is_empty())
        }
    }
}

/// Sets the flags of the mount whose root directory is `mount_point`, and of each below it, before 5.12.
/// The flags that they have stay: a user namespace may not clear them.
fn remount_each(
    proc: &ProcRoot,
    root: Option<&Path>,
    mount_point: &OwnedFd,
    flags: MountFlags,
) -> Result<(), Errno> {
    let mount_point = rustix::fs::readlink(path_of(mount_point), Vec::new())?;
    let mount_point = mount_point.as_bytes();
    let mut text = Vec::new();
    let mounts = proc
        .read_own("mountinfo", &mut text)
        .and_then(|()| proc::Mount::parse_all(&text));
    let mounts = mounts.map_err(|error| match error {
        ProcError::Os(errno) => errno,
        _ => Errno::IO,
    })?;
    // Newer mounts come later. What is mounted below the same path but on an older one is covered,
    // and has no path any more.
    let top = mounts
        .iter()
        .rfind(|mount| mount.point == mount_point)
        .ok_or(Errno::INVAL)?;
    let mut ids = vec![top.id];
    for mount in &mounts {
        if mount.id != top.id && !ids.contains(&mount.parent) {
            continue;
        }
        ids.push(mount.id);
        // What is mounted on the root has the paths of what it covers.
        let above: &[u8] = if root == Some(Path::new(ABOVE_ROOT)) {
            ABOVE_ROOT.as_bytes()
        } else {
            b""
        };
        let point = [above, &mount.point].concat();
        let has = rustix::fs::statvfs(point.as_slice())?.f_flag.bits();
        let kept = MountFlags::from_bits_truncate(has as u32) & forbidding();
        rustix::mount::mount_remount(point.as_slice(), MountFlags::BIND | kept | flags, c"")?;
    }
    Ok(())
}

/// Makes a file system that is mounted nowhere yet. `ENOSYS` also if an option is longer than the
/// newer calls take, or is several, or if a flag is not one of a mount.
fn detached(file_system: &FileSystem) -> Result<OwnedFd, Errno> {
    let FileSystem {
        kind,
        options,
        flags,
        source,
        ..
    } = file_system;
    let is_several = |text: &String| text.len() >= VALUE_MAX || text.contains(',');
    if options
        .iter()
        .any(|(name, value)| is_several(name) || value.as_ref().is_some_and(is_several))
        || flags.intersects(of_file_system())
    {
        return Err(Errno::NOSYS);
    }
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(
        &context,
        "source",
        if source.is_empty() {
            OsStr::new(kind)
        } else {
            source
        },
    )?;
    // A hierarchy of cgroups has one superblock, which others write through.
    if flags.contains(MountFlags::RDONLY) && !kind.starts_with("cgroup") {
        fsconfig_set_flag(&context, "ro")?;
    }
    for (name, value) in options {
        match value {
            Some(value) => fsconfig_set_string(&context, name, value)?,
            None => fsconfig_set_flag(&context, name)?,
        }
    }
    fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(*flags))
}

/// The flags of `mount(2)` that are those of a file system, wherever it is mounted.
fn of_file_system() -> MountFlags {
    // MS_POSIXACL and MS_I_VERSION have no names in rustix.
    MountFlags::from_bits_retain(1 << 16 | 1 << 23)
        | MountFlags::DIRSYNC
        | MountFlags::LAZYTIME
        | MountFlags::PERMIT_MANDATORY_FILE_LOCKING
        | MountFlags::SILENT
        | MountFlags::SYNCHRONOUS
}

/// Flags of `mount(2)` as the newer calls name them.
fn attributes(mut flags: MountFlags) -> MountAttrFlags {
    // To the newer calls access times are one value, and two of them EINVAL. To mount(2) the strict
    // one goes before.
    if flags.contains(MountFlags::STRICTATIME) {
        flags.remove(MountFlags::NOATIME);
    }
    [
        (MountFlags::RDONLY, MountAttrFlags::MOUNT_ATTR_RDONLY),
        (MountFlags::NOSUID, MountAttrFlags::MOUNT_ATTR_NOSUID),
        (MountFlags::NODEV, MountAttrFlags::MOUNT_ATTR_NODEV),
        (MountFlags::NOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC),
        (MountFlags::NOATIME, MountAttrFlags::MOUNT_ATTR_NOATIME),
        (
            MountFlags::STRICTATIME,
            MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        ),
        (
            MountFlags::NODIRATIME,
            MountAttrFlags::MOUNT_ATTR_NODIRATIME,
        ),
        (
            MountFlags::NOSYMFOLLOW,
            MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW,
        ),
    ]
    .into_iter()
    .filter_map(|(flag, attribute)| flags.contains(flag).then_some(attribute))
    .collect()
}

fn file_type(fd: &OwnedFd) -> Result<FileType, Errno> {
    rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
