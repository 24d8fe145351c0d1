//! The users and groups of another root directory, a container's: its own files alone.
//!
//! A process inside may have written anything there, so no link leads out, only regular files are
//! opened, and only so much of them is read.

use super::{User, groups, lines, users};
use crate::beneath;
use rustix::{fd::AsFd, io::Errno};
use std::path::Path;

/// The most that is read of a file.
const MOST: usize = 4 << 20;

/// The files `/etc/passwd` and `/etc/group` below a root directory; empty if missing.
#[derive(Debug, Default)]
pub struct Accounts {
    passwd: Vec<u8>,
    group: Vec<u8>,
}

impl Accounts {
    /// Reads both.
    ///
    /// # Errors
    /// The errno of opening or reading one that is there; `EINVAL` if it is not a regular file.
    pub fn read(root: impl AsFd) -> Result<Self, Errno> {
        Ok(Self {
            passwd: read(&root, "etc/passwd")?,
            group: read(&root, "etc/group")?,
        })
    }

    /// Returns the user called `name`.
    pub fn user_by_name(&self, name: &[u8]) -> Option<User> {
        users(&self.passwd).find(|user| user.name == name)
    }

    /// Returns the user with the id `uid`; if several share it, the first.
    pub fn user_by_id(&self, uid: u32) -> Option<User> {
        users(&self.passwd).find(|user| user.uid == uid)
    }

    /// Returns the id of the group called `name`.
    pub fn group_by_name(&self, name: &[u8]) -> Option<u32> {
        groups(&self.group)
            .find(|(group, _)| *group == name)
            .map(|(_, gid)| gid)
    }

    /// Returns the groups that list a user, in the order of the file.
    pub fn groups_of(&self, name: &[u8]) -> Vec<u32> {
        lines(&self.group)
            .filter(|[_, _, _, members]: &[&[u8]; 4]| {
                members
                    .split(|byte| *byte == b',')
                    .any(|member| member == name)
            })
            .filter_map(|[_, _, gid, _]| super::id(gid))
            .collect()
    }
}

fn read(root: impl AsFd, path: &str) -> Result<Vec<u8>, Errno> {
    match beneath::read(root, Path::new(path), MOST) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Vec::new()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::OFlags;

    #[test]
    fn a_user_has_the_groups_that_list_him() {
        let accounts = Accounts {
            passwd: b"web:x:33:44:Web:/srv:/bin/ash\n".to_vec(),
            group: b"web:x:44:\na:x:1:root,web\nb:x:2:webmaster\nc:x:3:web\n".to_vec(),
        };
        let web = accounts.user_by_name(b"web").unwrap();
        assert_eq!((web.uid, web.gid), (33, 44));
        assert_eq!(accounts.user_by_id(33), Some(web));
        assert_eq!(accounts.groups_of(b"web"), [1, 3]);
        assert_eq!(accounts.group_by_name(b"b"), Some(2));
        assert_eq!(accounts.user_by_name(b"root"), None);
    }

    #[test]
    fn the_hosts_own_files_are_a_root_directorys_too() {
        let root = rustix::fs::openat(
            rustix::fs::CWD,
            "/",
            OFlags::PATH,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
        let accounts = Accounts::read(&root).unwrap();
        assert_eq!(accounts.user_by_id(0), super::super::user_by_id(0).unwrap());
    }
}
