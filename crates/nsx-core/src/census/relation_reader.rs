//! The namespaces above those of a census, to the top of what the caller may see.

use super::{Holder, Relations, tally::Tally};
use crate::{ns::Namespace, proc::ProcRoot, sys::listns};
use std::collections::BTreeSet;

/// A reader of the relations of namespaces, which asks about each namespace once.
#[derive(Debug, Default)]
pub(super) struct RelationReader(Relations);

impl RelationReader {
    /// Asks about a namespace that is open anyway, and about all above it. Before 4.9 the kernel
    /// has no answer.
    pub(super) fn ask(&mut self, namespace: &Namespace) {
        let _ = self.0.learn(namespace);
    }

    /// Asks about all namespaces that were not asked about yet and can be opened, with `listed`
    /// also about those that the kernel lists, and notes the relations in the tally.
    pub(super) fn finish(mut self, proc: &ProcRoot, tally: &mut Tally, listed: bool) {
        for entry in &tally.entries {
            if self.0.of(entry.ns).is_none()
                && let Ok(namespace) = entry.open(proc)
            {
                self.ask(&namespace);
            }
        }
        if listed && !proc.is_copy() {
            self.ask_listed();
        }
        for (ns, relation) in self.0.iter() {
            let index = tally.index(ns);
            tally.entries[index].relation = Some(relation);
            let (parent, owner) = (relation.parent.id(), relation.owner.id());
            if let Some(parent) = parent {
                tally.hold(parent, Holder::Child(ns));
            }
            if let Some(owner) = owner.filter(|_| owner != parent) {
                tally.hold(owner, Holder::Owned(ns));
            }
        }
    }
}

impl RelationReader {
    /// Asks about namespaces that the kernel lists and nothing else has shown (6.19).
    fn ask_listed(&mut self) {
        let known: BTreeSet<u64> = self
            .0
            .iter()
            .filter_map(|(_, relation)| relation.id64)
            .collect();
        let (mut ids, mut last) = ([0; 512], 0);
        while let Ok(count @ 1..) = listns::list(last, &mut ids) {
            for &id in ids[..count].iter().filter(|id| !known.contains(id)) {
                if let Ok(namespace) = Namespace::open_by_id(id, None) {
                    self.ask(&namespace);
                }
            }
            // In ascending order; a list that goes back would have no end.
            match ids[..count].last() {
                Some(&id) if id > last => last = id,
                _ => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        census::{Above, Census, Query, Sources},
        ns::{NsKind, NsSet},
        proc::NsLink,
    };

    #[test]
    fn the_namespaces_above_are_held_from_below() {
        let proc = ProcRoot::system().unwrap();
        let query = Query {
            kinds: NsSet::ALL,
            sources: Sources::RELATIONS,
        };
        let census = Census::take(&proc, query).unwrap();
        for kind in NsKind::ALL {
            let own = proc.own_ns(NsLink::Own(kind)).unwrap();
            let relation = census.entry(own).unwrap().relation.unwrap();
            if let Above::Is(owner) = relation.owner {
                let holder = if kind == NsKind::User {
                    Holder::Child(own)
                } else {
                    Holder::Owned(own)
                };
                assert!(
                    census.entry(owner).unwrap().holders.contains(&holder),
                    "{own}"
                );
            }
        }
    }
}
