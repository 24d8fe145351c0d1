//! The program's user: a user of the target by name or number, looked up in the target's own files.

use crate::{out, program::RequestError};
use nsx_core::{
    accounts::{Accounts, User},
    proc::decimal,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
};
use std::{
    cell::OnceCell,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The accounts of the root directory that the program will have, read when they are first asked
/// for.
pub(super) struct Directory<'a> {
    /// None where it is the caller's own.
    root: Option<&'a OwnedFd>,
    accounts: OnceCell<Result<Accounts, Errno>>,
}

/// A user as `--user` names one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// With the primary one, as engines set them.
    pub(super) groups: Vec<u32>,
}

impl<'a> Directory<'a> {
    pub(super) fn of(root: Option<&'a OwnedFd>) -> Self {
        Self {
            root,
            accounts: OnceCell::new(),
        }
    }

    fn accounts(&self) -> Result<&Accounts, RequestError> {
        let read = || match self.root {
            Some(root) => Accounts::read(root.as_fd()),
            None => {
                let root =
                    rustix::fs::openat(CWD, c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
                Accounts::read(&root)
            }
        };
        self.accounts
            .get_or_init(read)
            .as_ref()
            .map_err(|errno| RequestError::Accounts(*errno))
    }

    /// The entry of a user, if there is one that can be read.
    pub(super) fn user(&self, uid: u32) -> Option<User> {
        self.accounts().ok()?.user_by_id(uid)
    }

    /// Reads `NAME|UID[:GROUP|GID]`, as engines do: a name that is one, else a number. Without a
    /// group it is the one of the user's entry, with those that list the user, or 0 for a number
    /// without an entry.
    pub(super) fn identity(&self, word: &OsStr) -> Result<Identity, RequestError> {
        let bytes = word.as_bytes();
        let (user, group) = match bytes.iter().position(|byte| *byte == b':') {
            Some(place) => (&bytes[..place], Some(&bytes[place + 1..])),
            None => (bytes, None),
        };
        let accounts = self.accounts()?;
        let entry = accounts
            .user_by_name(user)
            .or_else(|| accounts.user_by_id(number(user)?));
        let uid = match (&entry, number(user)) {
            (Some(entry), _) => entry.uid,
            (None, Some(uid)) => uid,
            (None, None) => return Err(unknown("user", user)),
        };
        if let Some(group) = group {
            let gid = self.group(OsStr::from_bytes(group))?;
            return Ok(Identity {
                uid,
                gid,
                groups: vec![gid],
            });
        }
        let gid = entry.as_ref().map_or(0, |entry| entry.gid);
        let mut groups = vec![gid];
        groups.extend(
            entry
                .map(|entry| accounts.groups_of(&entry.name))
                .unwrap_or_default(),
        );
        Ok(Identity { uid, gid, groups })
    }

    /// A user by number or name, without what belongs to it.
    pub(super) fn uid(&self, word: &OsStr) -> Result<u32, RequestError> {
        match number(word.as_bytes()) {
            Some(uid) => Ok(uid),
            None => Ok(self
                .accounts()?
                .user_by_name(word.as_bytes())
                .ok_or_else(|| unknown("user", word.as_bytes()))?
                .uid),
        }
    }

    /// A group by number or name.
    pub(super) fn group(&self, word: &OsStr) -> Result<u32, RequestError> {
        match number(word.as_bytes()) {
            Some(gid) => Ok(gid),
            None => self
                .accounts()?
                .group_by_name(word.as_bytes())
                .ok_or_else(|| unknown("group", word.as_bytes())),
        }
    }

    /// The shells to try for a user: its own, unless that is there to keep it out, and the usual
    /// ones.
    pub(super) fn shells(&self, uid: u32) -> Vec<OsString> {
        let own = self.user(uid).map(|user| user.shell).filter(|shell| {
            let name = shell
                .rsplit(|byte| *byte == b'/')
                .next()
                .unwrap_or_default();
            !matches!(
                name,
                b"" | b"nologin" | b"false" | b"sync" | b"shutdown" | b"halt"
            )
        });
        let mut shells: Vec<_> = own.map(OsString::from_vec).into_iter().collect();
        for usual in ["/bin/bash", "/bin/sh"] {
            if shells.iter().all(|shell| shell != usual) {
                shells.push(usual.into());
            }
        }
        shells
    }
}

/// An id. The last number is none: system calls take it for "leave it as it is".
fn number(word: &[u8]) -> Option<u32> {
    u32::try_from(decimal(word)?)
        .ok()
        .filter(|id| *id != u32::MAX)
}

fn unknown(what: &'static str, name: &[u8]) -> RequestError {
    RequestError::UnknownName(what, out::shown(OsStr::from_bytes(name)))
}
