//! Files that others wrote. None of them can lead nsx elsewhere, hold it up or fill its memory, and
//! the claim on each is known.
//! A path is walked one component at a time, and no component is looked up twice. Symbolic links
//! are followed and counted on the way to the root of a store, and never below a directory that was
//! opened. Only regular files are read, up to a limit. Everything carries its [`Claim`]. A file
//! that more than one user could have written is not read at all.

mod walk;

use crate::{
    budget::Budget,
    claim::{Claim, Location},
    meta::Meta,
    served::ServedMounts,
    unread::{LONGEST, ReadError},
    writers::Writers,
};
use nsx_core::{beneath, hash::HashSet, trouble};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags},
    io::Errno,
};
use std::{
    cell::{Cell, RefCell},
    ffi::{OsStr, OsString},
    mem::MaybeUninit,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

/// The files of one host, as one caller sees them.
#[derive(Debug)]
pub(crate) struct Files {
    /// The host's root directory.
    root: Rc<OwnedFd>,
    root_meta: Meta,
    writers: Writers,
    budget: Budget,
    served: ServedMounts,
    /// Paths that are known to be absent. Most accounts have no engine, and every store looks for
    /// their files.
    absent: RefCell<HashSet<PathBuf>>,
    /// Set while the groups are read, which takes a walk itself.
    reads_groups: Cell<bool>,
}

impl Files {
    /// Returns the files of the live host.
    pub(crate) fn system(caller: u32) -> Result<Self, ReadError> {
        Self::below(Path::new("/"), caller, |_| 0)
    }

    /// Returns the files of a recorded host. The owner of its root directory stands for root.
    pub(crate) fn recorded(root: &Path, caller: u32) -> Result<Self, ReadError> {
        Self::below(root, caller, |meta| meta.uid)
    }

    fn below(root: &Path, caller: u32, uid: impl FnOnce(&Meta) -> u32) -> Result<Self, ReadError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(trouble::met)?;
        let root_meta = Meta::of(&root)?;
        Ok(Self {
            root: Rc::new(root),
            root_meta,
            writers: Writers::new(uid(&root_meta)),
            budget: Budget::new(caller),
            served: ServedMounts::new(caller),
            absent: RefCell::default(),
            reads_groups: Cell::new(false),
        })
    }

    /// Forgets costs, absent paths and mounts before another look.
    pub(crate) fn renew(&self) {
        self.budget.renew();
        self.served.renew();
        self.absent.borrow_mut().clear();
    }

    /// Returns the claim of a process of the user `uid`.
    pub(crate) fn process_claim(&self, uid: u32) -> Claim {
        self.writers.process(uid)
    }

    /// Reads the members of the groups, if the claim of a file depends on them and they are not
    /// known yet.
    fn learn_groups(self: &Rc<Self>, meta: &Meta) {
        if !self.writers.needs_groups(meta) || self.reads_groups.replace(true) {
            return;
        }
        let text = |name: &str| {
            let etc = Dir::walk(self, &Location::system("/etc"));
            let content = etc.and_then(|etc| etc.content(name)).ok()?;
            (content.claim == Claim::System).then_some(content.bytes)
        };
        self.writers.learn_groups(text("group").zip(text("passwd")));
        self.reads_groups.set(false);
    }
}

/// A directory whose content is not trusted.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    fd: Rc<OwnedFd>,
    meta: Meta,
    /// The claim of those who could have put the directory there.
    claim: Claim,
    /// The directory that `..` leads to, on the way to the root of a store.
    up: Option<Rc<Dir>>,
    files: Rc<Files>,
}

/// A file's content and claim, and when it was last written, since 1970.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: Duration,
    pub(crate) claim: Claim,
}

/// A directory's entry.
struct Entry {
    fd: OwnedFd,
    meta: Meta,
    claim: Claim,
}

/// The mounts that an entry may lie on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// Any mount. The user who serves it is looked up.
    Any,
    /// A mount that only the system can have made.
    Systems,
}

const ENTRY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// With these flags, opening waits neither for the writer of a FIFO nor for a lease on the file,
/// and a terminal does not become the controlling terminal.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl Dir {
    /// Returns the claim of those who could have put the directory there.
    pub(crate) fn claim(&self) -> Claim {
        self.claim
    }

    /// Returns the directory with `claim` added to its own.
    pub(crate) fn claimed(self, claim: Claim) -> Result<Self, ReadError> {
        match self.claim.join(claim) {
            Claim::Several => Err(ReadError::Shared(self.path())),
            claim => Ok(Self { claim, ..self }),
        }
    }

    fn child(&self, Entry { fd, meta, claim }: Entry, up: Option<&Rc<Self>>) -> Self {
        Self {
            fd: Rc::new(fd),
            meta,
            claim,
            up: up.cloned(),
            files: Rc::clone(&self.files),
        }
    }

    /// Opens an entry without following it. With `O_DIRECTORY` in `wanted`, a directory that is
    /// mounted on demand is mounted.
    fn entry(&self, name: &OsStr, wanted: OFlags, on: On) -> Result<Entry, ReadError> {
        self.files.budget.charge(self.claim, 1, 0)?;
        let fd = match rustix::fs::openat(&self.fd, name, ENTRY | wanted, Mode::empty()) {
            Err(Errno::NOTDIR) if !wanted.is_empty() => {
                rustix::fs::openat(&self.fd, name, ENTRY, Mode::empty())
            }
            opened => opened,
        }?;
        let meta = Meta::of(&fd)?;
        if on == On::Any {
            self.files.served.check(&self.meta, &meta)?;
        }
        let claim = self.claim_of(&meta)?;
        Ok(Entry { fd, meta, claim })
    }

    /// Returns the claim of those who could have put an entry here.
    fn claim_of(&self, entry: &Meta) -> Result<Claim, ReadError> {
        self.files.learn_groups(&self.meta);
        match self.claim.join(
            self.files
                .writers
                .of_entry(&self.meta, self.fd.as_fd(), entry),
        ) {
            Claim::Several => Err(ReadError::Shared(self.path())),
            claim => Ok(claim),
        }
    }

    /// Returns the claim of those who could have put any entry here.
    fn names_claim(&self) -> Claim {
        self.files.learn_groups(&self.meta);
        self.claim
            .join(self.files.writers.of_file(&self.meta, self.fd.as_fd()))
    }

    /// Returns the directory's path, for a message.
    fn path(&self) -> PathBuf {
        path_of(&self.fd)
    }

    /// Opens a directory below.
    pub(crate) fn below(&self, path: impl AsRef<OsStr>) -> Result<Self, ReadError> {
        let mut directory = self.clone();
        for name in parts(path.as_ref())? {
            directory = directory.child(directory.entry(name, OFlags::DIRECTORY, On::Any)?, None);
            match directory.meta.kind {
                FileType::Directory => {}
                FileType::Symlink => return Err(ReadError::Irregular),
                _ => return Err(ReadError::Absent),
            }
        }
        Ok(directory)
    }

    /// Opens the directory of a path below, and returns the name in it.
    fn split<'p>(&self, path: &'p OsStr) -> Result<(Self, &'p OsStr), ReadError> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(ReadError::Irregular)?;
        match path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            Some(parent) => Ok((self.below(parent)?, name)),
            None => Ok((self.clone(), name)),
        }
    }

    /// Reads a file below.
    pub(crate) fn read(&self, path: impl AsRef<OsStr>) -> Result<Vec<u8>, ReadError> {
        self.content(path).map(|content| content.bytes)
    }

    /// Reads a file below, with its claim.
    pub(crate) fn content(&self, path: impl AsRef<OsStr>) -> Result<Content, ReadError> {
        let (directory, name) = self.split(path.as_ref())?;
        directory.file(name)
    }

    /// Reads a file in this directory.
    fn file(&self, name: &OsStr) -> Result<Content, ReadError> {
        let (fd, meta, claim) = if self.names_claim() != Claim::System {
            // Opening a file that a user serves would already call the user's program.
            let Entry { fd, meta, claim } = self.entry(name, OFlags::empty(), On::Any)?;
            if meta.kind != FileType::RegularFile {
                return Err(ReadError::Irregular);
            }
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            (
                rustix::fs::openat(CWD, path, FILE, Mode::empty())?,
                meta,
                claim,
            )
        } else {
            let fd = rustix::fs::openat(&self.fd, name, FILE | OFlags::NOFOLLOW, Mode::empty())?;
            let meta = Meta::of(&fd)?;
            if meta.kind != FileType::RegularFile {
                return Err(ReadError::Irregular);
            }
            let claim = self.claim_of(&meta)?;
            (fd, meta, claim)
        };
        self.files.learn_groups(&meta);
        let claim = match claim.join(self.files.writers.of_file(&meta, fd.as_fd())) {
            Claim::Several => return Err(ReadError::Shared(path_of(&fd))),
            claim => claim,
        };
        if meta.size > LONGEST {
            return Err(ReadError::TooLong);
        }
        self.files.budget.charge(claim, 0, meta.size)?;
        let bytes = read_all(&fd, meta.size)?;
        self.files
            .budget
            .charge(claim, 0, (bytes.len() as u64).saturating_sub(meta.size))?;
        Ok(Content {
            bytes,
            written: meta.written,
            claim,
        })
    }

    /// Reads a file of the kernel below, such as one of a cgroup. The kernel writes it, even if a
    /// user owns it.
    pub(crate) fn read_kernels(&self, path: impl AsRef<OsStr>) -> Result<Vec<u8>, ReadError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = beneath::open(&self.fd, Path::new(path.as_ref()), FILE, resolve)?;
        read_all(&fd, 0)
    }

    /// Opens a directory of the kernel below, such as a cgroup, with the claim of this one.
    pub(crate) fn below_kernels(&self, path: impl AsRef<OsStr>) -> Result<Self, ReadError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = beneath::open(
            &self.fd,
            Path::new(path.as_ref()),
            ENTRY | OFlags::DIRECTORY,
            resolve,
        )?;
        let meta = Meta::of(&fd)?;
        Ok(Self {
            fd: Rc::new(fd),
            meta,
            ..self.clone()
        })
    }

    /// Opens the file or directory at `path` below with `O_PATH`, and returns its claim.
    pub(crate) fn open_path(&self, path: impl AsRef<OsStr>) -> Result<(OwnedFd, Claim), ReadError> {
        let (directory, name) = self.split(path.as_ref())?;
        directory
            .entry(name, OFlags::empty(), On::Any)
            .map(|Entry { fd, claim, .. }| (fd, claim))
    }

    /// Returns whether there is anything at `path` below.
    pub(crate) fn has(&self, path: impl AsRef<OsStr>) -> bool {
        self.open_path(path).is_ok()
    }

    /// Returns the names in the directory, in order.
    pub(crate) fn names(&self) -> Result<Vec<Vec<u8>>, ReadError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.fd, c".", flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut entries = RawDir::new(directory, &mut buffer);
        let mut names = Vec::new();
        let claim = self.names_claim();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                self.files.budget.charge(claim, 1, 0)?;
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Returns the components of a path that leads only down.
fn parts(path: &OsStr) -> Result<impl Iterator<Item = &OsStr>, ReadError> {
    use std::path::Component::{CurDir, Normal};
    let components = Path::new(path).components();
    if components
        .clone()
        .any(|component| !matches!(component, Normal(_) | CurDir))
    {
        return Err(ReadError::Irregular);
    }
    Ok(components
        .filter(|component| *component != CurDir)
        .map(|component| component.as_os_str()))
}

/// Returns the path of an open file, for a message.
fn path_of(fd: &OwnedFd) -> PathBuf {
    let path = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new());
    path.map(|path| OsString::from_vec(path.into_bytes()).into())
        .unwrap_or_default()
}

/// Reads a file of a given size. Files of the kernel have size 0, and others may grow meanwhile.
fn read_all(fd: &OwnedFd, size: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    loop {
        let room = bytes.capacity() - bytes.len();
        let read = rustix::io::read(fd, rustix::buffer::spare_capacity(&mut bytes))?;
        if bytes.len() as u64 > LONGEST {
            return Err(ReadError::TooLong);
        }
        // A short read is the end, except for files of the kernel, which come in pieces.
        if read == 0 || read < room && size > 0 {
            return Ok(bytes);
        }
        bytes.reserve(1024);
    }
}

/// Returns a name as part of a path.
pub(crate) fn part(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Joins names to a path.
pub(crate) fn path(parts: &[&[u8]]) -> OsString {
    OsString::from_vec(parts.join(&b'/'))
}

#[cfg(test)]
mod tests;
