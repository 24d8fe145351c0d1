//! The file that a census is saved to. A regular file is replaced in one step; everything else is
//! written to as it is.
//!
//! Symbolic links are followed as the kernel follows them (`path_resolution(7)`), except for the
//! last link in a procfs: it leads to an open file and not to a name.

use nsx_core::{descriptor, replacement::Replacement};
use rustix::{
    fd::RawFd,
    fs::{Gid, OFlags, PROC_SUPER_MAGIC, Uid},
    io::Errno,
};
use std::{
    fs::{File, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The most symbolic links that the kernel follows.
const MOST_LINKS: usize = 40;

enum Destination {
    /// A regular file with its metadata, or the path of a file that does not exist yet.
    File(PathBuf, Option<Metadata>),
    /// A descriptor that the caller has opened for nsx.
    Descriptor(RawFd),
    /// A device, a FIFO, or an open file of another process.
    Other(PathBuf),
}

/// Writes to the file that `path` names. A regular file gets all of the content or none.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    match Destination::find(path)? {
        Destination::File(path, old) => replace(&path, old.as_ref(), content),
        Destination::Descriptor(number) => File::from(descriptor::take(number)?).write_all(content),
        Destination::Other(path) => {
            let flags = OFlags::NOCTTY.bits().cast_signed();
            let mut options = File::options();
            let mut file = options.write(true).custom_flags(flags).open(path)?;
            file.write_all(content)
        }
    }
}

impl Destination {
    fn find(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..=MOST_LINKS {
            let metadata = match path.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Self::File(path, None));
                }
                metadata => metadata?,
            };
            if metadata.is_file() {
                return Ok(Self::File(path, Some(metadata)));
            }
            if !metadata.is_symlink() {
                return Ok(Self::Other(path));
            }
            let directory = match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            if rustix::fs::statfs(directory)?.f_type == PROC_SUPER_MAGIC {
                return Ok(own_descriptor(directory, &path)
                    .map_or_else(|| Self::Other(path.clone()), Self::Descriptor));
            }
            path = directory.join(path.read_link()?);
        }
        Err(Errno::LOOP.into())
    }
}

/// Returns the number of nsx's own descriptor that `path`, in a directory of a procfs, leads to.
fn own_descriptor(directory: &Path, path: &Path) -> Option<RawFd> {
    let directory = directory.canonicalize().ok()?;
    let is_own = |own: &str| {
        Path::new(own)
            .canonicalize()
            .is_ok_and(|own| own == directory)
    };
    let number = path.file_name()?.to_str()?.parse().ok()?;
    (is_own("/proc/self/fd") || is_own("/proc/thread-self/fd")).then_some(number)
}

/// Writes a new file and moves it to `path`. It gets the mode of the old file and, if the caller may
/// set that, its owner.
fn replace(path: &Path, old: Option<&Metadata>, content: &[u8]) -> io::Result<()> {
    let mode = if old.is_some() { 0o600 } else { 0o666 };
    let mut new = Replacement::create(path, mode)?;
    let file = new.file();
    if let Some(old) = old {
        let _ = rustix::fs::fchown(
            &file,
            Some(Uid::from_raw(old.uid())),
            Some(Gid::from_raw(old.gid())),
        );
        file.set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
    }
    file.write_all(content)?;
    new.put_in_place()
}
