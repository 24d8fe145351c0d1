//! Reading what others keep on disk, so that no content of it can lead nsx elsewhere, hold it up or fill its memory.
//!
//! A directory is opened once; what lies below it is opened beneath it and through no symbolic link, is a regular file, and
//! is read up to a limit.

use nsx_core::beneath;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags},
    io::Errno,
};
use std::{ffi::OsStr, mem::MaybeUninit, os::unix::ffi::OsStrExt, path::Path, time::Duration};

/// The longest file that is read, in bytes. Docker keeps a container's whole configuration in one file, Podman all containers
/// of a store.
pub(crate) const LONGEST: u64 = 16 << 20;

/// Why a record could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("no such file")]
    Absent,
    /// The caller may not read it.
    #[error("permission denied")]
    Denied,
    /// It is a link, a FIFO or anything else that is not a plain file.
    #[error("not a plain file")]
    Irregular,
    /// It is longer than [`LONGEST`].
    #[error("longer than {} MiB", LONGEST >> 20)]
    TooLong,
    /// It does not hold what it should.
    #[error("unexpected content: {0}")]
    Malformed(String),
    /// Any other failure of the system.
    #[error(transparent)]
    Os(Errno),
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Absent,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::LOOP | Errno::XDEV | Errno::NXIO => Self::Irregular,
            errno => Self::Os(errno),
        }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// A directory whose content is not trusted.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// A file's content, and when it was written last, since 1970.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: Duration,
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// The directory at `path`, through symbolic links: that one leads elsewhere is its owner's choice, and opening a
    /// directory acts on nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self(rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    /// What `path` is to whoever has this as the root directory, through symbolic links.
    pub(crate) fn open_as_root(&self, path: &Path) -> Result<Self, ReadError> {
        Ok(Self(beneath::open(&self.0, path, DIRECTORY, ResolveFlags::IN_ROOT)?))
    }

    /// A directory below.
    pub(crate) fn below(&self, path: impl AsRef<OsStr>) -> Result<Self, ReadError> {
        self.place(path.as_ref(), DIRECTORY).map(Self)
    }

    fn place(&self, path: &OsStr, flags: OFlags) -> Result<OwnedFd, ReadError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        Ok(beneath::open(&self.0, Path::new(path), flags, resolve)?)
    }

    /// The whole of a file below.
    pub(crate) fn read(&self, path: impl AsRef<OsStr>) -> Result<Vec<u8>, ReadError> {
        self.content(path).map(|content| content.bytes)
    }

    /// The whole of a file below, and when it was written.
    pub(crate) fn content(&self, path: impl AsRef<OsStr>) -> Result<Content, ReadError> {
        // A FIFO that stands there must not hold nsx up, nor a terminal become its own.
        let fd = self.place(path.as_ref(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ReadError::Irregular);
        }
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if size > LONGEST {
            return Err(ReadError::TooLong);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
        while rustix::io::read(&fd, rustix::buffer::spare_capacity(&mut bytes))? > 0 {
            if bytes.len() as u64 > LONGEST {
                return Err(ReadError::TooLong);
            }
            // Files of the kernel have no size, and others may grow meanwhile.
            bytes.reserve(1024);
        }
        let written = Duration::new(stat.st_mtime.try_into().unwrap_or_default(), 0);
        Ok(Content { bytes, written })
    }

    /// The user who owns the directory; none for root, whose it is where it is the system's.
    pub(crate) fn owner(&self) -> Result<Option<u32>, ReadError> {
        let uid = rustix::fs::fstat(&self.0)?.st_uid;
        Ok(Some(uid).filter(|uid| *uid != 0))
    }

    /// Whether there is anything at `path` below.
    pub(crate) fn has(&self, path: impl AsRef<OsStr>) -> bool {
        self.place(path.as_ref(), OFlags::PATH | OFlags::NOFOLLOW).is_ok()
    }

    /// The names in the directory, in order.
    pub(crate) fn names(&self) -> Result<Vec<Vec<u8>>, ReadError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.0, c".", flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut entries = RawDir::new(directory, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A name as part of a path.
pub(crate) fn part(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Names joined to a path.
pub(crate) fn path(parts: &[&[u8]]) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_plain_files_beneath_are_read() {
        let tree = Tree::new();
        tree.file("store/a/file", "text");
        tree.file("outside", "secret");
        symlink("../../outside", tree.path("store/a/link")).unwrap();
        symlink("..", tree.path("store/up")).unwrap();
        rustix::fs::mknodat(CWD, tree.path("store/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let store = Dir::open(&tree.path("store")).unwrap();
        assert_eq!(store.read("a/file").unwrap(), b"text");
        assert_eq!(store.read("a/link").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("up/outside").unwrap_err(), ReadError::Irregular);
        assert!(store.read("../outside").is_err());
        assert!(store.read(tree.path("outside")).is_err());
        assert_eq!(store.read("fifo").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("a").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("b").unwrap_err(), ReadError::Absent);
        assert_eq!(store.read("a/file/b").unwrap_err(), ReadError::Absent);
        assert!(store.has("a/link") && !store.has("a/b"));
        assert_eq!(store.names().unwrap(), [&b"a"[..], b"fifo", b"up"]);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_unread() {
        let tree = Tree::new();
        tree.file("huge", "");
        std::fs::File::options().write(true).open(tree.path("huge")).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(Dir::open(&tree.path("")).unwrap().read("huge").unwrap_err(), ReadError::TooLong);
    }

    #[test]
    fn files_of_the_kernel_are_read_whole() {
        let proc = Dir::open(Path::new("/proc")).unwrap();
        let text = proc.read(format!("{}/status", std::process::id())).unwrap();
        assert!(text.starts_with(b"Name:") && text.ends_with(b"\n"));
    }
}
