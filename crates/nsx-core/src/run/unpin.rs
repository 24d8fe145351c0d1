//! The way back from a pin: the namespace is unmounted from its file, and the file goes if it is
//! empty.
//!
//! A pin is told by its mount, and nothing else is touched. The directory is held open and the
//! mount is named by a descriptor, so that nobody can put another file in between. On the way to
//! the directory no link of another user is followed: it could lead root to a pin of the system's.

use super::mounts::path_of;
use crate::sys::nsfs;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
    mount::UnmountFlags,
};
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

/// The most links that are followed, as the kernel has it.
const MOST_LINKS: usize = 40;

const BY_PATH: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The reason why a pin was not taken away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpinError {
    /// Nothing has this name.
    #[error("there is no such file")]
    Missing,
    /// The file is something else.
    #[error("no namespace is bound to it")]
    NotAPin,
    /// The file is a link, which may lead to a namespace.
    #[error("it is a symbolic link, and not a pin")]
    Link,
    /// A link on the way that another user has made.
    #[error("{0} on the way is a symbolic link of user {1}, which is not followed")]
    Foreign(PathBuf, u32),
    /// A system call failed.
    #[error("failed to {0}")]
    Os(&'static str, #[source] Errno),
}

/// Opens a directory of pins.
///
/// # Errors
/// [`UnpinError`]; `Os` with `ENOTDIR` if the path leads to something else.
pub fn directory(path: &Path) -> Result<OwnedFd, UnpinError> {
    let failed = |errno| match errno {
        Errno::NOENT => UnpinError::Missing,
        errno => UnpinError::Os("open the directory", errno),
    };
    let parts = |path: &Path| -> Vec<OsString> {
        path.components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    let own = rustix::process::geteuid().as_raw();
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = rustix::fs::openat(CWD, start, BY_PATH, Mode::empty()).map_err(failed)?;
    let mut way = PathBuf::new();
    let mut rest = VecDeque::from(parts(path));
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        // For `/` the kernel starts at the root directory, whatever the descriptor.
        let next = rustix::fs::openat(&at, &part, BY_PATH, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&next).map_err(failed)?;
        way.push(&part);
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            at = next;
            continue;
        }
        links += 1;
        if ![0, own].contains(&stat.st_uid) {
            return Err(UnpinError::Foreign(way, stat.st_uid));
        }
        if links > MOST_LINKS {
            return Err(failed(Errno::LOOP));
        }
        let target = rustix::fs::readlinkat(&next, "", Vec::new()).map_err(failed)?;
        way.pop();
        for part in parts(Path::new(OsStr::from_bytes(target.as_bytes())))
            .into_iter()
            .rev()
        {
            rest.push_front(part);
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&at, ".", flags, Mode::empty()).map_err(failed)
}

/// Returns the names of the pins in a directory.
///
/// # Errors
/// [`UnpinError::Os`].
pub fn pins(directory: &OwnedFd) -> Result<Vec<OsString>, UnpinError> {
    let failed = |errno| UnpinError::Os("read the directory", errno);
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(failed)? {
        let name = OsString::from_vec(entry.map_err(failed)?.file_name().to_bytes().to_vec());
        if pin_at(directory, &name).is_ok() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Takes away the pin called `name`, as `ip netns del` does. Of several on one file all go.
///
/// The namespace lives on as long as a process or something else keeps it.
///
/// # Errors
/// [`UnpinError`]; `Os` with `EPERM` if the caller may not unmount, with `EINVAL` if the mount
/// belongs to a user namespace above the caller's.
pub fn unpin(directory: &OwnedFd, name: &OsStr) -> Result<(), UnpinError> {
    let mut pin = pin_at(directory, name)?;
    loop {
        rustix::mount::unmount(path_of(&pin), UnmountFlags::DETACH)
            .map_err(|errno| UnpinError::Os("unmount it", errno))?;
        match pin_at(directory, name) {
            Ok(below) => pin = below,
            Err(UnpinError::NotAPin) => break,
            // Somebody else was faster.
            Err(UnpinError::Missing) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    let is_empty =
        rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size == 0
        });
    if !is_empty {
        return Ok(());
    }
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(UnpinError::Os("remove its file", errno)),
    }
}

/// Opens the file called `name` by path alone if a namespace is bound to it.
fn pin_at(directory: &OwnedFd, name: &OsStr) -> Result<OwnedFd, UnpinError> {
    let failed = |errno| match errno {
        Errno::NOENT => UnpinError::Missing,
        errno => UnpinError::Os("open it", errno),
    };
    let file = rustix::fs::openat(directory, name, BY_PATH, Mode::empty()).map_err(failed)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(failed)?.st_mode)
        == FileType::Symlink
    {
        return Err(UnpinError::Link);
    }
    if rustix::fs::fstatfs(&file).map_err(failed)?.f_type != nsfs::MAGIC {
        return Err(UnpinError::NotAPin);
    }
    Ok(file)
}
