//! [`Person`]: a user with the directories in which engines keep the user's records.

use crate::claim::{Claim, Location};
use std::path::{Path, PathBuf};

/// A user who may have a rootless engine, with the directories of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `XDG_DATA_HOME`, or `~/.local/share`.
    pub data: PathBuf,
    /// `XDG_CONFIG_HOME`, or `~/.config`.
    pub config: PathBuf,
    /// `XDG_RUNTIME_DIR`, or `/run/user/UID`.
    pub runtime: PathBuf,
    /// The user's id, which engines use in names of directories in /tmp if the user has no runtime
    /// directory.
    pub uid: u32,
}

/// The owners of the records that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// The system and the caller. A name without an owner means only theirs.
    Own,
    /// This user.
    User(u32),
    /// All users.
    All,
}

impl Person {
    /// Returns a user with a home directory, and with no directory set by a variable.
    pub fn at_home(uid: u32, home: &Path) -> Self {
        Self {
            data: home.join(".local/share"),
            config: home.join(".config"),
            runtime: PathBuf::from(format!("/run/user/{uid}")),
            uid,
        }
    }

    /// Returns the caller, with the directories that the environment names.
    pub(crate) fn caller() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let set = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let person = Self::at_home(uid, &set("HOME").unwrap_or_else(|| "/".into()));
        Self {
            data: set("XDG_DATA_HOME").unwrap_or(person.data),
            config: set("XDG_CONFIG_HOME").unwrap_or(person.config),
            runtime: set("XDG_RUNTIME_DIR").unwrap_or(person.runtime),
            uid,
        }
    }

    /// Returns a location that this user chose. Everything there is at most the user's claim, even
    /// if others own it.
    pub(crate) fn location(&self, path: impl Into<PathBuf>) -> Location {
        Location::new(path, Claim::of(self.uid))
    }

    /// Returns a location below the directory for data.
    pub(crate) fn data(&self, path: &str) -> Location {
        self.location(self.data.join(path))
    }

    /// Returns a location below the runtime directory.
    pub(crate) fn runtime(&self, path: &str) -> Location {
        self.location(self.runtime.join(path))
    }
}
