//! [`Claim`]: the user who could have written a record.
//!
//! A record is trusted as much as the least trusted user who could have written it: the owner of
//! the file, of each directory on its path, of each symbolic link that was followed, or of the
//! configuration that chose the path. `writers` finds these users; `belief` says what a user's
//! claim is believed about.

use std::path::{Path, PathBuf};

/// The user and group id that a user namespace shows for ids it does not map, see `overflowuid` in
/// `proc(5)`.
pub(crate) const OVERFLOW: u32 = 65_534;

/// The user who could have written something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    /// Nobody but root.
    System,
    /// This user, and nobody else but root.
    User(u32),
    /// More than one user. Such a record is never believed.
    Several,
}

impl Claim {
    /// Returns the claim of the user `uid`.
    pub(crate) const fn of(uid: u32) -> Self {
        if uid == 0 {
            Self::System
        } else {
            Self::User(uid)
        }
    }

    /// Returns the claim of everyone who could have written either.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::System, other) => other,
            (own, Self::System) => own,
            (own, other) if own == other => own,
            _ => Self::Several,
        }
    }

    /// Returns the user, if there is exactly one.
    pub(crate) fn user(self) -> Option<u32> {
        match self {
            Self::User(uid) => Some(uid),
            Self::System | Self::Several => None,
        }
    }
}

/// A path, and the claim of the user who chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub(crate) path: PathBuf,
    pub(crate) claim: Claim,
}

impl Location {
    /// Returns a location that nsx knows by itself.
    pub(crate) fn system(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            claim: Claim::System,
        }
    }

    /// Returns the location of a path that `claim` chose.
    pub(crate) fn new(path: impl Into<PathBuf>, claim: Claim) -> Self {
        Self {
            path: path.into(),
            claim,
        }
    }

    /// Returns a location below this one.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> Self {
        Self {
            path: self.path.join(path),
            claim: self.claim,
        }
    }

    /// Returns the path, as an engine or a configuration has it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim() -> impl Strategy<Value = Claim> {
        prop_oneof![
            Just(Claim::System),
            (1_u32..4).prop_map(Claim::User),
            Just(Claim::Several)
        ]
    }

    proptest! {
        #[test]
        fn joining_takes_trust_away_in_any_order(one in claim(), other in claim(), third in claim()) {
            prop_assert_eq!(one.join(other), other.join(one));
            prop_assert_eq!(one.join(other).join(third), one.join(other.join(third)));
            prop_assert_eq!(one.join(one), one);
            prop_assert_eq!(one.join(Claim::System), one);
            prop_assert_eq!(one.join(Claim::Several), Claim::Several);
            prop_assert_eq!(one.join(other) == Claim::System, one == Claim::System && other == Claim::System);
        }
    }
}
