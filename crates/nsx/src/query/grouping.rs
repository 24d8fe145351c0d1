//! The division of a host's namespaces into groups, by owner.
//!
//! The name of a group leads to its leader, a process that is in a namespace of every kind that the
//! group has. The namespaces of the owner that the leader is not in form further groups. The
//! namespaces of the host, and those that the caller is in, form one group.

use super::finder::CellFinder;
use super::owners::{Owner, Owners, namespaces_of};
use nsx_core::{
    census::{Census, Entry, Member},
    hash::{HashMap, HashSet},
    ns::{NsId, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use std::collections::BTreeMap;

/// Namespaces with one owner.
pub(crate) struct Group<'a> {
    pub(crate) owner: Owner,
    /// The namespaces, in order of kind.
    pub(crate) namespaces: Vec<&'a Entry>,
    /// The process that stands for the group; `None` for the host, and if no process is in the group.
    pub(crate) leader: Option<Pid>,
    /// The number of processes that are in any of the namespaces; for the host, of those that are in
    /// no other group.
    pub(crate) processes: usize,
    /// The other namespaces that the leader is in, each with its owner.
    pub(crate) shared: Vec<(NsId, Owner)>,
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
    pub(crate) fn is_whole(&self) -> bool {
        self.namespaces.iter().all(|entry| entry.is_whole)
    }
}

/// Divides the namespaces of a census, which was taken with its members, leaders and pins, into
/// groups. Namespaces that neither a process nor a pin that the caller sees holds are left out, and
/// so are those that only kernel threads are in.
pub(crate) fn groups<'a>(
    census: &'a Census,
    proc: &ProcRoot,
    finder: &mut CellFinder<'_>,
) -> Vec<Group<'a>> {
    let mut owners = Owners::new(census, proc, finder);
    let mut found: BTreeMap<Owner, Vec<&Entry>> = BTreeMap::new();
    for entry in &census.namespaces {
        if let Some(owner) = owners.of(entry) {
            found.entry(owner).or_default().push(entry);
        }
    }
    let members = members_by_namespace(census, &found);
    let mut named: BTreeMap<Owner, (Vec<&Entry>, Option<Pid>)> = BTreeMap::new();
    for (owner, namespaces) in found {
        for part in divide(owner, namespaces, &members, &mut owners) {
            let (namespaces, _) = named.entry(part.owner).or_insert((Vec::new(), part.leader));
            namespaces.extend(part.namespaces);
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

/// Returns the processes in each namespace that is not the host's.
fn members_by_namespace(
    census: &Census,
    found: &BTreeMap<Owner, Vec<&Entry>>,
) -> HashMap<NsId, Vec<Member>> {
    let mut members: HashMap<NsId, Vec<Member>> = HashMap::default();
    for (owner, entries) in found {
        if *owner != Owner::Host {
            let room = |entry: &&Entry| (entry.ns, Vec::with_capacity(entry.processes));
            members.extend(entries.iter().map(room));
        }
    }
    for member in &census.members {
        for ns in namespaces_of(member) {
            if let Some(members) = members.get_mut(&ns) {
                members.push(*member);
            }
        }
    }
    members
}

/// A part of the namespaces of an owner, with the leader that is in all of them.
struct Part<'a> {
    owner: Owner,
    namespaces: Vec<&'a Entry>,
    leader: Option<Pid>,
}

/// Divides the namespaces of one owner so that each part has a leader that is in a namespace of each
/// kind. `members` has the processes that are in each namespace.
fn divide<'a>(
    mut owner: Owner,
    mut namespaces: Vec<&'a Entry>,
    members: &HashMap<NsId, Vec<Member>>,
    owners: &mut Owners<'_, '_, '_>,
) -> Vec<Part<'a>> {
    if matches!(owner, Owner::Host | Owner::Pinned(_)) {
        return vec![Part {
            owner,
            namespaces,
            leader: None,
        }];
    }
    let mut parts = Vec::new();
    while !namespaces.is_empty() {
        let ids: HashSet<NsId> = namespaces.iter().map(|entry| entry.ns).collect();
        let leader = leader(&owner, &ids, members, owners);
        let kinds = leader.and_then(|leader| kinds_among(&ids, leader, owners));
        let kinds = kinds.unwrap_or(NsSet::EMPTY);
        let (part, rest): (Vec<_>, Vec<_>) = namespaces
            .into_iter()
            .partition(|entry| kinds.contains(entry.ns.kind));
        let next = rest.first().and_then(|entry| entry.leader);
        let next_owner = next.map(|pid| Owner::Process(pid.as_raw_pid()));
        if part.is_empty() {
            // The owner's first process is in none of them, or their processes have ended.
            match next_owner {
                Some(process) if owner != process => owner = process,
                _ => {
                    parts.push(Part {
                        owner,
                        namespaces: rest,
                        leader: next,
                    });
                    return parts;
                }
            }
        } else {
            parts.push(Part {
                owner: match (&owner, leader) {
                    (Owner::Process(_), Some(leader)) => Owner::Process(leader.as_raw_pid()),
                    _ => owner.clone(),
                },
                namespaces: part,
                leader,
            });
            owner = next_owner.unwrap_or(owner);
        }
        namespaces = rest;
    }
    parts
}

/// Returns the leader of an owner's namespaces: the owner's first process, or a PID 1 that this
/// process started and that is in all namespaces of the first process.
fn leader(
    owner: &Owner,
    namespaces: &HashSet<NsId>,
    members: &HashMap<NsId, Vec<Member>>,
    owners: &mut Owners<'_, '_, '_>,
) -> Option<Pid> {
    let members = namespaces.iter().filter_map(|ns| members.get(ns));
    let mut members: Vec<Member> = members.flatten().copied().collect();
    members.sort_unstable_by_key(|member| member.pid.as_raw_pid());
    members.dedup_by_key(|member| member.pid);
    match owner {
        Owner::Container(_) | Owner::Unit(_) => {
            // The name leads to the first process of these.
            members.retain(|member| owners.of_process(member.pid) == *owner);
            owners.first_of(owner, &members)
        }
        Owner::Process(first) => {
            let mut pids = members.iter().map(|member| member.pid);
            let first = pids
                .find(|pid| pid.as_raw_pid() == *first)
                .or_else(|| owners.elders.leader(&members, false));
            let init = owners
                .elders
                .leader(&members, true)
                .filter(|pid| owners.elders.is_init(*pid));
            let kinds = |pid: Option<Pid>| kinds_among(namespaces, pid?, owners);
            match (kinds(first), kinds(init)) {
                // The parent of PID 1 often only waits for it.
                (Some(first), Some(of_init)) if first.iter().all(|kind| of_init.contains(kind)) => {
                    init
                }
                _ => first,
            }
        }
        Owner::Pinned(_) | Owner::Host => None,
    }
}

/// Returns the kinds of those of these namespaces that a process is in; `None` if the process is not
/// known.
fn kinds_among(namespaces: &HashSet<NsId>, pid: Pid, owners: &Owners<'_, '_, '_>) -> Option<NsSet> {
    let member = owners.members.get(&pid)?;
    let within = namespaces_of(member).filter(|ns| namespaces.contains(ns));
    Some(within.map(|ns| ns.kind).collect())
}

/// Counts each process in every group that it is in; in that of the host if it is in no other.
fn count(members: &[Member], groups: &mut [Group<'_>]) {
    let host = groups.iter().position(|group| group.owner == Owner::Host);
    let mut indices: HashMap<NsId, usize> = HashMap::default();
    for (index, group) in groups.iter().enumerate() {
        if Some(index) != host {
            indices.extend(group.namespaces.iter().map(|entry| (entry.ns, index)));
        }
    }
    for member in members {
        let mut within: Vec<_> = namespaces_of(member)
            .filter_map(|ns| indices.get(&ns).copied())
            .collect();
        within.sort_unstable();
        within.dedup();
        if within.is_empty() {
            within.extend(host);
        }
        for index in within {
            groups[index].processes += 1;
        }
    }
}

/// Finds the owners of the other namespaces that the leaders are in.
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
