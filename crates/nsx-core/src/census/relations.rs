//! The owners and parents of namespaces, as far up as the caller may see.
//!
//! Each namespace that is met is asked once, so that finding out about all of a host costs a few
//! calls for each.

use crate::ns::{Namespace, NsId, NsKind, Related};
use rustix::io::Errno;
use std::collections::BTreeMap;

/// The relations of a number of namespaces, and of those above them.
#[derive(Debug, Default)]
pub struct Relations(BTreeMap<NsId, Relation>);

/// The namespaces above one namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Relation {
    /// The user namespace that owns it. That of a user namespace is its parent.
    pub owner: Above,
    /// Its parent; [`Above::Nothing`] for the kinds that have none.
    pub parent: Above,
    /// The user who created the user namespace that it is, or that owns it, as the caller's user
    /// namespace counts users.
    pub owner_uid: Option<u32>,
    /// The id that no other namespace gets before the next boot (6.18).
    pub id64: Option<u64>,
}

/// An owner or a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Above {
    /// This one.
    Is(NsId),
    /// There is one above the caller's own, which the kernel does not show.
    Hidden,
    /// There is none: it is the topmost, or of a kind without that relation, or the kernel failed
    /// to say.
    Nothing,
}

impl Above {
    /// Returns the namespace, if the caller may see it.
    pub fn id(self) -> Option<NsId> {
        match self {
            Self::Is(id) => Some(id),
            Self::Hidden | Self::Nothing => None,
        }
    }
}

impl Relations {
    /// Returns what is above `ns`, and learns what is above that, and so on.
    ///
    /// # Errors
    /// `ENOTTY` if the kernel cannot say (before 4.9). What else fails for one namespace is
    /// [`Above::Nothing`].
    pub fn learn(&mut self, ns: &Namespace) -> Result<Relation, Errno> {
        if let Some(known) = self.0.get(&ns.id()) {
            return Ok(*known);
        }
        // The kernel says the same of what it hides and of what is not there.
        let initial = ns.id().is_initial();
        let owner = self.above(ns.owner(), initial && ns.id().kind == NsKind::User)?;
        // The parent of a user namespace is its owner.
        let parent = match ns.id().kind {
            NsKind::User => owner,
            NsKind::Pid => self.above(ns.parent(), initial)?,
            _ => Above::Nothing,
        };
        let owner_uid = match (ns.id().kind, owner) {
            (NsKind::User, _) => ns.owner_uid().ok(),
            (_, Above::Is(owner)) => self.0.get(&owner).and_then(|owner| owner.owner_uid),
            (_, Above::Hidden | Above::Nothing) => None,
        };
        let relation = Relation {
            owner,
            parent,
            owner_uid,
            id64: ns.id64().ok(),
        };
        self.0.insert(ns.id(), relation);
        Ok(relation)
    }

    /// Returns the namespaces above `ns`, if `ns` was requested or was met on the way.
    pub fn of(&self, ns: NsId) -> Option<Relation> {
        self.0.get(&ns).copied()
    }

    /// Everything that is known by now, in order of kind and inode number.
    pub fn iter(&self) -> impl Iterator<Item = (NsId, Relation)> {
        self.0.iter().map(|(ns, relation)| (*ns, *relation))
    }

    fn above(&mut self, answer: Result<Related, Errno>, topmost: bool) -> Result<Above, Errno> {
        match answer {
            Ok(Related::Is(above)) => {
                self.learn(&above)?;
                Ok(Above::Is(above.id()))
            }
            Ok(Related::Hidden) if topmost => Ok(Above::Nothing),
            Ok(Related::Hidden) => Ok(Above::Hidden),
            Err(Errno::NOTTY) => Err(Errno::NOTTY),
            Err(_) => Ok(Above::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::{NsLink, ProcRoot};

    #[test]
    fn each_is_owned_by_a_user_namespace_and_only_two_kinds_have_parents() {
        let proc = ProcRoot::system().unwrap();
        let mut relations = Relations::default();
        let own = proc.own_ns(NsLink::Own(NsKind::User)).unwrap();
        for kind in NsKind::ALL {
            let ns = proc
                .open_ns(rustix::process::getpid(), NsLink::Own(kind))
                .unwrap();
            let relation = relations.learn(&ns).unwrap();
            assert_eq!(relations.of(ns.id()), Some(relation));
            match kind {
                NsKind::User => {
                    let above = if own.is_initial() {
                        Above::Nothing
                    } else {
                        Above::Hidden
                    };
                    assert_eq!((relation.owner, relation.parent), (above, above));
                }
                // If the tests run in a user namespace, its other namespaces may be owned by one
                // above it.
                _ => assert!(
                    [Above::Is(own), Above::Hidden].contains(&relation.owner),
                    "{kind}: {relation:?}"
                ),
            }
            assert!(
                matches!(kind, NsKind::Pid | NsKind::User) || relation.parent == Above::Nothing,
                "{kind}"
            );
            assert_eq!(
                relation.owner_uid.is_some(),
                kind == NsKind::User || relation.owner.id().is_some(),
                "{kind}"
            );
        }
        assert_eq!(relations.of("net:[1]".parse().unwrap()), None);
    }
}
