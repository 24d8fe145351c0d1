//! Ids and groups that the program does not get.

use super::{Facts, Refusal, Remedy, filter::Call};
use crate::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::NsKind,
    plan::{Plan, PlannedStep, Step},
};
use rustix::{io::Errno, thread::CapabilitySet};

impl Facts<'_> {
    /// Returns the cause of `EINVAL` from a change of ids.
    pub(super) fn not_mapped(&self, ids: IdKind, id: u32) -> Option<Refusal> {
        let map = self.own_map(ids)?;
        if map.to_outside(id).is_some() {
            return None;
        }
        Refusal::without_remedy(format!(
            "{ids} id {id} is not mapped in this user namespace; {}",
            mapped(&map)
        ))
    }

    /// Returns the cause of `EPERM` from a change of ids or of the root directory.
    pub(super) fn unprivileged(&self) -> Option<Refusal> {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_CHROOT;
        let lacks = !self.caller.can(needed);
        let kept = self
            .own_map(IdKind::User)
            .is_some_and(|map| map.to_outside(self.caller.uid) == Some(self.caller.uid));
        if lacks && kept {
            Refusal::new(
                "you lack the capability for it",
                [
                    self.more_rights(),
                    self.gain(needed - self.caller.capabilities),
                ],
            )
        } else {
            None
        }
    }

    /// Returns the cause of a failure to drop the supplementary groups.
    pub(super) fn groups_kept(&self, plan: &Plan) -> Option<Refusal> {
        let denies = |text: Option<Vec<u8>>| text.is_some_and(|text| text.starts_with(b"deny"));
        let denied_by = |planned: &PlannedStep| match planned.step() {
            Step::WriteSetgroups(rule) => *rule == Setgroups::Deny,
            Step::Join { target, kinds, .. } if kinds.contains(NsKind::User) => {
                denies(self.proc.read(target.pid(), "setgroups").ok())
            }
            _ => false,
        };
        // If nsx becomes the program, it is in the user namespace that it has joined.
        if denies(self.own_file("setgroups")) || plan.steps().iter().any(denied_by) {
            return Refusal::new(
                "setgroups is denied in this user namespace, and the program would keep your \
                supplementary groups",
                match self.caller.uid {
                    0 => self.without_dropping(None),
                    _ => self.without_dropping(Some(CapabilitySet::SETGID)),
                },
            );
        }
        if self.caller.can(CapabilitySet::SETGID) {
            return self.filter(Call::SetGroups, Errno::PERM);
        }
        Refusal::new(
            "dropping supplementary groups requires CAP_SETGID, which you lack",
            self.without_dropping(Some(CapabilitySet::SETGID)),
        )
    }

    /// Returns the ways out if the supplementary groups cannot be dropped. `needed` would allow it.
    fn without_dropping(&self, needed: Option<CapabilitySet>) -> Vec<Remedy> {
        let ranges = (!self.joins).then_some(Remedy::MapIdRanges);
        ranges
            .into_iter()
            .chain([Remedy::KeepGroups])
            .chain(needed.map(|needed| self.gain(needed)))
            .collect()
    }
}

/// Returns the ids that a map has inside, in words.
fn mapped(map: &IdMap) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut extents: Vec<_> = map
        .extents()
        .iter()
        .map(|extent| (extent.inside(), extent.count()))
        .collect();
    extents.sort_unstable();
    for (first, count) in extents {
        match ranges.last_mut() {
            Some((_, end)) if *end == first => *end += count,
            _ => ranges.push((first, first + count)),
        }
    }
    let words: Vec<_> = ranges
        .iter()
        .map(|(first, end)| {
            if end - first == 1 {
                first.to_string()
            } else {
                format!("{first} to {}", end - 1)
            }
        })
        .collect();
    match (words.as_slice(), ranges.as_slice()) {
        ([], _) => "none is".to_owned(),
        ([only], [(first, end)]) if end - first == 1 => format!("only {only} is"),
        (words, _) => format!("mapped are {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_ids_are_shown_with_their_ends() {
        for (map, expected) in [
            ("", "none is"),
            ("0 4242 1", "only 0 is"),
            ("0 0 4294967295", "mapped are 0 to 4294967294"),
            ("0 4242 1\n1 100000 65536", "mapped are 0 to 65536"),
            ("10 100 5\n0 4242 1\n20 7 1", "mapped are 0, 10 to 14, 20"),
        ] {
            assert_eq!(mapped(&IdMap::parse(map.as_bytes()).unwrap()), expected);
        }
    }
}
