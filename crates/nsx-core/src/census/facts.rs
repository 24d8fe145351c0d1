//! What the kernel tells of a namespace through a descriptor of it, see `ioctl_nsfs(2)`.

use super::{Entry, Holder, tally::Tally};
use crate::{
    ns::{Namespace, NsId, NsKind, Related},
    proc::{NsLink, ProcRoot},
    sys::nsfs,
};
use rustix::io::Errno;

/// What the kernel tells of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The id that no other namespace gets before the next boot (6.18).
    pub id64: Option<u64>,
    /// Of a PID or user namespace: the one that it was made in.
    pub parent: Relation,
    /// The user namespace whose capabilities count here; of a user namespace its parent.
    pub owner: Relation,
    /// Of a user namespace: who made it, as the caller's user namespace counts users (4.11).
    pub owner_uid: Option<u32>,
}

/// A namespace's parent or owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relation {
    /// Not asked for, or the namespace could not be opened.
    #[default]
    Unknown,
    /// There is none: the namespace is the topmost, or its kind has no parents.
    None,
    /// This one.
    Is(NsId),
    /// There is one, but the kernel does not show it to the caller.
    Hidden,
}

impl Relation {
    /// Which, where it is known.
    pub fn id(self) -> Option<NsId> {
        match self {
            Self::Is(ns) => Some(ns),
            Self::Unknown | Self::None | Self::Hidden => None,
        }
    }

    fn of(answer: &Result<Related, Errno>, ns: NsId) -> Self {
        match answer {
            Ok(Related::Is(related)) => Self::Is(related.id()),
            // What the kernel says of the topmost too.
            Ok(Related::Hidden) if ns.is_initial() => Self::None,
            Ok(Related::Hidden) => Self::Hidden,
            // Of the kinds that have no parents.
            Err(Errno::INVAL) => Self::None,
            Err(_) => Self::Unknown,
        }
    }
}

impl Facts {
    /// Asks the kernel.
    pub fn of(namespace: &Namespace) -> Self {
        Self::from(namespace, &[namespace.parent(), namespace.owner()])
    }

    fn from(namespace: &Namespace, [parent, owner]: &[Result<Related, Errno>; 2]) -> Self {
        let ns = namespace.id();
        Self {
            id64: nsfs::id64(namespace).ok(),
            parent: Relation::of(parent, ns),
            owner: Relation::of(owner, ns),
            owner_uid: if ns.kind == NsKind::User { namespace.owner_uid().ok() } else { None },
        }
    }
}

/// Gathers the facts of each namespace once, and of those above it.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    /// By place.
    done: Vec<bool>,
}

impl Gatherer {
    /// Whether the namespace at this place was asked.
    pub(super) fn has(&self, place: usize) -> bool {
        self.done.get(place).is_some_and(|done| *done)
    }

    /// Asks a namespace, and its parent and its owner, to the top of what the kernel shows. There are 33 levels at most.
    pub(super) fn ask(&mut self, tally: &mut Tally, namespace: &Namespace) {
        let place = tally.place(namespace.id());
        if self.has(place) {
            return;
        }
        if self.done.len() <= place {
            self.done.resize(place + 1, false);
        }
        self.done[place] = true;
        let related = [namespace.parent(), namespace.owner()];
        tally.entries[place].facts = Facts::from(namespace, &related);
        for related in related {
            if let Ok(Related::Is(related)) = related {
                self.ask(tally, &related);
            }
        }
    }

    /// Asks all that were not asked yet and can be opened, and notes who is held by children and by what it owns.
    pub(super) fn finish(mut self, proc: &ProcRoot, tally: &mut Tally) {
        let mut place = 0;
        while place < tally.entries.len() {
            if !self.has(place)
                && let Some(namespace) = open(proc, &tally.entries[place])
            {
                self.ask(tally, &namespace);
            }
            place += 1;
        }
        for place in 0..tally.entries.len() {
            let Entry { ns, facts, .. } = tally.entries[place];
            if let Some(parent) = facts.parent.id() {
                tally.hold(parent, Holder::Child(ns));
            }
            if let Some(owner) = facts.owner.id().filter(|owner| Some(*owner) != facts.parent.id()) {
                tally.hold(owner, Holder::Owned(ns));
            }
        }
    }
}

/// Opens a namespace through whoever keeps it and is no mount: that would be a path, which may lead anywhere.
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
    use crate::{census::{Census, Query, Sources}, ns::NsSet};

    #[test]
    fn what_is_above_the_caller_is_known_or_hidden() {
        let proc = ProcRoot::system().unwrap();
        let census = Census::take(&proc, Query { kinds: NsSet::ALL, sources: Sources::FACTS }).unwrap();
        for kind in NsKind::ALL {
            let own = proc.own_ns(NsLink::Own(kind)).unwrap();
            let entry = census.entry(own).unwrap();
            match entry.facts.owner {
                Relation::Is(owner) => {
                    assert_eq!(owner.kind, NsKind::User);
                    let holder = if kind == NsKind::User { Holder::Child(own) } else { Holder::Owned(own) };
                    assert!(census.entry(owner).unwrap().holders.contains(&holder));
                }
                Relation::Hidden => assert!(!own.is_initial()),
                Relation::None => assert!(own.is_initial() && kind == NsKind::User),
                Relation::Unknown => panic!("{own} could not be opened"),
            }
            if ![NsKind::User, NsKind::Pid].contains(&kind) {
                assert_eq!(entry.facts.parent, Relation::None);
            }
        }
    }
}
