//! The namespaces of a host by what they belong to: a container, a unit, a file that pins them, or
//! the process that made them its own.
//!
//! A group has a leader, which is in a namespace of every kind that the group has, and to which the
//! group's name leads. Whatever the leader is not in makes a group of its own. The namespaces of
//! the host itself, and those that the caller is in, are nobody's in particular and make a group of
//! their own.

use super::owners::{Owner, Owners, namespaces_of};
use crate::query::finder::Finder;
use nsx_core::{
    census::{Census, Entry, Member},
    hash::{HashMap, HashSet},
    ns::{NsId, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use std::collections::BTreeMap;

/// Namespaces with one owner.
pub(super) struct Group<'a> {
    pub(super) owner: Owner,
    /// In order of kind.
    pub(super) namespaces: Vec<&'a Entry>,
    /// The process that stands for the group; none where no process is in it, and for the host.
    pub(super) leader: Option<Pid>,
    /// The processes that are in any of them, or for the host in none of another group.
    pub(super) processes: usize,
    /// The other namespaces that the leader is in, each with its owner.
    pub(super) shared: Vec<(NsId, Owner)>,
}

impl<'a> Group<'a> {
    fn new(owner: Owner, mut namespaces: Vec<&'a Entry>, leader: Option<Pid>) -> Self {
        namespaces.sort_by_key(|entry| (entry.ns.kind.name(), entry.ns.inode));
        Self {
            owner,
            namespaces,
            leader,
            processes: 0,
            shared: Vec::new(),
        }
    }

    /// Returns whether all processes that can be in any of the group's namespaces were seen.
    pub(super) fn is_whole(&self) -> bool {
        self.namespaces.iter().all(|entry| entry.is_whole)
    }
}

/// Puts the namespaces of a census, taken with its members, leaders and pins, into groups. What
/// neither a process nor a pin of the caller's keeps is left out, and so is what only threads of
/// the kernel are in.
pub(super) fn groups<'a>(
    census: &'a Census,
    proc: &ProcRoot,
    finder: &mut Finder<'_>,
) -> Vec<Group<'a>> {
    let mut owners = Owners::new(census, proc, finder);
    let mut found: BTreeMap<Owner, Vec<&Entry>> = BTreeMap::new();
    for entry in &census.namespaces {
        if let Some(owner) = owners.of(entry) {
            found.entry(owner).or_default().push(entry);
        }
    }
    let mut crowds: HashMap<NsId, Vec<Member>> = HashMap::default();
    for entry in found
        .iter()
        .filter(|(owner, _)| **owner != Owner::Host)
        .flat_map(|(_, entries)| entries)
    {
        crowds.insert(entry.ns, Vec::with_capacity(entry.processes));
    }
    for member in &census.members {
        for ns in namespaces_of(member) {
            if let Some(crowd) = crowds.get_mut(&ns) {
                crowd.push(*member);
            }
        }
    }
    let mut named: BTreeMap<Owner, (Vec<&Entry>, Option<Pid>)> = BTreeMap::new();
    for (owner, namespaces) in found {
        for (owner, part, leader) in parts(owner, namespaces, &crowds, &mut owners) {
            let group = named.entry(owner).or_insert((Vec::new(), leader));
            group.0.extend(part);
        }
    }
    let mut groups: Vec<_> = named
        .into_iter()
        .map(|(owner, (namespaces, leader))| Group::new(owner, namespaces, leader))
        .collect();
    count(&census.members, &mut groups);
    share(&mut groups, &owners);
    groups
}

/// Divides namespaces with one owner so that each part has a leader that is in a namespace of each
/// kind: the owner's first process, or the PID 1 that this process made and that is in all that it
/// is in.
fn parts<'a>(
    mut owner: Owner,
    mut namespaces: Vec<&'a Entry>,
    crowds: &HashMap<NsId, Vec<Member>>,
    owners: &mut Owners<'_, '_, '_>,
) -> Vec<(Owner, Vec<&'a Entry>, Option<Pid>)> {
    if matches!(owner, Owner::Host | Owner::Pinned(_)) {
        return vec![(owner, namespaces, None)];
    }
    let mut parts = Vec::new();
    while !namespaces.is_empty() {
        let inside: HashSet<NsId> = namespaces.iter().map(|entry| entry.ns).collect();
        let kinds_of = |member: &Member| -> NsSet {
            namespaces_of(member)
                .filter(|ns| inside.contains(ns))
                .map(|ns| ns.kind)
                .collect()
        };
        let mut members: Vec<Member> = inside
            .iter()
            .filter_map(|ns| crowds.get(ns))
            .flatten()
            .copied()
            .collect();
        members.sort_unstable_by_key(|member| member.pid.as_raw_pid());
        members.dedup_by_key(|member| member.pid);
        let leader = match &owner {
            // The name leads to the first process of these.
            Owner::Container(_) | Owner::Unit(_) => {
                members.retain(|member| owners.of_process(member.pid) == owner);
                owners.first_of(&owner, &members)
            }
            Owner::Process(first) => {
                let first = members
                    .iter()
                    .map(|member| member.pid)
                    .find(|pid| pid.as_raw_pid() == *first);
                let first = first.or_else(|| owners.elders.leader(&members, false));
                // PID 1 stands for what the parent that waits for it has made.
                let init = owners
                    .elders
                    .leader(&members, true)
                    .filter(|pid| owners.elders.is_init(*pid));
                let kinds = |pid: Option<Pid>| {
                    pid.and_then(|pid| owners.members.get(&pid))
                        .map(|member| kinds_of(member))
                };
                let is_in_all = kinds(first)
                    .zip(kinds(init))
                    .is_some_and(|(first, init)| first.iter().all(|kind| init.contains(kind)));
                if is_in_all { init } else { first }
            }
            Owner::Pinned(_) | Owner::Host => None,
        };
        let led = leader
            .and_then(|leader| owners.members.get(&leader))
            .map(|member| kinds_of(member));
        let led = led.unwrap_or(NsSet::EMPTY);
        let (part, rest): (Vec<_>, Vec<_>) = namespaces
            .into_iter()
            .partition(|entry| led.contains(entry.ns.kind));
        let name = match (&owner, leader) {
            (Owner::Process(_), Some(leader)) => Owner::Process(leader.as_raw_pid()),
            _ => owner.clone(),
        };
        namespaces = rest;
        if part.is_empty() {
            // The owner's first process is in none of them, or what is in them has ended.
            let of_process =
                |entry: &Entry| entry.leader.map(|pid| Owner::Process(pid.as_raw_pid()));
            match namespaces.first().and_then(|entry| of_process(entry)) {
                Some(process) if owner != process => owner = process,
                _ => {
                    let leader = namespaces.first().and_then(|entry| entry.leader);
                    parts.push((owner, namespaces, leader));
                    return parts;
                }
            }
            continue;
        }
        parts.push((name, part, leader));
        // The rest is led by a process of its own.
        if let Some(pid) = namespaces.first().and_then(|entry| entry.leader) {
            owner = Owner::Process(pid.as_raw_pid());
        }
    }
    parts
}

/// Counts each process in every group that it is in, and in that of the host where it is in no
/// other.
fn count(members: &[Member], groups: &mut [Group<'_>]) {
    let host = groups.iter().position(|group| group.owner == Owner::Host);
    let places = groups
        .iter()
        .enumerate()
        .filter(|(place, _)| Some(*place) != host);
    let places: HashMap<NsId, usize> = places
        .flat_map(|(place, group)| group.namespaces.iter().map(move |entry| (entry.ns, place)))
        .collect();
    for member in members {
        let mut within: Vec<_> = namespaces_of(member)
            .filter_map(|ns| places.get(&ns).copied())
            .collect();
        within.sort_unstable();
        within.dedup();
        if within.is_empty() {
            within.extend(host);
        }
        within
            .into_iter()
            .for_each(|place| groups[place].processes += 1);
    }
}

/// Notes whose the other namespaces are that the leaders are in.
fn share(groups: &mut [Group<'_>], owners: &Owners<'_, '_, '_>) {
    let of_ns: HashMap<NsId, Owner> = groups
        .iter()
        .flat_map(|group| {
            group
                .namespaces
                .iter()
                .map(|entry| (entry.ns, group.owner.clone()))
        })
        .collect();
    for group in groups {
        let Some(member) = group.leader.and_then(|leader| owners.members.get(&leader)) else {
            continue;
        };
        let others = namespaces_of(member).filter_map(|ns| Some((ns, of_ns.get(&ns)?.clone())));
        group.shared = others.filter(|(_, owner)| *owner != group.owner).collect();
        group.shared.sort_by_key(|(ns, _)| ns.kind.name());
    }
}
