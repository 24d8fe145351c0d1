//! Hierarchies of cgroups, mounted again so that they are seen from the new cgroup namespace.
//!
//! A new file system covers the old one. Under another root directory the mount points may
//! be missing: they are then made in memory, as on a host.

use super::{
    mounter::Mounter,
    mounts::{self, beneath, path_of},
};
use crate::{
    cgroup::{Hierarchy, STANDARD},
    plan::FileSystem,
};
use rustix::{
    fs::{CWD, Dir, FileType, Mode, OFlags, StatVfsMountFlags},
    io::Errno,
    mount::{MountFlags, UnmountFlags},
};
use std::path::Path;

impl Mounter {
    /// Mounts each hierarchy on its mount point beneath `root`, all of them or none.
    pub(super) fn cgroups(
        &mut self,
        root: Option<&Path>,
        hierarchies: &[Hierarchy],
    ) -> Result<(), Errno> {
        let mut made = Vec::new();
        let outcome = self.mount_cgroups(root, hierarchies, &mut made);
        if outcome.is_err() {
            for at in made.into_iter().rev() {
                // Nothing is left to tell of a failure to.
                let _ = beneath(root, at)
                    .and_then(|top| rustix::mount::unmount(path_of(&top), UnmountFlags::DETACH));
            }
        }
        outcome
    }

    fn mount_cgroups<'h>(
        &mut self,
        root: Option<&Path>,
        hierarchies: &'h [Hierarchy],
        made: &mut Vec<&'h Path>,
    ) -> Result<(), Errno> {
        let missing =
            |one: &Hierarchy| one.at != Path::new(STANDARD) && beneath(root, &one.at).is_err();
        if hierarchies.iter().any(missing) {
            self.cgroup_mount_points(root)?;
            made.push(Path::new(STANDARD));
        }
        for Hierarchy { at, controllers } in hierarchies {
            // A mount that was read-only stays read-only.
            let mount_point = self.directory(root, at)?;
            let read_only = rustix::fs::fstatvfs(&mount_point)?
                .f_flag
                .contains(StatVfsMountFlags::RDONLY);
            let flags = if read_only {
                mounts::harmless() | MountFlags::RDONLY
            } else {
                mounts::harmless()
            };
            let kind = if controllers.is_empty() {
                "cgroup2"
            } else {
                "cgroup"
            }
            .to_owned();
            // mount(2) takes no file system on top of itself (EBUSY). The newer calls do.
            self.make(
                root,
                at,
                &FileSystem {
                    kind,
                    options: options(controllers),
                    flags,
                    ..FileSystem::default()
                },
            )?;
            made.push(at);
        }
        Ok(())
    }

    /// Mounts a directory in memory for the hierarchies of version 1, with the caller's links
    /// between their names.
    fn cgroup_mount_points(&mut self, root: Option<&Path>) -> Result<(), Errno> {
        let options = vec![("mode".to_owned(), Some("755".to_owned()))];
        let memory = FileSystem {
            kind: "tmpfs".to_owned(),
            options,
            flags: mounts::harmless(),
            ..FileSystem::default()
        };
        let memory = self.make(root, Path::new(STANDARD), &memory)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let callers = rustix::fs::openat(CWD, STANDARD, flags, Mode::empty())?;
        for entry in Dir::read_from(&callers)? {
            let entry = entry?;
            if entry.file_type() == FileType::Symlink {
                let target = rustix::fs::readlinkat(&callers, entry.file_name(), Vec::new())?;
                rustix::fs::symlinkat(target, &memory, entry.file_name())?;
            }
        }
        Ok(())
    }
}

/// Returns the options that name a hierarchy: `cpu,cpuacct` or `name=systemd`.
fn options(controllers: &[u8]) -> Vec<(String, Option<String>)> {
    let words = controllers
        .split(|byte| *byte == b',')
        .filter(|word| !word.is_empty());
    let option = |word: &[u8]| {
        let word = String::from_utf8_lossy(word);
        match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.into_owned(), None),
        }
    };
    words.map(option).collect()
}
