//! [`Writers`]: the users who could have written a file of the host.
//!
//! The kernel tells owners, permission bits, access control lists and mounts; /etc/passwd and
//! /etc/group tell the members of a group. Whatever stays unknown counts as [`Claim::Several`].

use crate::{
    claim::{Claim, Location},
    files::Dir,
    unread::ReadError,
};
use nsx_core::{
    accounts,
    hash::{HashMap, HashSet},
    proc::{Mount, decimal},
    trouble,
};
use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags},
    io::Errno,
};
use std::{
    cell::{Cell, OnceCell, RefCell},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

/// The most bytes that are read of one user's store if another user looks into it.
const MOST_BYTES: u64 = 32 << 20;
/// The most names that are listed and files that are opened there.
const MOST_ENTRIES: u64 = 10_000;

/// The user and group id that a user namespace shows for ids it does not map, see `overflowuid` in
/// `proc(5)`.
const OVERFLOW: u32 = 65_534;

const GROUP_WRITES: u16 = 0o020;
const OTHERS_WRITE: u16 = 0o002;
const STICKY: u16 = 0o1000;

/// The facts that the kernel tells of a file or directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) kind: FileType,
    mode: u16,
    uid: u32,
    gid: u32,
    links: u32,
    /// The major and minor number of the file system's device.
    pub(crate) device: (u32, u32),
    /// The id of the mount that it lies on (5.8).
    mount: Option<u64>,
    pub(crate) size: u64,
    /// When it was written last, since 1970.
    pub(crate) written: Duration,
}

impl Meta {
    /// Asks the kernel, and never the server of a file system, which could make nsx wait for ever.
    pub(crate) fn of(fd: &OwnedFd) -> Result<Self, Errno> {
        let asked = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        let stat = match rustix::fs::statx(
            fd,
            c"",
            AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
            asked,
        ) {
            // A filter that knows no newer calls.
            Err(Errno::NOSYS) => return Self::of_older(fd),
            stat => stat.map_err(trouble::met)?,
        };
        Ok(Self {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            mode: stat.stx_mode,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            links: stat.stx_nlink,
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            mount: (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id),
            size: stat.stx_size,
            written: Duration::new(stat.stx_mtime.tv_sec.try_into().unwrap_or_default(), 0),
        })
    }

    fn of_older(fd: &OwnedFd) -> Result<Self, Errno> {
        let stat = rustix::fs::fstat(fd)?;
        Ok(Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: (stat.st_mode & 0o7777) as u16,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
            device: (
                rustix::fs::major(stat.st_dev),
                rustix::fs::minor(stat.st_dev),
            ),
            mount: None,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            written: Duration::new(stat.st_mtime.try_into().unwrap_or_default(), 0),
        })
    }

    fn has(&self, bits: u16) -> bool {
        self.mode & bits != 0
    }

    fn is_on_another_mount(&self, other: &Self) -> bool {
        match self.mount.zip(other.mount) {
            Some((own, other)) => own != other,
            None => self.device != other.device,
        }
    }
}

/// The cost of a user's store so far.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    bytes: u64,
    entries: u64,
}

/// The users who could have written files of one host, as one caller sees them.
#[derive(Debug)]
pub(crate) struct Writers {
    /// The host's root directory.
    top: (Rc<OwnedFd>, Meta),
    caller: u32,
    /// The id of root: on a recorded host the owner of its root directory.
    root: u32,
    /// The members of each group, read when they are first needed.
    groups: OnceCell<HashMap<u32, Claim>>,
    /// Set while the groups are read, which takes a walk itself.
    reads_groups: Cell<bool>,
    /// True if the caller's user namespace maps all ids.
    numbers_all: OnceCell<bool>,
    /// The mounts as they were last read.
    mounts: RefCell<Vec<MountPoint>>,
    costs: RefCell<HashMap<u32, Cost>>,
    absent: RefCell<HashSet<PathBuf>>,
}

impl Writers {
    /// Returns those of the live host.
    pub(crate) fn system(caller: u32) -> Result<Self, Errno> {
        Self::below(Path::new("/"), caller, |_| 0)
    }

    /// Returns those of a recorded host, where the owner of the root directory stands for root.
    pub(crate) fn recorded(root: &Path, caller: u32) -> Result<Self, Errno> {
        Self::below(root, caller, |meta| meta.uid)
    }

    fn below(top: &Path, caller: u32, root: impl FnOnce(&Meta) -> u32) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::openat(CWD, top, flags, Mode::empty()).map_err(trouble::met)?;
        let meta = Meta::of(&top)?;
        Ok(Self {
            top: (Rc::new(top), meta),
            caller,
            root: root(&meta),
            groups: OnceCell::new(),
            reads_groups: Cell::new(false),
            numbers_all: OnceCell::new(),
            mounts: RefCell::default(),
            costs: RefCell::default(),
            absent: RefCell::default(),
        })
    }

    /// Returns the host's root directory.
    pub(crate) fn top(&self) -> &(Rc<OwnedFd>, Meta) {
        &self.top
    }

    /// Forgets costs, absent paths and mounts before another look.
    pub(crate) fn renew(&self) {
        self.costs.borrow_mut().clear();
        self.absent.borrow_mut().clear();
        self.mounts.borrow_mut().clear();
    }

    /// Returns the paths that are known to be absent. Most accounts have no engine, and every store
    /// asks for their files.
    pub(crate) fn absent(&self) -> &RefCell<HashSet<PathBuf>> {
        &self.absent
    }

    /// Returns the claim of a file's owner.
    pub(crate) fn user(&self, uid: u32) -> Claim {
        if uid == self.root || self.is_outside(uid) {
            Claim::System
        } else {
            Claim::of(uid)
        }
    }

    /// Returns the claim of a process of the user `uid`. An id that is not mapped may be anyone's.
    pub(crate) fn process(&self, uid: u32) -> Claim {
        if self.is_outside(uid) {
            Claim::Several
        } else {
            self.user(uid)
        }
    }

    /// Returns whether the caller's user namespace does not map this id, so that its user has no
    /// rights in it.
    fn is_outside(&self, id: u32) -> bool {
        id == OVERFLOW && !*self.numbers_all.get_or_init(numbers_all)
    }

    /// Returns the claim of those who could have put `entry` into `directory` or could replace it.
    pub(crate) fn of_entry(&self, directory: &Meta, place: BorrowedFd<'_>, entry: &Meta) -> Claim {
        let owner = self.user(directory.uid);
        let others = self.of_bits(directory, place);
        if others == Claim::System {
            return owner.join(self.of_link(entry));
        }
        if !directory.has(STICKY) {
            return owner.join(others).join(self.of_link(entry));
        }
        // Only the owners of the entry and of the directory can remove it, see `unlink(2)`. But
        // users can move files of others there from their own directories, and link to files that
        // they did not write. A directory moves only if the user can write to it.
        let is_directory = entry.kind == FileType::Directory;
        let owners = self.user(entry.uid);
        if self.is_outside(entry.uid)
            || !is_directory && (owners == Claim::System || entry.links > 1)
        {
            return Claim::Several;
        }
        owner.join(owners)
    }

    /// Returns the claim of the owner of a symbolic link, who wrote it.
    fn of_link(&self, entry: &Meta) -> Claim {
        if entry.kind == FileType::Symlink {
            self.user(entry.uid)
        } else {
            Claim::System
        }
    }

    /// Returns the claim of those who can write to a file or directory.
    pub(crate) fn of_file(&self, file: &Meta, place: BorrowedFd<'_>) -> Claim {
        self.user(file.uid).join(self.of_bits(file, place))
    }

    /// Returns the claim of those who can write to a file besides its owner.
    fn of_bits(&self, meta: &Meta, place: BorrowedFd<'_>) -> Claim {
        if meta.has(OTHERS_WRITE) {
            Claim::Several
        } else if meta.has(GROUP_WRITES) {
            self.of_group(meta.gid, place)
        } else {
            Claim::System
        }
    }

    /// Returns the claim of the members of a group that can write to a file. An access control
    /// list, which may let others write too, never allows more than the group's bits, see `acl(5)`.
    fn of_group(&self, gid: u32, place: BorrowedFd<'_>) -> Claim {
        if self.reads_groups.get() || self.is_outside(gid) || has_list(place) {
            return Claim::Several;
        }
        self.groups
            .get()
            .and_then(|groups| groups.get(&gid))
            .copied()
            .unwrap_or(Claim::Several)
    }

    /// Reads the members of the groups, if `meta` needs them and they are not known yet.
    pub(crate) fn learn_groups(self: &Rc<Self>, meta: &Meta) {
        if !meta.has(GROUP_WRITES) || self.reads_groups.get() || self.groups.get().is_some() {
            return;
        }
        self.reads_groups.set(true);
        let text = |name: &str| {
            let content = Dir::walk(self, &Location::system("/etc"))
                .and_then(|etc| etc.content(name))
                .ok()?;
            (content.claim == Claim::System).then_some(content.bytes)
        };
        let groups = text("group")
            .zip(text("passwd"))
            .map(|(group, passwd)| self.members(&group, &passwd));
        self.reads_groups.set(false);
        let _ = self.groups.set(groups.unwrap_or_default());
    }

    /// Returns the claim of each group's members: the users that its line lists and those whose
    /// primary group it is.
    fn members(&self, group: &[u8], passwd: &[u8]) -> HashMap<u32, Claim> {
        let users: Vec<accounts::User> = accounts::users(passwd).collect();
        let by_name: HashMap<&[u8], u32> = users
            .iter()
            .map(|user| (user.name.as_slice(), user.uid))
            .collect();
        let mut claims: HashMap<u32, Claim> = HashMap::default();
        for (gid, names) in accounts::members(group) {
            let claim = claims.entry(gid).or_insert(Claim::System);
            for name in names {
                *claim = claim.join(
                    by_name
                        .get(name)
                        .map_or(Claim::Several, |uid| self.user(*uid)),
                );
            }
        }
        for user in &users {
            claims
                .entry(user.gid)
                .and_modify(|claim| *claim = claim.join(self.user(user.uid)));
        }
        claims
    }

    /// Refuses an entry that lies on a file system which another user serves. That user decides
    /// which owners it shows, and can make nsx wait.
    pub(crate) fn check_mount(&self, parent: &Meta, entry: &Meta) -> Result<(), ReadError> {
        if entry.device.0 != 0 || !entry.is_on_another_mount(parent) {
            return Ok(());
        }
        let mut mounts = self.mounts.borrow_mut();
        let known = mounts
            .iter()
            .find(|mount| mount.holds(entry))
            .map(|mount| mount.served);
        let served = match known {
            Some(served) => served,
            // It may have been mounted since they were read.
            None => {
                *mounts = MountPoint::read_all()?;
                match mounts.iter().find(|mount| mount.holds(entry)) {
                    Some(mount) => mount.served,
                    // Without the id of its mount only what is served has the device that is
                    // listed.
                    None if entry.mount.is_none() => None,
                    None => return Err(ReadError::Denied),
                }
            }
        };
        match served {
            Some(uid) if uid != 0 && uid != self.caller => Err(ReadError::Served(uid)),
            _ => Ok(()),
        }
    }

    /// Adds to the cost of a user's store.
    pub(crate) fn charge(&self, claim: Claim, entries: u64, bytes: u64) -> Result<(), ReadError> {
        let uid = match claim {
            Claim::System => return Ok(()),
            Claim::User(uid) if uid == self.caller => return Ok(()),
            Claim::User(uid) => uid,
            Claim::Several => OVERFLOW,
        };
        let mut costs = self.costs.borrow_mut();
        let cost = costs.entry(uid).or_default();
        cost.entries = cost.entries.saturating_add(entries);
        cost.bytes = cost.bytes.saturating_add(bytes);
        if cost.entries > MOST_ENTRIES {
            Err(ReadError::CutOff {
                uid,
                after: format!("{MOST_ENTRIES} entries"),
            })
        } else if cost.bytes > MOST_BYTES {
            Err(ReadError::CutOff {
                uid,
                after: format!("{} MiB", MOST_BYTES >> 20),
            })
        } else {
            Ok(())
        }
    }
}

/// Returns whether a file has an access control list, or may have one that cannot be read.
fn has_list(place: BorrowedFd<'_>) -> bool {
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let size = rustix::fs::getxattr(path, c"system.posix_acl_access", &mut [0_u8; 0][..]);
    !matches!(size, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Returns whether the caller's user namespace maps all ids.
fn numbers_all() -> bool {
    let map = std::fs::read("/proc/self/uid_map").unwrap_or_default();
    let fields: Vec<_> = map
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
        .collect();
    matches!(fields[..], [b"0", b"0", b"4294967295"])
}

/// A mount, and the user who serves it.
#[derive(Debug)]
struct MountPoint {
    id: u64,
    device: (u32, u32),
    /// The user whose program serves the file system (FUSE).
    served: Option<u32>,
}

impl MountPoint {
    fn holds(&self, entry: &Meta) -> bool {
        // A file of btrfs or overlayfs has another device than its mount.
        entry
            .mount
            .map_or(self.device == entry.device, |id| self.id == id)
    }

    fn read_all() -> Result<Vec<Self>, ReadError> {
        let text = std::fs::read("/proc/self/mountinfo").map_err(|_| ReadError::Denied)?;
        Ok(text
            .split(|byte| *byte == b'\n')
            .filter_map(Self::parse)
            .collect())
    }

    /// Reads a line of `/proc/PID/mountinfo`, see `proc_pid_mountinfo(5)`.
    fn parse(line: &[u8]) -> Option<Self> {
        let Mount { id, device, .. } = Mount::parse(line).ok()?;
        let mut fields = line
            .split(|byte| *byte == b' ')
            .skip_while(|field| *field != b"-")
            .skip(1);
        let (kind, options) = (fields.next()?, fields.nth(1).unwrap_or_default());
        let is_served = matches!(
            kind.split(|byte| *byte == b'.').next(),
            Some(b"fuse" | b"fuseblk")
        );
        let by = options
            .split(|byte| *byte == b',')
            .find_map(|option| decimal(option.strip_prefix(b"user_id=")?));
        // A server whose user is unknown is not trusted.
        let by = by.and_then(|uid| uid.try_into().ok()).unwrap_or(OVERFLOW);
        Some(Self {
            id,
            device,
            served: is_served.then_some(by),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fd::AsFd;

    fn meta(kind: FileType, mode: u16, uid: u32) -> Meta {
        let device = (254, 0);
        Meta {
            kind,
            mode,
            uid,
            gid: 7,
            links: 1,
            device,
            mount: Some(1),
            size: 0,
            written: Duration::ZERO,
        }
    }

    fn of_entry(directory: &Meta, entry: &Meta) -> Claim {
        let writers = Writers::system(0).unwrap();
        writers.of_entry(directory, writers.top().0.as_fd(), entry)
    }

    #[test]
    fn an_entry_is_the_word_of_who_could_have_put_it_there() {
        use FileType::{Directory, RegularFile, Symlink};
        let [closed, sticky, open] =
            [0o755, 0o1777, 0o777].map(|mode| move |uid: u32| meta(Directory, mode, uid));
        let [file, link, below] =
            [RegularFile, Symlink, Directory].map(|kind| move |uid: u32| meta(kind, 0o644, uid));
        let user = Claim::User;
        for (directory, entry, expected) in [
            (closed(0), file(0), Claim::System),
            // Whoever cannot write to the directory did not put it there, whoever owns it.
            (closed(0), file(7), Claim::System),
            (closed(0), below(7), Claim::System),
            (closed(7), file(0), user(7)),
            (closed(7), below(0), user(7)),
            // A link says what its owner wrote.
            (closed(0), link(7), user(7)),
            (closed(7), link(8), Claim::Several),
            (open(0), below(0), Claim::Several),
            (open(7), file(7), Claim::Several),
            (sticky(0), below(0), Claim::System),
            (sticky(0), below(7), user(7)),
            (sticky(0), file(7), user(7)),
            (sticky(0), link(7), user(7)),
            (sticky(7), below(0), user(7)),
            (sticky(7), below(8), Claim::Several),
            // What is root's was written by root, and may be there because a user moved it out of
            // his own directory.
            (sticky(0), file(0), Claim::Several),
            (sticky(0), link(0), Claim::Several),
            (
                sticky(0),
                Meta {
                    links: 2,
                    ..file(7)
                },
                Claim::Several,
            ),
        ] {
            assert_eq!(
                of_entry(&directory, &entry),
                expected,
                "{directory:?} {entry:?}"
            );
        }
    }

    #[test]
    fn a_file_is_the_word_of_who_can_write_to_it() {
        let writers = Writers::system(0).unwrap();
        let claim = |mode, uid| {
            writers.of_file(
                &meta(FileType::RegularFile, mode, uid),
                writers.top().0.as_fd(),
            )
        };
        assert_eq!(
            (claim(0o644, 0), claim(0o644, 7)),
            (Claim::System, Claim::User(7))
        );
        assert_eq!(
            (claim(0o646, 0), claim(0o666, 7)),
            (Claim::Several, Claim::Several)
        );
    }

    #[test]
    fn a_file_system_that_another_user_serves_is_not_entered() {
        let lines = b"36 35 0:40 / /srv/ada/m rw,nosuid shared:9 - fuse.sshfs ada@host: \
            rw,user_id=1000,group_id=1000\n\
            37 35 0:41 / /mnt/own rw - fuse own rw,user_id=7,group_id=7\n\
            38 35 0:42 / /mnt/roots rw master:1 - fuseblk /dev/sdb rw,user_id=0,group_id=0\n\
            39 35 0:43 / /run rw - tmpfs tmpfs rw,user_id=1000\n\
            40 35 0:44 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n\
            41 35 0:45 / /mnt/silent rw - fuse silent rw\n";
        let writers = Writers::system(7).unwrap();
        *writers.mounts.borrow_mut() = lines
            .split(|byte| *byte == b'\n')
            .filter_map(MountPoint::parse)
            .collect();
        let parent = meta(FileType::Directory, 0o755, 0);
        let check = |mount, minor| {
            let entry = Meta {
                mount: Some(mount),
                device: (0, minor),
                ..parent
            };
            writers.check_mount(&parent, &entry)
        };
        assert_eq!(check(36, 40), Err(ReadError::Served(1000)));
        assert_eq!(check(41, 45), Err(ReadError::Served(OVERFLOW)));
        for (mount, minor) in [(37, 41), (38, 42), (39, 43), (40, 44), (39, 99)] {
            assert_eq!(check(mount, minor), Ok(()), "{mount}");
        }
        // Before 5.8 the device tells the mount.
        let older = |minor| {
            let entry = Meta {
                mount: None,
                device: (0, minor),
                ..parent
            };
            writers.check_mount(
                &Meta {
                    mount: None,
                    ..parent
                },
                &entry,
            )
        };
        assert_eq!(
            (older(40), older(41), older(4444)),
            (Err(ReadError::Served(1000)), Ok(()), Ok(()))
        );
        // A mount that is nowhere to be found, and what is on the same mount as before.
        assert_eq!(check(u64::MAX, 40), Err(ReadError::Denied));
        assert_eq!(writers.check_mount(&parent, &parent), Ok(()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = MountPoint::parse(&bytes);
            let _ = Writers::system(0).unwrap().members(&bytes, &bytes);
        }
    }
}
