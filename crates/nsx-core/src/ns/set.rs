//! A set of kinds of namespace.

use super::NsKind;
use std::fmt;

/// A set of kinds, such as those that one `unshare(2)` creates. One bit a kind.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NsSet(u8);

impl NsSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// All eight.
    pub const ALL: Self = Self(0xff);

    const fn bit(kind: NsKind) -> u8 {
        1 << kind as u8
    }

    /// Returns whether `kind` is in the set.
    pub const fn contains(self, kind: NsKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Returns whether no kind is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of kinds in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds `kind`.
    pub const fn insert(&mut self, kind: NsKind) {
        self.0 |= Self::bit(kind);
    }

    /// Returns the set with `kind` added.
    #[must_use]
    pub const fn with(self, kind: NsKind) -> Self {
        Self(self.0 | Self::bit(kind))
    }

    /// Returns the set with `kind` taken out.
    #[must_use]
    pub const fn without(self, kind: NsKind) -> Self {
        Self(self.0 & !Self::bit(kind))
    }

    /// Returns the kinds that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the kinds of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the kinds that are in both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the kinds in the set, in the order of [`NsKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = NsKind> + Clone {
        NsKind::ALL
            .into_iter()
            .filter(move |&kind| self.contains(kind))
    }

    /// Returns the `CLONE_NEW*` flags of the set, or-ed.
    pub fn flags(self) -> u32 {
        self.iter().fold(0, |flags, kind| flags | kind.flag())
    }

    /// Returns the kinds with their noun: `uts namespace`, `net, pid and user namespaces`.
    pub fn noun(self) -> String {
        format!("{self} namespace{}", if self.len() == 1 { "" } else { "s" })
    }

    /// Like [`Self::noun`], but with the article that the noun takes: `a uts namespace`, `net and
    /// pid namespaces`.
    pub fn noun_with_article(self) -> String {
        let article = match self.len() {
            1 if self.contains(NsKind::Ipc) => "an ",
            1 => "a ",
            _ => "",
        };
        format!("{article}{}", self.noun())
    }

    /// Returns the flags by name, as a manual page writes them: `CLONE_NEWPID|CLONE_NEWUSER`; `0`
    /// for the empty set.
    pub fn flag_names(self) -> String {
        if self.is_empty() {
            return "0".to_owned();
        }
        self.iter()
            .map(NsKind::flag_name)
            .collect::<Vec<_>>()
            .join("|")
    }
}

impl FromIterator<NsKind> for NsSet {
    fn from_iter<I: IntoIterator<Item = NsKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The names in order: `net, pid and user`.
impl fmt::Display for NsSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.len().saturating_sub(1);
        for (index, kind) in self.iter().enumerate() {
            let before = match index {
                0 => "",
                _ if index == last => " and ",
                _ => ", ",
            };
            write!(f, "{before}{kind}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NsSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let set: NsSet = [NsKind::User, NsKind::Net, NsKind::Pid]
            .into_iter()
            .collect();
        assert_eq!(set.len(), 3);
        assert_eq!(set.to_string(), "net, pid and user");
        assert_eq!(set.noun(), "net, pid and user namespaces");
        assert_eq!(NsSet::EMPTY.with(NsKind::Uts).noun(), "uts namespace");
        assert_eq!(set.noun_with_article(), "net, pid and user namespaces");
        assert_eq!(
            NsSet::EMPTY.with(NsKind::Uts).noun_with_article(),
            "a uts namespace"
        );
        assert_eq!(
            NsSet::EMPTY.with(NsKind::Ipc).noun_with_article(),
            "an ipc namespace"
        );
        assert_eq!(set.flag_names(), "CLONE_NEWNET|CLONE_NEWPID|CLONE_NEWUSER");
        assert_eq!(set.flags(), 0x7000_0000);
        assert_eq!(set.without(NsKind::Net).to_string(), "pid and user");
        assert_eq!(NsSet::EMPTY.flag_names(), "0");
        assert_eq!(NsSet::ALL.iter().count(), 8);
    }
}
