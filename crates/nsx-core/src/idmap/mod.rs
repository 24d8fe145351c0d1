//! The numbering of users and groups in a user namespace: extents that lead from inside to outside
//! and back.
//!
//! See `user_namespaces(7)`. The plan decides which process writes a map; [`crate::accounts`] reads
//! /etc/subuid.

mod access;
mod extents;
mod id_chain;
mod range_request;
mod request;
mod runs;

pub use access::{Access, Acl, FileIds, Verdict, Want};
pub use extents::{Extent, IdMap, MapError, RawExtent};
pub use id_chain::{IdChain, IdChainError, LevelId, process_in};
pub use range_request::{ParseRangeError, RangeRequest};
pub use request::{MapRequest, MapRequestError, Owned};

use std::fmt;

/// The kind of ids that a map of a user namespace is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// User ids: `uid_map`.
    User,
    /// Group ids: `gid_map`.
    Group,
}

impl IdKind {
    /// Returns the map's file in `/proc/PID`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::User => "uid_map",
            Self::Group => "gid_map",
        }
    }

    /// Returns the file that says which ranges users may map, see `subuid(5)` and `subgid(5)`.
    pub const fn ranges_file(self) -> &'static str {
        match self {
            Self::User => "/etc/subuid",
            Self::Group => "/etc/subgid",
        }
    }

    /// Returns the program that writes the map for a user without the privilege, see
    /// `newuidmap(1)`.
    pub const fn helper(self) -> &'static str {
        match self {
            Self::User => "newuidmap",
            Self::Group => "newgidmap",
        }
    }
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

/// The permission of processes of a user namespace to call `setgroups(2)` (3.19).
///
/// An ordinary user must deny it to write a group map: otherwise a process could give up a group
/// that a file denies access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setgroups {
    /// They may, once a group map is written.
    Allow,
    /// They may not, and those in namespaces below may not either.
    Deny,
}

impl Setgroups {
    /// Returns the word in `/proc/PID/setgroups`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}
