//! [`Writers`]: the users who could have written a file of the host.
//! The kernel knows owners, permission bits and access control lists; /etc/passwd and /etc/group
//! have the members of groups. Everything that stays unknown counts as [`Claim::Several`].

use crate::{
    claim::{Claim, OVERFLOW},
    meta::{GROUP_WRITES, Meta, OTHERS_WRITE, STICKY},
};
use nsx_core::{accounts, hash::HashMap};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    fs::FileType,
    io::Errno,
};
use std::cell::OnceCell;

/// The users who could have written files of one host.
#[derive(Debug)]
pub(crate) struct Writers {
    /// The id of root: on a recorded host the owner of its root directory.
    root: u32,
    /// The members of each group.
    groups: OnceCell<HashMap<u32, Claim>>,
    /// `true` if the caller's user namespace maps all ids.
    maps_all: OnceCell<bool>,
}

impl Writers {
    /// Returns the writers of a host on which the user `root` is root.
    pub(crate) fn new(root: u32) -> Self {
        Self {
            root,
            groups: OnceCell::new(),
            maps_all: OnceCell::new(),
        }
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
        id == OVERFLOW && !*self.maps_all.get_or_init(maps_all)
    }

    /// Returns the claim of those who could have put `entry` into `directory` or could replace it.
    pub(crate) fn of_entry(&self, directory: &Meta, fd: BorrowedFd<'_>, entry: &Meta) -> Claim {
        let owner = self.user(directory.uid);
        let others = self.of_bits(directory, fd);
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
    pub(crate) fn of_file(&self, file: &Meta, fd: BorrowedFd<'_>) -> Claim {
        self.user(file.uid).join(self.of_bits(file, fd))
    }

    /// Returns the claim of those who can write to a file besides its owner.
    fn of_bits(&self, meta: &Meta, fd: BorrowedFd<'_>) -> Claim {
        if meta.has(OTHERS_WRITE) {
            Claim::Several
        } else if meta.has(GROUP_WRITES) {
            self.of_group(meta.gid, fd)
        } else {
            Claim::System
        }
    }

    /// Returns the claim of the members of a group that can write to a file. An access control
    /// list, which may let others write too, never allows more than the group's bits, see `acl(5)`.
    fn of_group(&self, gid: u32, fd: BorrowedFd<'_>) -> Claim {
        if self.is_outside(gid) || has_list(fd) {
            return Claim::Several;
        }
        self.groups
            .get()
            .and_then(|groups| groups.get(&gid))
            .copied()
            .unwrap_or(Claim::Several)
    }

    /// Returns whether the members of the groups are not known, though the permissions of a file
    /// depend on them.
    pub(crate) fn needs_groups(&self, meta: &Meta) -> bool {
        meta.has(GROUP_WRITES) && self.groups.get().is_none()
    }

    /// Learns the members of the groups from the texts of /etc/group and /etc/passwd. Without them,
    /// any group counts as several users.
    pub(crate) fn learn_groups(&self, texts: Option<(Vec<u8>, Vec<u8>)>) {
        let groups = texts.map(|(group, passwd)| self.members(&group, &passwd));
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
}

/// Returns whether a file has an access control list, or may have one that cannot be read.
fn has_list(fd: BorrowedFd<'_>) -> bool {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let size = rustix::fs::getxattr(path, c"system.posix_acl_access", &mut [0_u8; 0][..]);
    !matches!(size, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Returns whether the caller's user namespace maps all ids.
fn maps_all() -> bool {
    let map = std::fs::read("/proc/self/uid_map").unwrap_or_default();
    let fields: Vec<_> = map
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
        .collect();
    matches!(fields[..], [b"0", b"0", b"4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fd::AsFd;

    fn of_entry(directory: &Meta, entry: &Meta) -> Claim {
        let root = std::fs::File::open("/").unwrap();
        Writers::new(0).of_entry(directory, root.as_fd(), entry)
    }

    #[test]
    fn an_entry_is_a_claim_of_those_who_could_have_put_it_there() {
        use FileType::{Directory, RegularFile, Symlink};
        let [closed, sticky, open] =
            [0o755, 0o1777, 0o777].map(|mode| move |uid: u32| Meta::example(Directory, mode, uid));
        let [file, link, below] = [RegularFile, Symlink, Directory]
            .map(|kind| move |uid: u32| Meta::example(kind, 0o644, uid));
        let user = Claim::User;
        for (directory, entry, expected) in [
            (closed(0), file(0), Claim::System),
            // A user who cannot write to the directory did not put it there, even if the user owns it.
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
            // A file of root's may be there because a user moved it out of the user's own directory.
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
    fn a_file_is_a_claim_of_those_who_can_write_to_it() {
        let root = std::fs::File::open("/").unwrap();
        let claim = |mode, uid| {
            let file = Meta::example(FileType::RegularFile, mode, uid);
            Writers::new(0).of_file(&file, root.as_fd())
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

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Writers::new(0).members(&bytes, &bytes);
        }
    }
}
