//! Mounts that the kernel refuses.

use super::{Facts, Refusal, Remedy};
use crate::{
    plan::{Contents, FileSystem, Mount},
    run,
};
use rustix::io::Errno;
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

impl Facts<'_> {
    /// Returns the remedies if the directory to mount a procfs on is missing.
    pub(super) fn without_proc_directory(&self) -> Vec<Remedy> {
        if self.joins {
            vec![Remedy::MakeDirectory, Remedy::LeaveProcAsItIs]
        } else {
            vec![
                Remedy::MakeDirectory,
                Remedy::NameProcDirectory,
                Remedy::LeaveProcOut,
            ]
        }
    }

    fn without_proc(&self) -> Remedy {
        if self.joins {
            Remedy::LeaveProcAsItIs
        } else {
            Remedy::LeaveProcOut
        }
    }

    /// Returns the cause of `EPERM` from a mount of a procfs.
    pub(super) fn proc_masked(&self) -> Option<Refusal> {
        let mounts = self.own_mounts()?;
        let over = mounts
            .iter()
            .find(|mount| mount.point.starts_with(b"/proc/"))?;
        Refusal::new(
            format!(
                "{} is mounted over, and the kernel lets a user namespace mount a procfs only \
                where it sees another whole",
                String::from_utf8_lossy(&over.point)
            ),
            [Remedy::UnmaskProc, self.without_proc()],
        )
    }

    /// Returns the cause of a failure to mount what the caller named.
    pub(super) fn mount(
        &self,
        root: Option<&Path>,
        mount: &Mount,
        errno: Errno,
    ) -> Option<Refusal> {
        match (&mount.contents, errno) {
            (Contents::Overlay { .. } | Contents::New(_), Errno::NODEV) => {
                Refusal::without_remedy("this kernel has no such file system, or may not load it")
            }
            (Contents::Overlay { lower, .. }, Errno::INVAL) => self.locked_below(lower),
            (Contents::New(FileSystem { kind, .. }), Errno::PERM) if kind == "proc" => {
                self.proc_masked()
            }
            (_, Errno::NOENT) if run::is_missing(root, &mount.at) => Refusal::new(
                "the mount point does not exist, and creating it would leave it behind",
                [Remedy::MakeMountPoint],
            ),
            (Contents::Bind { source, .. }, Errno::NOTDIR | Errno::ISDIR) => {
                Refusal::without_remedy(format!(
                    "a directory is bound to a directory, and a file to a file: {} is {}",
                    source.display(),
                    if errno == Errno::NOTDIR {
                        "a directory"
                    } else {
                        "a file"
                    },
                ))
            }
            _ => None,
        }
    }

    /// Returns the mount that makes an overlay fail: a user namespace may not uncover what the
    /// mounts of others cover, and an overlay leaves out mounts below its layers.
    fn locked_below(&self, layers: &[PathBuf]) -> Option<Refusal> {
        let mounts = self.own_mounts()?;
        let covered = layers.iter().find_map(|layer| {
            let layer = std::fs::canonicalize(layer).ok()?;
            let below = |point: &Path| point != layer && point.starts_with(&layer);
            mounts
                .iter()
                .find(|mount| below(Path::new(OsStr::from_bytes(&mount.point))))
        })?;
        Refusal::new(
            format!(
                "{} is mounted below it, and a user namespace may not uncover what lies under a \
                mount of another",
                String::from_utf8_lossy(&covered.point)
            ),
            match self.caller.uid {
                // The user namespace forbids it, even if root created that.
                0 => vec![Remedy::NameLayersWithoutMounts],
                _ => vec![Remedy::NameLayersWithoutMounts, Remedy::BecomeRoot],
            },
        )
    }

    /// Returns whether the directory is the caller's working directory.
    pub(super) fn stands_in(&self, directory: &Path) -> bool {
        let here = rustix::fs::readlinkat(self.proc, "self/cwd", Vec::new());
        here.is_ok_and(|here| here.as_bytes() == directory.as_os_str().as_bytes())
    }
}
