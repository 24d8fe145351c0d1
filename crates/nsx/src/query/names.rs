//! Names of the namespaces of one kind, by what they belong to.

use super::{
    finder::CellFinder,
    grouping::{self, Group},
    owners::Owner,
    system::System,
};
use nsx_core::{
    census::{Census, Entry},
    hash::{HashMap, HashSet},
    ns::{NsId, NsKind},
};

/// Returns the namespaces of a kind with their names, in the order of `nsx ls`. A namespace
/// whose owner has no name is named by its number, and comes last. The census was taken
/// with its members, leaders and pins.
pub(crate) fn of_kind(kind: NsKind, census: &Census, system: &System) -> Vec<(NsId, Vec<u8>)> {
    let groups = grouping::groups(census, &system.proc, &mut CellFinder::new(system));
    let named = groups.iter().flat_map(|group| {
        let namespaces = group.namespaces.iter();
        namespaces
            .filter(|entry| entry.ns.kind == kind)
            .map(|entry| (entry.ns, name(group, entry, census)))
    });
    let mut names: Vec<_> = named.collect();
    let seen: HashSet<NsId> = names.iter().map(|(ns, _)| *ns).collect();
    let all = census.namespaces.iter().map(|entry| entry.ns);
    let others = all.filter(|ns| ns.kind == kind && !seen.contains(ns));
    names.extend(others.map(|ns| (ns, ns.to_string().into_bytes())));
    number_twins(&mut names);
    names
}

/// Returns the name of the group, or the process that stands for the namespace if the group is named
/// by a process that is not in it.
fn name(group: &Group<'_>, entry: &Entry, census: &Census) -> Vec<u8> {
    let is_in = |pid| {
        let member = census.member(pid);
        member.is_some_and(|member| member.ns(entry.ns.kind) == Some(entry.ns))
    };
    match (&group.owner, entry.leader) {
        (Owner::Process(_), Some(leader)) if !group.leader.is_some_and(is_in) => {
            Owner::Process(leader.as_raw_pid()).name()
        }
        (owner, _) => owner.name(),
    }
}

/// Adds the number of the namespace to names that several namespaces have.
fn number_twins(names: &mut [(NsId, Vec<u8>)]) {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::default();
    for (_, name) in names.iter() {
        *counts.entry(name.clone()).or_default() += 1;
    }
    for (ns, name) in names {
        if counts.get(name).is_some_and(|count| *count > 1) {
            name.extend(format!(" {ns}").into_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_one_owner_are_told_apart() {
        let ns = |text: &str| text.parse::<NsId>().unwrap();
        let mut names = vec![
            (ns("net:[1]"), b"web".to_vec()),
            (ns("net:[2]"), b"db".to_vec()),
            (ns("net:[3]"), b"web".to_vec()),
        ];
        number_twins(&mut names);
        let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, [&b"web net:[1]"[..], b"db", b"web net:[3]"]);
    }
}
