//! Paths from untrusted sources, opened so that they cannot lead out of a directory.

use crate::{descriptor::reopen, trouble};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::Read,
    path::{Component, Path},
};

/// Opens `path` below `directory`, resolved as `resolve` says, see `openat2(2)`: with `BENEATH`
/// what leads out fails with `EXDEV`, with `IN_ROOT` it cannot. Either way a leading slash means
/// the directory if the kernel is too old.
///
/// Before 5.6, and under filters that know no `openat2`, a path of plain directories is walked by
/// hand, and a link in it is refused with `ELOOP`, as `NO_SYMLINKS` does.
///
/// # Errors
/// The errno of `openat2(2)`.
pub fn open(
    directory: impl AsFd,
    path: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    match rustix::fs::openat2(&directory, path, flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => walk(directory, path, flags),
        opened => opened,
    }
}

/// Reads a regular file below `directory`, as someone whose root directory that is would find it,
/// and no more than the first `most` bytes of it. No link leads out, and what is not a regular file
/// is not opened: a FIFO or a device could block or act. Nor is more read than the file has by its
/// size: files such as `/proc/kmsg`, which have none, could block too.
///
/// # Errors
/// The errno of opening or reading; `EINVAL` if it is not a regular file.
pub fn read(directory: impl AsFd, path: &Path, most: usize) -> Result<Vec<u8>, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let found = open(directory, path, OFlags::PATH, resolve)?;
    let stat = rustix::fs::fstat(&found)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let mut text = Vec::new();
    let file = File::from(reopen(&found)?);
    file.take(size.min(most as u64))
        .read_to_end(&mut text)
        .map_err(|error| trouble::errno_of(&error))?;
    Ok(text)
}

/// Opens each directory of the path from the one before it.
fn walk(directory: impl AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let on_the_way = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts = path
        .components()
        .filter(|part| *part != Component::RootDir)
        .peekable();
    let mut reached = rustix::fs::openat(directory, c".", on_the_way, Mode::empty())?;
    while let Some(part) = parts.next() {
        if part == Component::ParentDir {
            return Err(Errno::LOOP);
        }
        let next = rustix::fs::openat(&reached, part.as_os_str(), on_the_way, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&next)?.st_mode) == FileType::Symlink {
            return Err(Errno::LOOP);
        }
        if parts.peek().is_none() && !flags.contains(OFlags::PATH) {
            return rustix::fs::openat(
                &reached,
                part.as_os_str(),
                flags | OFlags::NOFOLLOW,
                Mode::empty(),
            );
        }
        reached = next;
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn both_ways_stay_below() {
        let root = std::env::temp_dir().join(format!("nsx-beneath-{}", std::process::id()));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "x").unwrap();
        symlink("/etc", root.join("a/out")).unwrap();
        symlink("/etc/passwd", root.join("a/file")).unwrap();
        let directory = || {
            rustix::fs::openat(
                CWD,
                &root,
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let directory = directory().unwrap();
        let by_kernel = |path: &str, flags| {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            open(&directory, Path::new(path), flags, resolve).map(drop)
        };
        let by_hand = |path: &str, flags| {
            walk(&directory, Path::new(path), flags | OFlags::CLOEXEC).map(drop)
        };
        for flags in [OFlags::PATH, OFlags::RDONLY] {
            for path in ["a/b/file", "a/b", "./a/./b"] {
                assert_eq!(
                    (by_kernel(path, flags), by_hand(path, flags)),
                    (Ok(()), Ok(())),
                    "{path}"
                );
            }
            for path in ["a/out", "a/out/passwd", "a/file"] {
                assert_eq!(by_kernel(path, flags), Err(Errno::LOOP), "{path}");
                assert_eq!(by_hand(path, flags), Err(Errno::LOOP), "{path}");
            }
            for path in ["../x", "a/../../x"] {
                assert!(
                    by_kernel(path, flags).is_err() && by_hand(path, flags).is_err(),
                    "{path}"
                );
            }
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
