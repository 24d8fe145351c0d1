//! Texts that the program sees as files.

use super::{
    super::mounts::{beneath, path_of},
    Mounter, bind, remount_each, tree,
};
use crate::{descriptor, plan::FileSystem, proc::ProcRoot};
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    io::Errno,
    mount::{MountFlags, UnmountFlags},
};
use std::path::Path;

/// The name of a file that is bound elsewhere.
const FILE: &str = "file";

/// Writes a text to a file in `directory`.
fn fill(directory: &OwnedFd, text: &[u8]) -> Result<(), Errno> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, FILE, new, Mode::RUSR)?;
    descriptor::write_all(&file, text)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))
}

impl Mounter {
    /// Shows a text as a file, which must be there. A file is bound from a mount only, so a tmpfs
    /// lies for a moment on the directory of the file.
    pub(super) fn show(
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
}
