//! A copy of the files of a directory, for a file system that covers it: `tmpcopyup`.
//!
//! Each name is opened from the directory that it was read in, and no link is followed: the files
//! may be anybody's.

use crate::descriptor::write_all;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid},
    io::Errno,
};
use std::ffi::CStr;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Copies all that is in the directory `from` to the directory `to`, with owners and modes.
pub(super) fn copy(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let from = rustix::fs::openat(from, c".", DIRECTORY, Mode::empty())?;
    let to = rustix::fs::openat(to, c".", DIRECTORY, Mode::empty())?;
    for entry in Dir::read_from(&from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy_entry(&from, &to, name)?;
        }
    }
    Ok(())
}

fn copy_entry(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let private = Mode::RUSR | Mode::WUSR | Mode::XUSR;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            rustix::fs::mkdirat(to, name, private)?;
            let inner = rustix::fs::openat(from, name, DIRECTORY, Mode::empty())?;
            copy(
                &inner,
                &rustix::fs::openat(to, name, DIRECTORY, Mode::empty())?,
            )?;
        }
        FileType::RegularFile => {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let source = rustix::fs::openat(from, name, OFlags::RDONLY | flags, Mode::empty())?;
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            copy_content(&source, &rustix::fs::openat(to, name, new, private)?)?;
        }
        FileType::Symlink => {
            rustix::fs::symlinkat(rustix::fs::readlinkat(from, name, Vec::new())?, to, name)?
        }
        kind => rustix::fs::mknodat(to, name, kind, private, stat.st_rdev)?,
    }
    take_after(to, name, &stat)
}

fn copy_content(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = rustix::io::read(&from, buffer.as_mut_slice())?;
        if read == 0 {
            return Ok(());
        }
        write_all(&to, buffer.get(..read).unwrap_or_default())?;
    }
}

/// Gives a copy the owner and the mode of its original. An owner that is not mapped cannot be set.
fn take_after(to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    let owned = rustix::fs::chownat(to, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW);
    if !matches!(owned, Err(Errno::INVAL | Errno::PERM)) {
        owned?;
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Ok(()),
        _ => rustix::fs::chmodat(
            to,
            name,
            Mode::from_raw_mode(stat.st_mode),
            AtFlags::empty(),
        ),
    }
}
