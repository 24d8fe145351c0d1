//! What stands above the namespaces of a census, to the top of what the caller may see.

use super::{Entry, Holder, Relations, tally::Tally};
use crate::{
    ns::{Namespace, NsKind},
    proc::{NsLink, ProcRoot},
    sys::listns,
};
use std::collections::BTreeSet;

/// Asks each namespace once.
#[derive(Debug, Default)]
pub(super) struct Gatherer(Relations);

impl Gatherer {
    /// Asks a namespace that is open anyway, and all above it. Before 4.9 the kernel has no answer.
    pub(super) fn ask(&mut self, namespace: &Namespace) {
        let _ = self.0.learn(namespace);
    }

    /// Asks all that were not asked yet and can be opened, with `listed` also those that the kernel lists, and notes in each
    /// what holds it.
    pub(super) fn finish(mut self, proc: &ProcRoot, tally: &mut Tally, listed: bool) {
        for entry in &tally.entries {
            if self.0.of(entry.ns).is_none()
                && let Some(namespace) = open(proc, entry)
            {
                self.ask(&namespace);
            }
        }
        if listed {
            self.ask_listed();
        }
        for (ns, relation) in self.0.iter() {
            let place = tally.place(ns);
            tally.entries[place].relation = Some(relation);
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

impl Gatherer {
    /// Asks what the kernel lists and nothing else has shown (6.19).
    fn ask_listed(&mut self) {
        let known: BTreeSet<u64> = self.0.iter().filter_map(|(_, relation)| relation.id64).collect();
        let (mut ids, mut last) = ([0; 512], 0);
        while let Ok(count @ 1..) = listns::list(last, &mut ids) {
            for &id in ids[..count].iter().filter(|id| !known.contains(id)) {
                if let Ok(namespace) = listns::open(id, None).and_then(Namespace::from_fd) {
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

/// Opens a namespace through whoever keeps it and is no mount, see [`super::mounts`].
fn open(proc: &ProcRoot, entry: &Entry) -> Option<Namespace> {
    let own = NsLink::Own(entry.ns.kind);
    let for_children = if entry.ns.kind == NsKind::Time { NsLink::TimeForChildren } else { NsLink::PidForChildren };
    let inhabited = entry.lowest.map(|pid| proc.open_ns(pid, own));
    let held = entry.holders.iter().filter_map(|holder| match *holder {
        Holder::Thread { pid, tid } => Some(proc.thread_ns_links(pid, tid).open(own)),
        Holder::ForChildren { pid, tid } => Some(proc.thread_ns_links(pid, tid).open(for_children)),
        Holder::Descriptor { pid, fd } => Some(proc.open_descriptor(pid, fd)),
        Holder::Mount(_) | Holder::Socket { .. } | Holder::Child(_) | Holder::Owned(_) => None,
    });
    // Whatever ended or was closed meanwhile may have become another one's.
    inhabited.into_iter().chain(held).find_map(|opened| opened.ok().filter(|namespace| namespace.id() == entry.ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        census::{Above, Census, Query, Sources},
        ns::NsSet,
    };

    #[test]
    fn whoever_stands_above_is_held_from_below() {
        let proc = ProcRoot::system().unwrap();
        let query = Query { kinds: NsSet::ALL, sources: Sources::RELATIONS };
        let census = Census::take(&proc, query).unwrap();
        for kind in NsKind::ALL {
            let own = proc.own_ns(NsLink::Own(kind)).unwrap();
            let relation = census.entry(own).unwrap().relation.unwrap();
            if let Above::Is(owner) = relation.owner {
                let holder = if kind == NsKind::User { Holder::Child(own) } else { Holder::Owned(own) };
                assert!(census.entry(owner).unwrap().holders.contains(&holder), "{own}");
            }
        }
    }
}
