//! The namespaces that the target shares with the host, and with other containers.

use super::Facts;
use crate::{
    doctor::report::Finding,
    error::Error,
    query::finder::CellFinder,
    text::{self, listed},
};
use nsx_core::{
    census::Sources,
    ns::{NsId, NsKind, NsSet},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn findings(facts: &Facts) -> Result<Vec<Finding>, Error> {
    let others = others(facts)?;
    let mut findings = Vec::new();
    let mut alone = Vec::new();
    for ns in &facts.namespaces {
        let name = ns.kind.name();
        if !facts.own.contains(ns.kind) {
            findings.push(shared_with_host(ns.kind));
        } else if let Some(others) = others.get(ns) {
            let others: Vec<_> = others.iter().cloned().collect();
            let finding = format!(
                "its {name} namespace is shared with {}: {}",
                listed(&others),
                shows(ns.kind)
            );
            findings.push(match ns.kind {
                // A pod and --network container:NAME share it on purpose.
                NsKind::Net | NsKind::Ipc | NsKind::Uts => Finding::info(name, finding),
                _ => Finding::bad(name, finding),
            });
        } else {
            alone.push(name);
        }
    }
    if !alone.is_empty() {
        let finding = format!("it is alone in its {} namespaces", listed(&alone));
        findings.insert(0, Finding::ok("own", finding));
    }
    Ok(findings)
}

/// Returns the other containers with a process in a namespace of the target's own.
fn others(facts: &Facts) -> Result<BTreeMap<NsId, BTreeSet<String>>, Error> {
    let system = &facts.system;
    let census = system.census(NsSet::ALL, Sources::MEMBERS)?;
    let mut finder = CellFinder::new(system);
    let own = finder.origin(facts.pid);
    let own = own.container().map(|it| it.address());
    let mut others: BTreeMap<NsId, BTreeSet<String>> = BTreeMap::new();
    let theirs: Vec<_> = facts
        .namespaces
        .iter()
        .filter(|ns| facts.own.contains(ns.kind))
        .collect();
    for member in &census.members {
        let in_common = theirs.iter().filter(|ns| member.ns(ns.kind) == Some(***ns));
        let in_common: Vec<_> = in_common.collect();
        if in_common.is_empty() {
            continue;
        }
        let origin = finder.origin(member.pid);
        let Some(container) = origin.container().map(|it| it.address()) else {
            continue;
        };
        if own.as_ref() != Some(&container) {
            for ns in in_common {
                let shown = text::escape(container.as_bytes());
                others.entry(**ns).or_default().insert(shown);
            }
        }
    }
    Ok(others)
}

fn shared_with_host(kind: NsKind) -> Finding {
    let name = kind.name();
    let finding = format!("its {name} namespace is the host's: {}", shows(kind));
    match kind {
        NsKind::Time => Finding::info(name, finding),
        NsKind::Cgroup => Finding::info(name, finding),
        NsKind::User => Finding::bad(name, finding).remedy(
            "give it a user namespace: userns-remap, --userns=auto, rootless, nsx unshare -r",
        ),
        kind => Finding::bad(name, finding).remedy(match kind {
            NsKind::Net => "run it without --network host",
            NsKind::Pid => "run it without --pid host",
            NsKind::Ipc => "run it without --ipc host",
            NsKind::Uts => "run it without --uts host",
            _ => "run it in a container, or with nsx unshare --mount",
        }),
    }
}

/// Says what sharing a namespace of this kind means.
fn shows(kind: NsKind) -> &'static str {
    match kind {
        NsKind::Cgroup => "the paths of cgroups are visible in it",
        NsKind::Ipc => "System V IPC and POSIX message queues are in common",
        NsKind::Mnt => "the mounts and files are in common",
        NsKind::Net => "links, ports, the firewall and abstract sockets are in common",
        NsKind::Pid => {
            "the processes are visible in it, and can be signalled as far as users allow"
        }
        NsKind::Time => "the clocks are the same",
        NsKind::User => "users are the same, and root in it is root outside",
        NsKind::Uts => "the hostname is in common",
    }
}
