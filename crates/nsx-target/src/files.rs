//! Reading what others keep on disk, so that no content of it can lead nsx elsewhere, hold it up or fill its memory, and so
//! that it is known whose word it is.
//!
//! A path is walked one component at a time, and nothing on it is looked up twice. Symbolic links are followed on the way to
//! the root of a store, each one counted; below a directory that was opened none is. What is read is a regular file, up to a
//! limit. Everything carries its [`Claim`]. What more than one user could have written is not read at all.

use crate::{
    claim::{Claim, Location},
    writers::{Meta, Writers},
};
use nsx_core::{beneath, trouble};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    mem::MaybeUninit,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

/// The longest file that is read, in bytes. Docker keeps a container's whole configuration in one file, Podman all containers
/// of a store.
pub(crate) const LONGEST: u64 = 16 << 20;

/// A directory that only root can write to, so that no user can mount anything there.
const RUN: &str = "/run";
/// Directories of the kernel's file systems.
const KERNELS: [&str; 2] = ["/proc", "/sys"];

/// The most symbolic links that are followed on one path; the kernel has the same limit.
const MOST_LINKS: usize = 40;

/// Why a record could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
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
    /// More than one user can write to it, or can put something else in its place: by this file or directory.
    #[error("not believed: more than one user could have written it, through {}", .0.display())]
    Shared(PathBuf),
    /// It lies on a file system that a user other than the caller serves (FUSE).
    #[error("on a file system that user {0} serves (FUSE)")]
    Served(u32),
    /// The store of another user has cost as much as it may.
    #[error("cut off after {after}")]
    CutOff {
        /// The user.
        uid: u32,
        /// The amount.
        after: String,
    },
    /// Any other failure of the system.
    #[error(transparent)]
    Os(Errno),
}

impl ReadError {
    /// Returns whether the record was left unread because of its claim.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(self, Self::Shared(_) | Self::Served(_) | Self::CutOff { .. })
    }
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Absent,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::LOOP | Errno::XDEV | Errno::NXIO => Self::Irregular,
            errno => Self::Os(trouble::met(errno)),
        }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
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
    writers: Rc<Writers>,
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

/// The kind of mount that an entry may lie on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// Any, so that its server is looked up.
    Any,
    /// A mount point that only the system can have made.
    Systems,
}

const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opening a FIFO does not wait for a writer, a terminal does not become nsx's own, and a lease on the file is not waited for.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the directory at `location`, through symbolic links, each of which counts with those who could have made it.
    pub(crate) fn walk(writers: &Rc<Writers>, location: &Location) -> Result<Self, ReadError> {
        let Location { path, claim } = location;
        if *claim == Claim::Several {
            return Err(ReadError::Shared(path.clone()));
        }
        let is_absent = |path: &Path| writers.absent().borrow().contains(path);
        if path.ancestors().any(is_absent) {
            return Err(ReadError::Absent);
        }
        let (fd, meta) = writers.top();
        let top = Self { fd: Rc::clone(fd), meta: *meta, claim: *claim, up: None, writers: Rc::clone(writers) };
        // What is still to be walked, the last first; with each name the part of the path that it ends.
        let mut rest: Vec<(OsString, Option<&Path>)> = Vec::new();
        for ancestor in path.ancestors() {
            let name = ancestor.components().next_back().map(|component| component.as_os_str().to_owned());
            rest.extend(name.map(|name| (name, Some(ancestor))));
        }
        let mut links = 0;
        let mut place = Rc::new(top.clone());
        while let Some((name, so_far)) = rest.pop() {
            match name.as_bytes() {
                b"" | b"." => {}
                b"/" => place = Rc::new(Self { claim: place.claim, ..top.clone() }),
                b".." => {
                    let up = place.up.as_ref().unwrap_or(&place);
                    place = Rc::new(Self { claim: place.claim, ..up.as_ref().clone() });
                }
                _ => {
                    let is_kernels = so_far.is_some_and(|path| KERNELS.iter().any(|kernels| path.starts_with(kernels)));
                    let on = if is_kernels || so_far == Some(Path::new(RUN)) { On::Systems } else { On::Any };
                    let entry = match place.entry(&name, OFlags::DIRECTORY, on) {
                        Err(ReadError::Absent) => {
                            writers.absent().borrow_mut().extend(so_far.map(Path::to_owned));
                            return Err(ReadError::Absent);
                        }
                        entry => entry?,
                    };
                    if entry.meta.kind == FileType::Symlink {
                        links += 1;
                        if links > MOST_LINKS {
                            return Err(ReadError::Irregular);
                        }
                        let target = rustix::fs::readlinkat(&entry.fd, c"", Vec::new())?;
                        let target = OsString::from_vec(target.into_bytes());
                        let parts = Path::new(&target).components().rev();
                        rest.extend(parts.map(|part| (part.as_os_str().to_owned(), None)));
                        place = Rc::new(Self { claim: entry.claim, ..place.as_ref().clone() });
                    } else {
                        place = Rc::new(place.child(entry, Some(&place)));
                    }
                }
            }
        }
        match place.meta.kind {
            FileType::Directory => Ok(Self { up: None, ..place.as_ref().clone() }),
            _ => Err(ReadError::Absent),
        }
    }

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
        Self { fd: Rc::new(fd), meta, claim, up: up.cloned(), writers: Rc::clone(&self.writers) }
    }

    /// Opens an entry without following it. With `O_DIRECTORY` in `wanted`, a directory is mounted that is mounted on demand.
    fn entry(&self, name: &OsStr, wanted: OFlags, on: On) -> Result<Entry, ReadError> {
        self.writers.charge(self.claim, 1, 0)?;
        let fd = match rustix::fs::openat(&self.fd, name, PLACE | wanted, Mode::empty()) {
            Err(Errno::NOTDIR) if !wanted.is_empty() => rustix::fs::openat(&self.fd, name, PLACE, Mode::empty()),
            opened => opened,
        }?;
        let meta = Meta::of(&fd)?;
        if on == On::Any {
            self.writers.check_mount(&self.meta, &meta)?;
        }
        let claim = self.claim_of(&meta)?;
        Ok(Entry { fd, meta, claim })
    }

    /// Returns the claim of those who could have put an entry here.
    fn claim_of(&self, entry: &Meta) -> Result<Claim, ReadError> {
        self.writers.learn_groups(&self.meta);
        match self.claim.join(self.writers.of_entry(&self.meta, self.fd.as_fd(), entry)) {
            Claim::Several => Err(ReadError::Shared(self.path())),
            claim => Ok(claim),
        }
    }

    /// Returns the claim of those who could have put any entry here.
    fn names_claim(&self) -> Claim {
        self.writers.learn_groups(&self.meta);
        self.claim.join(self.writers.of_file(&self.meta, self.fd.as_fd()))
    }

    /// Returns the directory's path, for a message.
    fn path(&self) -> PathBuf {
        path_of(&self.fd)
    }

    /// A directory below.
    pub(crate) fn below(&self, path: impl AsRef<OsStr>) -> Result<Self, ReadError> {
        let mut place = self.clone();
        for name in parts(path.as_ref())? {
            place = place.child(place.entry(name, OFlags::DIRECTORY, On::Any)?, None);
            match place.meta.kind {
                FileType::Directory => {}
                FileType::Symlink => return Err(ReadError::Irregular),
                _ => return Err(ReadError::Absent),
            }
        }
        Ok(place)
    }

    /// Opens the directory of a path below, and returns the name in it.
    fn split<'p>(&self, path: &'p OsStr) -> Result<(Self, &'p OsStr), ReadError> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(ReadError::Irregular)?;
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => Ok((self.below(parent)?, name)),
            None => Ok((self.clone(), name)),
        }
    }

    /// The whole of a file below.
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
            // To open what somebody serves would already ask him.
            let Entry { fd, meta, claim } = self.entry(name, OFlags::empty(), On::Any)?;
            if meta.kind != FileType::RegularFile {
                return Err(ReadError::Irregular);
            }
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            (rustix::fs::openat(CWD, path, FILE, Mode::empty())?, meta, claim)
        } else {
            let fd = rustix::fs::openat(&self.fd, name, FILE | OFlags::NOFOLLOW, Mode::empty())?;
            let meta = Meta::of(&fd)?;
            if meta.kind != FileType::RegularFile {
                return Err(ReadError::Irregular);
            }
            let claim = self.claim_of(&meta)?;
            (fd, meta, claim)
        };
        self.writers.learn_groups(&meta);
        let claim = match claim.join(self.writers.of_file(&meta, fd.as_fd())) {
            Claim::Several => return Err(ReadError::Shared(path_of(&fd))),
            claim => claim,
        };
        if meta.size > LONGEST {
            return Err(ReadError::TooLong);
        }
        self.writers.charge(claim, 0, meta.size)?;
        let bytes = read_all(&fd, meta.size)?;
        self.writers.charge(claim, 0, (bytes.len() as u64).saturating_sub(meta.size))?;
        Ok(Content { bytes, written: meta.written, claim })
    }

    /// Reads a file of the kernel below, such as one of a cgroup: the kernel wrote it, whoever owns it.
    pub(crate) fn read_kernels(&self, path: impl AsRef<OsStr>) -> Result<Vec<u8>, ReadError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = beneath::open(&self.fd, Path::new(path.as_ref()), FILE, resolve)?;
        read_all(&fd, 0)
    }

    /// Opens a directory of the kernel below, such as a cgroup, with the claim of this one.
    pub(crate) fn below_kernels(&self, path: impl AsRef<OsStr>) -> Result<Self, ReadError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = beneath::open(&self.fd, Path::new(path.as_ref()), PLACE | OFlags::DIRECTORY, resolve)?;
        let meta = Meta::of(&fd)?;
        Ok(Self { fd: Rc::new(fd), meta, ..self.clone() })
    }

    /// Opens what stands at `path` below with `O_PATH`, and returns its claim.
    pub(crate) fn place(&self, path: impl AsRef<OsStr>) -> Result<(OwnedFd, Claim), ReadError> {
        let (directory, name) = self.split(path.as_ref())?;
        directory.entry(name, OFlags::empty(), On::Any).map(|Entry { fd, claim, .. }| (fd, claim))
    }

    /// Whether there is anything at `path` below.
    pub(crate) fn has(&self, path: impl AsRef<OsStr>) -> bool {
        self.place(path).is_ok()
    }

    /// The names in the directory, in order.
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
                self.writers.charge(claim, 1, 0)?;
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Returns the names of a path that leads nowhere but down.
fn parts(path: &OsStr) -> Result<impl Iterator<Item = &OsStr>, ReadError> {
    use std::path::Component::{CurDir, Normal};
    let components = Path::new(path).components();
    if components.clone().any(|component| !matches!(component, Normal(_) | CurDir)) {
        return Err(ReadError::Irregular);
    }
    Ok(components.filter(|component| *component != CurDir).map(|component| component.as_os_str()))
}

/// Returns the path of an open file, for a message.
fn path_of(fd: &OwnedFd) -> PathBuf {
    let path = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new());
    path.map(|path| OsString::from_vec(path.into_bytes()).into()).unwrap_or_default()
}

/// Reads a file of this size. Files of the kernel have size 0, and others may grow meanwhile.
fn read_all(fd: &OwnedFd, size: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    loop {
        let room = bytes.capacity() - bytes.len();
        let read = rustix::io::read(fd, rustix::buffer::spare_capacity(&mut bytes))?;
        if bytes.len() as u64 > LONGEST {
            return Err(ReadError::TooLong);
        }
        // Less than there was room for is the end, but of the kernel's files, which come in pieces.
        if read == 0 || read < room && size > 0 {
            return Ok(bytes);
        }
        bytes.reserve(1024);
    }
}

/// A name as part of a path.
pub(crate) fn part(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Names joined to a path.
pub(crate) fn path(parts: &[&[u8]]) -> OsString {
    OsString::from_vec(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    /// The user who runs the tests stands for root in the tree.
    fn walk(tree: &Tree, location: &Location) -> Result<Dir, ReadError> {
        Dir::walk(&Rc::new(Writers::recorded(&tree.path(""), 0).unwrap()), location)
    }

    fn system(tree: &Tree, path: &str) -> Result<Dir, ReadError> {
        walk(tree, &Location::system(path))
    }

    fn mode(tree: &Tree, name: &str, mode: u32) {
        fs::set_permissions(tree.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Whose word the file `a/b/file` of the store is.
    fn claim(tree: &Tree) -> Result<Claim, ReadError> {
        system(tree, "/store")?.content("a/b/file").map(|content| content.claim)
    }

    fn shared<T: std::fmt::Debug>(tree: &Tree, result: Result<T, ReadError>, name: &str) {
        assert_eq!(result.unwrap_err(), ReadError::Shared(fs::canonicalize(tree.path(name)).unwrap()), "{name}");
    }

    #[test]
    fn only_plain_files_beneath_are_read() {
        let tree = Tree::new();
        tree.file("store/a/file", "text");
        tree.file("outside", "secret");
        symlink("../../outside", tree.path("store/a/link")).unwrap();
        symlink("..", tree.path("store/up")).unwrap();
        rustix::fs::mknodat(CWD, tree.path("store/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        // The second way is that of a path which somebody else than the system chose.
        for location in [Location::system("/store"), Location::new("/store", Claim::User(7))] {
            let store = walk(&tree, &location).unwrap();
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
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_unread() {
        let tree = Tree::new();
        tree.file("huge", "");
        fs::File::options().write(true).open(tree.path("huge")).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(system(&tree, "/").unwrap().read("huge").unwrap_err(), ReadError::TooLong);
    }

    #[test]
    fn files_of_the_kernel_are_read_whole() {
        let writers = Rc::new(Writers::system(0).unwrap());
        let proc = Dir::walk(&writers, &Location::system("/proc")).unwrap();
        let text = proc.read(format!("{}/status", std::process::id())).unwrap();
        assert!(text.starts_with(b"Name:") && text.ends_with(b"\n"));
    }

    #[test]
    fn every_directory_on_the_path_counts_with_those_who_can_write_to_it() {
        for open in ["", "store", "store/a", "store/a/b", "store/a/b/file"] {
            let tree = Tree::new();
            tree.file("store/a/b/file", "text");
            assert_eq!(claim(&tree), Ok(Claim::System));
            mode(&tree, open, 0o777);
            shared(&tree, claim(&tree), open);
            // Nobody is known to be in the group.
            mode(&tree, open, 0o775);
            shared(&tree, claim(&tree), open);
            mode(&tree, open, 0o755);
            assert_eq!(claim(&tree), Ok(Claim::System));
        }
    }

    #[test]
    fn a_group_counts_with_those_who_are_in_it() {
        let gid = rustix::process::getegid().as_raw();
        let expected = |group: &str, passwd: &str| {
            let tree = Tree::new();
            tree.file("store/a/b/file", "text");
            tree.file("etc/group", group.replace("GID", &gid.to_string()));
            tree.file("etc/passwd", passwd.replace("GID", &gid.to_string()));
            mode(&tree, "store/a", 0o775);
            let claim = claim(&tree);
            if claim.is_err() {
                shared(&tree, claim.clone(), "store/a");
            }
            claim.unwrap_or(Claim::Several)
        };
        let users = "root:x:0:0::/:\nada:x:7007:GID::/:\nbob:x:7008:7008::/:\n";
        assert_eq!(expected("ada:x:GID:\n", users), Claim::User(7007));
        assert_eq!(expected("ada:x:GID:ada,root\n", users), Claim::User(7007));
        assert_eq!(expected("ada:x:GID:bob\n", users), Claim::Several);
        assert_eq!(expected("ada:x:GID:carol\n", users), Claim::Several);
        assert_eq!(expected("ada:x:7:\n", users), Claim::Several);
        let elsewhere = users.replace("7007:GID", "7007:7007");
        assert_eq!(expected("staff:x:GID:root\n", &elsewhere), Claim::System);
        assert_eq!(expected("staff:x:GID:bob\n", &elsewhere), Claim::User(7008));
        assert_eq!(expected("staff:x:GID:bob,ada\n", &elsewhere), Claim::Several);
    }

    #[test]
    fn whoever_is_on_an_access_control_list_is_not_looked_for() {
        let tree = Tree::new();
        tree.file("store/a/b/file", "text");
        tree.file("etc/group", format!("staff:x:{}:root\n", rustix::process::getegid().as_raw()));
        tree.file("etc/passwd", "root:x:0:0::/:\n");
        mode(&tree, "store/a", 0o775);
        assert_eq!(claim(&tree), Ok(Claim::System));
        // Version 2; the owner, user 7007, the group, the mask and others: each a tag, what it may do, and who that is.
        let entries = [(1, 7, u32::MAX), (2, 7, 7007), (4, 5, u32::MAX), (0x10, 7, u32::MAX), (0x20, 5, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, may, id) in entries {
            list.extend([u16::to_le_bytes(tag), u16::to_le_bytes(may)].concat());
            list.extend(id.to_le_bytes());
        }
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(tree.path("store/a"), c"system.posix_acl_access", &list, flags).unwrap();
        shared(&tree, claim(&tree), "store/a");
    }

    #[test]
    fn in_a_sticky_directory_only_roots_own_directories_are_roots() {
        let tree = Tree::new();
        tree.file("store/a/b/file", "text");
        mode(&tree, "store/a", 0o1777);
        assert_eq!(claim(&tree), Ok(Claim::System));
        // Anybody may have moved it there.
        mode(&tree, "store/a", 0o755);
        mode(&tree, "store/a/b", 0o1777);
        shared(&tree, claim(&tree), "store/a/b");
    }

    #[test]
    fn links_on_the_way_to_a_store_are_followed_and_count() {
        let tree = Tree::new();
        tree.file("real/store/file", "text");
        tree.file("open/x", "");
        for (link, target) in [("up", "real/../real"), ("whole", "/real"), ("open/link", "/real"), ("loop", "loop")] {
            symlink(target, tree.path(link)).unwrap();
        }
        symlink("../up/./store", tree.path("real/again")).unwrap();
        for path in ["/up/store", "/whole/store", "/real/again", "/up/again", "/whole/../../real//store"] {
            let content = system(&tree, path).unwrap().content("file").unwrap();
            assert_eq!((content.bytes.as_slice(), content.claim), (&b"text"[..], Claim::System), "{path}");
        }
        assert_eq!(system(&tree, "/loop/x").unwrap_err(), ReadError::Irregular);
        assert_eq!(system(&tree, "/open/link/none").unwrap_err(), ReadError::Absent);
        for bits in [0o777, 0o1777] {
            mode(&tree, "open", bits);
            shared(&tree, system(&tree, "/open/link/store"), "open");
        }
        mode(&tree, "open", 0o755);
        mode(&tree, "real", 0o777);
        for path in ["/real/store", "/up/store", "/whole/store"] {
            shared(&tree, system(&tree, path), "real");
        }
    }

    #[test]
    fn what_a_user_chose_is_no_more_than_the_users_word() {
        let tree = Tree::new();
        tree.file("store/a/b/file", "text");
        let store = walk(&tree, &Location::new("/store", Claim::User(7))).unwrap();
        assert_eq!((store.claim(), store.content("a/b/file").unwrap().claim), (Claim::User(7), Claim::User(7)));
        assert!(matches!(walk(&tree, &Location::new("/store", Claim::Several)), Err(ReadError::Shared(_))));
        assert!(matches!(store.claimed(Claim::User(8)), Err(ReadError::Shared(_))));
    }

    #[test]
    fn the_store_of_another_user_is_cut_off() {
        let tree = Tree::new();
        fs::create_dir(tree.path("store")).unwrap();
        for number in 0..10_001 {
            fs::write(tree.path(&format!("store/{number}")), "").unwrap();
        }
        let names = |caller: u32, claim| {
            let writers = Rc::new(Writers::recorded(&tree.path(""), caller).unwrap());
            let store = Dir::walk(&writers, &Location::new("/store", claim)).unwrap();
            store.names().map(|names| names.len())
        };
        let after = "10000 entries".to_owned();
        assert_eq!(names(0, Claim::User(7)), Err(ReadError::CutOff { uid: 7, after }));
        assert_eq!((names(7, Claim::User(7)), names(0, Claim::System)), (Ok(10_001), Ok(10_001)));
        let huge = fs::File::options().write(true).open(tree.path("store/1")).unwrap();
        huge.set_len(LONGEST).unwrap();
        let store = walk(&tree, &Location::new("/store", Claim::User(7))).unwrap();
        assert!(store.read("1").is_ok() && store.read("1").is_ok());
        let after = "32 MiB".to_owned();
        assert_eq!(store.read("1"), Err(ReadError::CutOff { uid: 7, after }));
    }
}
