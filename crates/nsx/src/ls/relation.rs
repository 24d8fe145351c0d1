//! The parent or the owner of a namespace, for a table and for JSON.

use crate::text;
use nsx_core::census::{Above, Relation};
use serde::{Serialize, Serializer};
use std::fmt;

/// A parent or an owner: an inode number; in JSON `"hidden"` if the kernel hides it, and `null` if
/// there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relative(pub(super) Above);

impl Relative {
    /// Returns the parent, as far as it is known.
    pub(super) fn parent(relation: Option<Relation>) -> Self {
        Self(relation.map_or(Above::Nothing, |relation| relation.parent))
    }

    /// Returns the owner, as far as it is known.
    pub(super) fn owner(relation: Option<Relation>) -> Self {
        Self(relation.map_or(Above::Nothing, |relation| relation.owner))
    }
}

impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Above::Is(ns) => ns.inode.fmt(f),
            Above::Hidden => f.write_str(text::UNKNOWN),
            Above::Nothing => Ok(()),
        }
    }
}

impl Serialize for Relative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Above::Is(ns) => serializer.serialize_u64(ns.inode),
            Above::Hidden => serializer.serialize_str("hidden"),
            Above::Nothing => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_is_neither_nothing_nor_a_number() {
        let said = |above| {
            (
                Relative(above).to_string(),
                serde_json::to_string(&Relative(above)).unwrap(),
            )
        };
        assert_eq!(
            said(Above::Is("user:[7]".parse().unwrap())),
            ("7".to_owned(), "7".to_owned())
        );
        assert_eq!(
            said(Above::Hidden),
            ("?".to_owned(), "\"hidden\"".to_owned())
        );
        assert_eq!(said(Above::Nothing), (String::new(), "null".to_owned()));
    }
}
