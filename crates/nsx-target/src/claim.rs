//! [`Claim`]: whose word a record is.
//!
//! A record is worth no more than the least trusted of those who could have written it: the owner of the file, of each
//! directory on the path that leads to it, of each symbolic link that was followed, and of the configuration that chose the
//! path. How these are found is in `writers`; what a user's claim is believed about is in `check`.

use std::path::{Path, PathBuf};

/// Whose word something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    /// Only root could have written it.
    System,
    /// This user could have written it, and nobody else but root.
    User(u32),
    /// More than one user could have written it. Such a record is never believed.
    Several,
}

impl Claim {
    /// The word of the user `uid`.
    pub(crate) const fn of(uid: u32) -> Self {
        if uid == 0 { Self::System } else { Self::User(uid) }
    }

    /// The word of whoever could have written either.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::System, other) => other,
            (own, Self::System) => own,
            (own, other) if own == other => own,
            _ => Self::Several,
        }
    }

    /// The user, if it is one user's word.
    pub(crate) fn user(self) -> Option<u32> {
        match self {
            Self::User(uid) => Some(uid),
            Self::System | Self::Several => None,
        }
    }
}

/// A path, and whose word it is that something lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub(crate) path: PathBuf,
    pub(crate) claim: Claim,
}

impl Location {
    /// A path that nsx knows by itself.
    pub(crate) fn system(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), claim: Claim::System }
    }

    /// The path that `claim` chose.
    pub(crate) fn new(path: impl Into<PathBuf>, claim: Claim) -> Self {
        Self { path: path.into(), claim }
    }

    /// What lies below.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> Self {
        Self { path: self.path.join(path), claim: self.claim }
    }

    /// The path, as an engine or a configuration wrote it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim() -> impl Strategy<Value = Claim> {
        prop_oneof![Just(Claim::System), (1_u32..4).prop_map(Claim::User), Just(Claim::Several)]
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
