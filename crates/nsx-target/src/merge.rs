//! Containers that several engines know, merged.

use crate::{check::Checked, container::Container};
use nsx_core::hash::HashMap;
use std::collections::hash_map::Entry;

/// Merges containers with the same process. If two engines know a process, the engine nearer to its
/// user counts. A user's claim adds nothing to the claims of other users or of the system.
pub(crate) fn merged(mut found: Vec<Checked>) -> Vec<Checked> {
    found.sort_by_key(|it| it.container.engine);
    let mut merged: Vec<Checked> = Vec::new();
    let mut by_pid = HashMap::default();
    let mut by_id = HashMap::default();
    for checked in found {
        let owner = checked.container.owner.as_ref().map(|owner| owner.uid);
        let pid = checked
            .process
            .as_ref()
            .map(|process| (owner, process.pid()));
        let id = (owner, checked.container.id.clone());
        let same = match &pid {
            Some(pid) => by_pid.get(pid),
            None => by_id.get(&id),
        };
        if let Some(known) = same.and_then(|index: &usize| merged.get_mut(*index)) {
            let Container {
                name,
                bundle,
                pod,
                namespace,
                sandbox,
                ..
            } = checked.container;
            let own = &mut known.container;
            own.name = own.name.take().or(name);
            own.bundle = own.bundle.take().or(bundle);
            own.pod = own.pod.take().or(pod);
            own.namespace = own.namespace.take().or(namespace);
            own.sandbox = own.sandbox.or(sandbox);
            continue;
        }
        if let Some(Entry::Vacant(entry)) = pid.map(|pid| by_pid.entry(pid)) {
            entry.insert(merged.len());
        }
        by_id.entry(id).or_insert(merged.len());
        merged.push(checked);
    }
    merged
}
