//! Directories in which namespaces are kept, such as `/proc/PID/ns` or a directory of pins.

use super::EnterError;
use nsx_core::{
    ns::{Namespace, NsKind, NsSet},
    plan::NamespaceFile,
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Dir, Mode, OFlags, PROC_SUPER_MAGIC},
    io::Errno,
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The namespaces of a directory, one of each kind, open.
#[derive(Debug, Default)]
pub struct NamespaceDirectory {
    /// The directory as the caller names it.
    pub path: PathBuf,
    /// The namespaces, in order of their kinds.
    pub files: Vec<NamespaceFile>,
}

impl NamespaceDirectory {
    /// Opens the namespaces of the kinds `wanted` that are kept in the directory `path`; none if
    /// `path` is not a directory.
    ///
    /// A symbolic link in the directory is not followed, unless the directory is in a procfs:
    /// anyone who may write to the directory could lead it anywhere.
    ///
    /// # Errors
    /// [`EnterError::Open`] for a file that cannot be opened, [`EnterError::Several`] if several
    /// namespaces of a kind are kept and none has the kind's name.
    pub fn open(path: &Path, wanted: NsSet) -> Result<Option<Self>, EnterError> {
        let failed = |source| EnterError::Open {
            path: path.to_owned(),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let directory = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOTDIR | Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let is_procfs = rustix::fs::fstatfs(&directory).map_err(failed)?.f_type == PROC_SUPER_MAGIC;
        let mut files: Vec<NamespaceFile> = Vec::new();
        for entry in Dir::read_from(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            match open_entry(&directory, name, is_procfs) {
                Ok(ns) if wanted.contains(ns.id().kind) => {
                    files.push(NamespaceFile::new(path.join(name), ns));
                }
                // Another kind, another file, or a namespace for children that does not exist yet.
                Ok(_) | Err(Errno::INVAL | Errno::NOENT) => {}
                Err(source) => {
                    return Err(EnterError::Open {
                        path: path.join(name),
                        source,
                    });
                }
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let files = NsKind::ALL
            .into_iter()
            .filter_map(|kind| one_of_kind(kind, &files, path).transpose());
        Ok(Some(Self {
            path: path.to_owned(),
            files: files.collect::<Result<_, _>>()?,
        }))
    }
}

fn open_entry(directory: &OwnedFd, name: &OsStr, follow: bool) -> Result<Namespace, Errno> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    rustix::fs::openat(directory, name, flags, Mode::empty()).and_then(Namespace::from_path_fd)
}

/// Returns the namespace of a kind among `files`: the only one, or the one whose file has the
/// kind's name.
fn one_of_kind(
    kind: NsKind,
    files: &[NamespaceFile],
    directory: &Path,
) -> Result<Option<NamespaceFile>, EnterError> {
    let of_kind: Vec<_> = files.iter().filter(|file| file.kind() == kind).collect();
    let is_named = |file: &&NamespaceFile| file.path.ends_with(kind.name());
    if let Some(named) = of_kind.iter().copied().find(is_named) {
        return Ok(Some(named.clone()));
    }
    let Some(first) = of_kind.first() else {
        return Ok(None);
    };
    if of_kind.iter().any(|file| file.ns.id() != first.ns.id()) {
        let names = of_kind.iter().filter_map(|file| file.path.file_name());
        return Err(EnterError::Several {
            directory: directory.to_owned(),
            kind,
            names: names.map(|name| name.display().to_string()).collect(),
        });
    }
    Ok(Some((*first).clone()))
}
