//! The destination of a saved census: a file, which is replaced in one step, or something that is
//! there already and is not a regular file.
//!
//! A link is followed to what it leads to, as the kernel does it (`path_resolution(7)`), but for
//! the last step through a procfs, which leads to what is open and not to a name: what stands there
//! is written to as it is.

use crate::out;
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

/// The file name that means standard input and output.
pub(super) const STANDARD: &str = "-";

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

enum Destination {
    /// Standard output.
    Standard,
    /// A regular file with what is known of it, or the place where one is made.
    File(PathBuf, Option<Metadata>),
    /// A descriptor that the caller gave nsx open.
    Descriptor(RawFd),
    /// A device, a FIFO, what another process has open.
    Other(PathBuf),
}

/// Writes `text` to what `path` names: to a file whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    match Destination::find(path)? {
        // As with every other output, whoever reads may stop.
        Destination::Standard => match out::write(text) {
            Err(errno) if errno != Errno::PIPE => Err(errno.into()),
            _ => Ok(()),
        },
        Destination::File(path, old) => replace(&path, old.as_ref(), text),
        Destination::Descriptor(number) => {
            File::from(descriptor::take(number)?).write_all(text.as_bytes())
        }
        Destination::Other(path) => {
            let flags = OFlags::NOCTTY.bits().cast_signed();
            File::options()
                .write(true)
                .custom_flags(flags)
                .open(path)?
                .write_all(text.as_bytes())
        }
    }
}

impl Destination {
    fn find(path: &Path) -> io::Result<Self> {
        if path == Path::new(STANDARD) {
            return Ok(Self::Standard);
        }
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

/// The number of the descriptor of nsx's own that `path` in a directory of a procfs is.
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

/// Writes a file beside the one that is at `path`, or is to be, and puts it in its place, with the
/// owner, as far as the caller may, and the mode of what was there.
fn replace(path: &Path, old: Option<&Metadata>, text: &str) -> io::Result<()> {
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
    file.write_all(text.as_bytes())?;
    new.put_in_place()
}
