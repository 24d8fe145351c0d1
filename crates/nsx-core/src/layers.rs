//! The layers of an overlay, and the differences that the upper one makes.
//!
//! The kernel's marks are described in its `filesystems/overlayfs.rst`: a character device with
//! number 0/0, or an empty file with the extended attribute `overlay.whiteout` (6.7), stands for a
//! deleted path; a directory with `overlay.opaque` hides the directories below.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fgetxattr, fstat, openat, statat},
    io::Errno,
};
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The open layers of an overlay.
#[derive(Debug)]
pub struct Layers {
    /// The mount point.
    pub at: PathBuf,
    /// The directory that has the upper directory, `upper`.
    pub upper: OwnedFd,
    /// The lower directories, the first on top.
    pub lower: Vec<OwnedFd>,
}

/// A difference between what an overlay shows and what its lower directories show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The path is new.
    Added,
    /// The file has, or may have, another content, type, owner or mode.
    Changed,
    /// The path does not exist any more.
    Deleted,
}

/// The extended attributes that mark a file: those of an overlay in a user namespace are `user`.
const OPAQUE: [&str; 2] = ["trusted.overlay.opaque", "user.overlay.opaque"];
const WHITEOUT: [&str; 2] = ["trusted.overlay.whiteout", "user.overlay.whiteout"];

impl Layers {
    /// Tells `visit` every difference, in the order of the paths: those of a directory after the
    /// directory. Of a directory that is new, all that is in it is new, too.
    ///
    /// # Errors
    /// The errno of reading a directory. `EMFILE` if directories lie too deep in one another.
    pub fn differences(&self, visit: &mut dyn FnMut(Difference, &Path)) -> Result<(), Errno> {
        let upper = open(&self.upper, OsStr::new("upper"))?;
        let lower = self.lower.iter().map(|lower| open(lower, OsStr::new(".")));
        let lower = lower.collect::<Result<_, _>>()?;
        visit_directory(&upper, lower, &self.at, visit)
    }
}

/// A path as the lower directories show it.
enum Lower {
    Missing,
    /// A directory, of which these are the layers.
    Directory(Vec<OwnedFd>),
    Other,
}

fn visit_directory(
    upper: &OwnedFd,
    lower: Vec<OwnedFd>,
    at: &Path,
    visit: &mut dyn FnMut(Difference, &Path),
) -> Result<(), Errno> {
    let hidden = is_marked(upper, OPAQUE);
    let names = names(upper)?;
    let mut deleted = Vec::new();
    if hidden {
        for layer in &lower {
            deleted.extend(self::names(layer)?);
        }
        deleted.retain(|name| names.binary_search(name).is_err());
    }
    let mut all: Vec<&CString> = names.iter().chain(&deleted).collect();
    all.sort();
    all.dedup();
    for name in all {
        let name = OsStr::from_bytes(name.to_bytes());
        let path = at.join(name);
        let below = find(&lower, name)?;
        let stat = match statat(upper, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if !is_whiteout(upper, name, &stat) => stat,
            Ok(_) | Err(Errno::NOENT) => {
                if !matches!(below, Lower::Missing) {
                    visit(Difference::Deleted, &path);
                }
                continue;
            }
            Err(errno) => return Err(errno),
        };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        match (&below, is_directory) {
            (Lower::Missing, _) => visit(Difference::Added, &path),
            // A directory comes up as it was if something in it changes.
            (Lower::Directory(layers), true) => {
                let before = layers.first().map(fstat).transpose()?;
                if before.is_none_or(|before| !is_alike(&stat, &before)) {
                    visit(Difference::Changed, &path);
                }
            }
            _ => visit(Difference::Changed, &path),
        }
        if is_directory {
            let layers = match below {
                Lower::Directory(layers) => layers,
                _ => Vec::new(),
            };
            visit_directory(&open(upper, name)?, layers, &path, visit)?;
        }
    }
    Ok(())
}

/// Finds a name in the layers of a directory, as an overlay of them shows it.
fn find(layers: &[OwnedFd], name: &OsStr) -> Result<Lower, Errno> {
    let mut found = Vec::new();
    for layer in layers {
        let stat = match statat(layer, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let directory = open(layer, name)?;
            let hides = is_marked(&directory, OPAQUE);
            found.push(directory);
            if hides {
                break;
            }
            continue;
        }
        if found.is_empty() && !is_whiteout(layer, name, &stat) {
            return Ok(Lower::Other);
        }
        break;
    }
    Ok(match found.is_empty() {
        true => Lower::Missing,
        false => Lower::Directory(found),
    })
}

/// Returns the names in a directory, sorted.
fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn open(directory: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

fn is_alike(one: &Stat, other: &Stat) -> bool {
    (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)
}

/// Returns whether a file in a layer stands for a deleted path.
fn is_whiteout(layer: &OwnedFd, name: &OsStr, stat: &Stat) -> bool {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => stat.st_rdev == 0,
        FileType::RegularFile if stat.st_size == 0 => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            openat(layer, name, flags, Mode::empty()).is_ok_and(|file| is_marked(&file, WHITEOUT))
        }
        _ => false,
    }
}

fn is_marked(file: &OwnedFd, marks: [&str; 2]) -> bool {
    let mut value = [0; 8];
    let mut marks = marks.iter();
    // `x` marks a directory that may have whiteouts.
    marks.any(|mark| fgetxattr(file, *mark, &mut value[..]).is_ok_and(|_| value[0] != b'x'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Directories as an overlay leaves them. Whiteouts, which only the kernel makes without
    /// privilege, are tried in `tests/unshare/overlays.rs`.
    #[test]
    fn new_and_changed_paths_are_told_apart() {
        let top = std::env::temp_dir().join(format!("nsx-layers-{}", std::process::id()));
        let make = |file: &str| {
            let path = top.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        };
        for file in [
            "one/same",
            "one/sub/old",
            "two/under",
            "two/sub/deep/x",
            "kept/upper/under",
            "kept/upper/new",
            "kept/upper/sub/deep/y",
            "kept/upper/dir/z",
        ] {
            make(file);
        }
        let directory = |name: &str| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            openat(rustix::fs::CWD, top.join(name), flags, Mode::empty()).unwrap()
        };
        let layers = Layers {
            at: "/m".into(),
            upper: directory("kept"),
            lower: vec![directory("one"), directory("two")],
        };
        let mut found = Vec::new();
        layers
            .differences(&mut |difference, path| found.push((difference, path.to_owned())))
            .unwrap();
        fs::remove_dir_all(&top).unwrap();
        let expected = [
            (Difference::Added, "/m/dir"),
            (Difference::Added, "/m/dir/z"),
            (Difference::Added, "/m/new"),
            (Difference::Added, "/m/sub/deep/y"),
            (Difference::Changed, "/m/under"),
        ];
        assert_eq!(found, expected.map(|(it, path)| (it, path.into())));
    }
}
