//! Overlays whose changes go to memory.

use super::{
    super::mounts::{path_below, path_of},
    Mounter,
};
use crate::plan::FileSystem;
use rustix::{
    fs::{AtFlags, Gid, Mode, Uid, XattrFlags},
    io::Errno,
};
use std::path::Path;

impl Mounter {
    /// Mounts a tmpfs that takes the changes, and on top of it what shows them.
    pub(super) fn overlay(
        &mut self,
        root: Option<&Path>,
        at: &Path,
        layers: usize,
    ) -> Result<(), Errno> {
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
        // The extended attributes in which an overlay keeps its marks are for the host's root
        // alone; a user namespace has others (5.11).
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
}
