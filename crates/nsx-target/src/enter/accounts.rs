//! Users, groups and shells, looked up in the files that the program will see.

use super::{EnterError, RunAs};
use nsx_core::{
    accounts::{Accounts, User},
    plan::enter::Groups,
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

/// The accounts below the root directory that the program will have, read when first needed.
pub(super) struct ProgramAccounts<'a> {
    /// The root directory; none for the caller's own.
    root: Option<&'a OwnedFd>,
    accounts: OnceCell<Result<Accounts, Errno>>,
}

/// The ids that were chosen for a program; `None` for an id that was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenIds {
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    /// The supplementary groups.
    pub(super) groups: Option<Vec<u32>>,
}

impl ChosenIds {
    /// Returns the supplementary groups that are chosen, or else `default`. If none are chosen on
    /// purpose, they must be dropped.
    pub(super) fn groups_or(self, default: Groups) -> Groups {
        match self.groups {
            None => default,
            Some(groups) if groups.is_empty() => Groups::Drop { required: true },
            Some(groups) => Groups::Are(groups),
        }
    }
}

impl<'a> ProgramAccounts<'a> {
    pub(super) fn new(root: Option<&'a OwnedFd>) -> Self {
        Self {
            root,
            accounts: OnceCell::new(),
        }
    }

    fn accounts(&self) -> Result<&Accounts, EnterError> {
        self.accounts
            .get_or_init(|| read(self.root))
            .as_ref()
            .map_err(|errno| EnterError::Accounts(*errno))
    }

    /// Returns the entry of a user, if there is one that can be read.
    fn user(&self, uid: u32) -> Option<User> {
        self.accounts().ok()?.user_by_id(uid)
    }

    /// Returns the home directory of a user; `/` if the user has none.
    pub(super) fn home(&self, uid: Option<u32>) -> Vec<u8> {
        uid.and_then(|uid| self.user(uid))
            .map(|user| user.home)
            .filter(|home| !home.is_empty())
            .unwrap_or_else(|| b"/".to_vec())
    }

    /// Looks up the ids that were chosen.
    pub(super) fn chosen(&self, run_as: &RunAs) -> Result<ChosenIds, EnterError> {
        match run_as {
            RunAs::Target => Ok(ChosenIds::default()),
            RunAs::User(user) => self.identity(user),
            RunAs::Ids { user, group } => Ok(ChosenIds {
                uid: user.as_deref().map(|user| self.uid(user)).transpose()?,
                gid: group.as_deref().map(|group| self.gid(group)).transpose()?,
                groups: group.as_ref().map(|_| Vec::new()),
            }),
        }
    }

    /// Reads `NAME|UID[:GROUP|GID]` as engines do: a name that exists, or else a number. Without a
    /// group, the program gets the groups of the user's entry, and group 0 if a number has no
    /// entry. The primary group is also a supplementary group.
    fn identity(&self, word: &OsStr) -> Result<ChosenIds, EnterError> {
        let bytes = word.as_bytes();
        let (user, group) = match bytes.iter().position(|byte| *byte == b':') {
            Some(colon) => (&bytes[..colon], Some(&bytes[colon + 1..])),
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
        let (gid, others) = match (group, entry) {
            (Some(group), _) => (self.gid(OsStr::from_bytes(group))?, Vec::new()),
            (None, Some(entry)) => (entry.gid, accounts.groups_of(&entry.name)),
            (None, None) => (0, Vec::new()),
        };
        Ok(ChosenIds {
            uid: Some(uid),
            gid: Some(gid),
            groups: Some([vec![gid], others].concat()),
        })
    }

    /// Returns a user's id by number or name.
    fn uid(&self, word: &OsStr) -> Result<u32, EnterError> {
        if let Some(uid) = number(word.as_bytes()) {
            return Ok(uid);
        }
        let user = self.accounts()?.user_by_name(word.as_bytes());
        user.map(|user| user.uid)
            .ok_or_else(|| unknown("user", word.as_bytes()))
    }

    /// Returns a group's id by number or name.
    fn gid(&self, word: &OsStr) -> Result<u32, EnterError> {
        if let Some(gid) = number(word.as_bytes()) {
            return Ok(gid);
        }
        let group = self.accounts()?.group_by_name(word.as_bytes());
        group.ok_or_else(|| unknown("group", word.as_bytes()))
    }

    /// Returns the shells to try for a user: the user's own, unless its purpose is to keep the user
    /// out, and the usual ones.
    pub(super) fn shells(&self, uid: u32) -> Vec<OsString> {
        let own = self.user(uid).map(|user| user.shell);
        let own = own.filter(|shell| !keeps_out(shell));
        let mut shells: Vec<_> = own.map(OsString::from_vec).into_iter().collect();
        for usual in ["/bin/bash", "/bin/sh"] {
            if shells.iter().all(|shell| shell != usual) {
                shells.push(usual.into());
            }
        }
        shells
    }
}

fn read(root: Option<&OwnedFd>) -> Result<Accounts, Errno> {
    match root {
        Some(root) => Accounts::read(root.as_fd()),
        None => {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            Accounts::read(&rustix::fs::openat(CWD, c"/", flags, Mode::empty())?)
        }
    }
}

/// Returns whether a login shell is a program that refuses logins.
fn keeps_out(shell: &[u8]) -> bool {
    let name = shell.rsplit(|byte| *byte == b'/').next();
    matches!(
        name.unwrap_or_default(),
        b"" | b"nologin" | b"false" | b"sync" | b"shutdown" | b"halt"
    )
}

/// Reads an id. The highest number is not an id: system calls take it for "leave it as it is".
fn number(word: &[u8]) -> Option<u32> {
    u32::try_from(decimal(word)?)
        .ok()
        .filter(|id| *id != u32::MAX)
}

fn unknown(kind: &'static str, name: &[u8]) -> EnterError {
    EnterError::UnknownName {
        kind,
        name: OsString::from_vec(name.to_vec()),
    }
}
