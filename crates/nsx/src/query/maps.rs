//! The id mappings of a user namespace, in words.

use crate::text::escape;
use nsx_core::idmap::{Extent, IdKind, IdMap};
use serde::Serialize;
use std::fmt;

/// The number of ranges that are listed; further ranges are counted.
const MOST: usize = 8;

/// The id mappings of users and groups between a user namespace and the caller's.
pub(crate) struct Maps {
    pub(crate) users: IdMap,
    pub(crate) groups: IdMap,
}

/// A range of ids for JSON.
#[derive(Serialize)]
pub(crate) struct Range {
    inside: u32,
    outside: u32,
    count: u32,
}

impl Maps {
    /// Returns one line for users and one for groups. `name` describes a user of the caller's
    /// namespace.
    pub(crate) fn words(&self, name: impl Fn(u32) -> Option<String>) -> [String; 2] {
        [
            sentence(IdKind::User, &self.users, name),
            sentence(IdKind::Group, &self.groups, |_| None),
        ]
    }

    /// Returns the ranges of users and those of groups.
    pub(crate) fn ranges(&self) -> [Vec<Range>; 2] {
        [&self.users, &self.groups].map(|map| map.extents().iter().map(Range::from).collect())
    }
}

impl From<&Extent> for Range {
    fn from(extent: &Extent) -> Self {
        Self {
            inside: extent.inside(),
            outside: extent.outside(),
            count: extent.count(),
        }
    }
}

/// Inside, outside and count, as options take them.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.inside, self.outside, self.count)
    }
}

/// Returns what to add to a user id: the user's name, and whether the id is the caller's own.
pub(crate) fn known_as(name: Option<&Vec<u8>>, own: bool) -> Option<String> {
    match (name.map(|name| escape(name)), own) {
        (Some(name), true) => Some(format!("{name}, you")),
        (None, true) => Some("you".to_owned()),
        (name, false) => name,
    }
}

fn sentence(kind: IdKind, map: &IdMap, name: impl Fn(u32) -> Option<String>) -> String {
    let what = if kind == IdKind::User {
        "users"
    } else {
        "groups"
    };
    let extents = map.extents();
    if extents.is_empty() {
        return format!("{what}: none has an id there, for the map is not written yet");
    }
    let mut ranges: Vec<_> = extents
        .iter()
        .take(MOST)
        .map(|extent| range(extent, &name))
        .collect();
    if extents.len() > MOST {
        ranges.push(format!("and {} ranges more", extents.len() - MOST));
    }
    format!("{what}: {}", ranges.join("; "))
}

fn range(extent: &Extent, name: impl Fn(u32) -> Option<String>) -> String {
    let (inside, outside, more) = (extent.inside(), extent.outside(), extent.count() - 1);
    let known = name(outside).map_or_else(String::new, |name| format!(" ({name})"));
    match (more, inside == outside) {
        (0, true) => format!("{inside} there is the same here{known}"),
        (0, false) => format!("{inside} there is {outside}{known} here"),
        (_, true) => format!("{inside} to {} there are the same here", inside + more),
        (_, false) => format!(
            "{inside} to {} there are {outside} to {} here",
            inside + more,
            outside + more
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_described_in_words() {
        let map = |text: &str| IdMap::parse(text.as_bytes()).unwrap();
        let maps = Maps {
            users: map("0 4242 1\n1 100000 65536\n"),
            groups: map("0 0 4294967295\n"),
        };
        let ada = b"ada".to_vec();
        let [users, groups] =
            maps.words(|uid| known_as((uid == 4242).then_some(&ada), uid == 4242));
        assert_eq!(
            users,
            "users: 0 there is 4242 (ada, you) here; 1 to 65536 there are 100000 to 165535 here"
        );
        assert_eq!(groups, "groups: 0 to 4294967294 there are the same here");
        let lines: String = (0..340)
            .map(|id| format!("{id} {} 1\n", 1000 + 2 * id))
            .collect();
        let long = sentence(IdKind::User, &map(&lines), |_| None);
        assert!(
            long.ends_with("7 there is 1014 here; and 332 ranges more"),
            "{long}"
        );
        assert!(
            sentence(IdKind::Group, &map(""), |_| None).starts_with("groups: none has an id there")
        );
    }
}
