//! Overlays, whose changes go to memory or to a directory that stays.

use super::{
    super::mounts::{path_below, path_of},
    Mounter, attach,
    file_system::detached,
};
use crate::{
    layers::Layers,
    plan::{Contents, FileSystem, Mount, Upper},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Gid, Mode, OFlags, Stat, Uid, XattrFlags, openat},
    io::Errno,
};
use std::path::Path;

impl Mounter {
    /// Opens the layers of an overlay whose changes are kept or listed. Memory for them needs
    /// `fsopen(2)` (5.2).
    pub(in crate::run) fn hold(&mut self, mount: &Mount) -> Result<Layers, Errno> {
        let Contents::Overlay { lower, upper } = &mount.contents else {
            return Err(Errno::INVAL);
        };
        let directory = |path: &Path, flags| {
            openat(
                CWD,
                path,
                flags | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let upper = match upper {
            Upper::Kept(path) => directory(path, OFlags::RDONLY)?,
            _ => detached(&FileSystem {
                kind: "tmpfs".to_owned(),
                options: vec![("mode".to_owned(), Some("755".to_owned()))],
                ..FileSystem::default()
            })?,
        };
        self.uppers
            .push_back(rustix::io::fcntl_dupfd_cloexec(&upper, 0)?);
        let lower = lower.iter().map(|path| directory(path, OFlags::PATH));
        Ok(Layers {
            at: mount.at.clone(),
            upper,
            lower: lower.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the directory that takes the changes. A file system in memory is mounted below what
    /// shows them.
    fn upper(&mut self, root: Option<&Path>, at: &Path, upper: &Upper) -> Result<OwnedFd, Errno> {
        if *upper == Upper::Lost {
            let memory = FileSystem {
                kind: "tmpfs".to_owned(),
                ..FileSystem::default()
            };
            return self.make(root, at, &memory);
        }
        let held = self.uppers.pop_front().ok_or(Errno::INVAL)?;
        if *upper == Upper::Listed {
            attach(&held, &self.directory(root, at)?)?;
        }
        Ok(held)
    }

    /// Mounts what takes the changes, and on top of it what shows them.
    pub(super) fn overlay(
        &mut self,
        root: Option<&Path>,
        at: &Path,
        layers: usize,
        upper: &Upper,
    ) -> Result<(), Errno> {
        let lower = (0..layers)
            .map(|_| self.source())
            .collect::<Result<Vec<_>, _>>()?;
        let top = rustix::fs::fstat(lower.first().ok_or(Errno::INVAL)?)?;
        let memory = self.upper(root, at, upper)?;
        let _ = rustix::fs::mkdirat(&memory, "work", Mode::RWXU);
        match rustix::fs::mkdirat(&memory, "upper", Mode::RWXU) {
            // Changes that an earlier program made.
            Err(Errno::EXIST) => {}
            made => {
                made?;
                lend(&memory, &top)?;
            }
        }
        let layers: Vec<_> = lower.iter().map(path_of).collect();
        let mut options = vec![
            ("lowerdir".to_owned(), Some(layers.join(":"))),
            ("upperdir".to_owned(), Some(path_below(&memory, "upper"))),
            ("workdir".to_owned(), Some(path_below(&memory, "work"))),
        ];
        // The extended attributes in which an overlay keeps its marks are for the host's root
        // alone; a user namespace has others (5.11).
        let marks = rustix::fs::setxattr(
            path_of(&memory),
            c"trusted.overlay.nsx",
            b"",
            XattrFlags::empty(),
        );
        let _ = rustix::fs::removexattr(path_of(&memory), c"trusted.overlay.nsx");
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
}

/// Gives the upper directory the owner and mode of the topmost lower one, which it lends to the
/// whole. An owner that is not mapped here cannot be set.
fn lend(memory: &OwnedFd, top: &Stat) -> Result<(), Errno> {
    let own = rustix::fs::chownat(
        memory,
        "upper",
        Some(Uid::from_raw(top.st_uid)),
        Some(Gid::from_raw(top.st_gid)),
        AtFlags::empty(),
    );
    if !matches!(own, Err(Errno::INVAL | Errno::PERM)) {
        own?;
    }
    rustix::fs::chmodat(
        memory,
        "upper",
        Mode::from_raw_mode(top.st_mode),
        AtFlags::empty(),
    )
}
