//! The ways to a namespace: a process that is in it, or else what holds it.

use super::{Census, Entry, Holder, Viewer, descriptors};
use crate::{
    ns::{Namespace, NsId, NsKind, Related},
    proc::{NsLink, ProcError, ProcRoot},
};

impl Census {
    /// Opens a namespace of the census as [`Entry::open`] does, or else through what the census
    /// knows of others: a namespace that stands below it, or the mount namespace, without a
    /// process, in which it is bound to a file. The kernel is asked by the id last (6.18).
    ///
    /// The process must have one thread, for a child of it enters such a mount namespace.
    ///
    /// # Errors
    /// As [`Entry::open`].
    pub fn open(&self, proc: &ProcRoot, ns: NsId) -> Result<Namespace, ProcError> {
        let entry = self.entry(ns).ok_or(ProcError::Vanished)?;
        let failure = match entry.open(proc) {
            Err(failure) => failure,
            opened => return opened,
        };
        let of_others = entry
            .holders
            .iter()
            .filter_map(|holder| self.open_by(proc, holder));
        let by_id = entry.relation.and_then(|relation| {
            let known = Some((ns.kind, u32::try_from(ns.inode).ok()?));
            Namespace::open_by_id(relation.id64?, known).ok()
        });
        of_others
            .chain(by_id)
            .find(|namespace| namespace.id() == ns)
            .ok_or(failure)
    }

    /// Opens a namespace through a holder that is itself in the census. What stands below a
    /// namespace is never above it, so this comes to an end.
    fn open_by(&self, proc: &ProcRoot, holder: &Holder) -> Option<Namespace> {
        let related = match holder {
            Holder::Child(below) => self.open(proc, *below).ok()?.parent(),
            Holder::Owned(below) => self.open(proc, *below).ok()?.owner(),
            Holder::Mount(pin) if pin.viewer == Viewer::Nobody => {
                let mounts = self.open(proc, pin.inside?).ok()?;
                return mounts.open_mount_inside(proc, &pin.mount).ok();
            }
            _ => return None,
        };
        match related {
            Ok(Related::Is(namespace)) => Some(namespace),
            _ => None,
        }
    }
}

impl Entry {
    /// Opens the namespace through a process or thread in it, or else through a descriptor, a mount
    /// or a socket that was found to hold it. `proc` is the procfs that the census was taken of.
    /// Nothing is waited for, see [`NamespaceMount::open`](super::NamespaceMount::open).
    ///
    /// # Errors
    /// `Denied` if a way is there but not for the caller; else `Vanished`.
    pub fn open(&self, proc: &ProcRoot) -> Result<Namespace, ProcError> {
        let own = NsLink::Own(self.ns.kind);
        let for_children = if self.ns.kind == NsKind::Time {
            NsLink::TimeForChildren
        } else {
            NsLink::PidForChildren
        };
        let inhabited = self.lowest.map(|pid| proc.open_ns(pid, own));
        let held = self.holders.iter().filter_map(|holder| match holder {
            Holder::Thread { pid, tid } => Some(proc.thread_ns_links(*pid, *tid).open(own)),
            Holder::ForChildren { pid, tid } => {
                Some(proc.thread_ns_links(*pid, *tid).open(for_children))
            }
            Holder::Descriptor { pid, fd } => Some(proc.open_descriptor(*pid, *fd)),
            Holder::Mount(pin) => Some(pin.open(proc)),
            Holder::Socket { pid, fd, .. } if proc.is_callers() => {
                Some(descriptors::open_by_socket(*pid, *fd))
            }
            Holder::Socket { .. } | Holder::Child(_) | Holder::Owned(_) => None,
        });
        let mut failure = ProcError::Vanished;
        for opened in inhabited.into_iter().chain(held) {
            match opened {
                Ok(namespace) if namespace.id() == self.ns => return Ok(namespace),
                // A number that became free meanwhile may be another process's or descriptor's.
                Ok(_) => {}
                Err(ProcError::Denied) => failure = ProcError::Denied,
                Err(_) => {}
            }
        }
        Err(failure)
    }
}
