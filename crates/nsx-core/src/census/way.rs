//! The ways to a namespace: whoever is in it, or else whatever holds it.

use super::{Entry, Holder, descriptors};
use crate::{
    ns::{Namespace, NsKind},
    proc::{NsLink, ProcError, ProcRoot},
};

impl Entry {
    /// Opens the namespace through a process or thread in it, or else through a descriptor, a mount or a socket that was found
    /// to hold it. `proc` is the procfs that the census was taken of. Nothing is waited for, see [`Pin::open`](super::Pin::open).
    ///
    /// # Errors
    /// `Denied` where a way is there but not for the caller; else `Vanished`.
    pub fn open(&self, proc: &ProcRoot) -> Result<Namespace, ProcError> {
        let own = NsLink::Own(self.ns.kind);
        let for_children = if self.ns.kind == NsKind::Time { NsLink::TimeForChildren } else { NsLink::PidForChildren };
        let inhabited = self.lowest.map(|pid| proc.open_ns(pid, own));
        let held = self.holders.iter().filter_map(|holder| match holder {
            Holder::Thread { pid, tid } => Some(proc.thread_ns_links(*pid, *tid).open(own)),
            Holder::ForChildren { pid, tid } => Some(proc.thread_ns_links(*pid, *tid).open(for_children)),
            Holder::Descriptor { pid, fd } => Some(proc.open_descriptor(*pid, *fd)),
            Holder::Mount(pin) => Some(pin.open(proc)),
            Holder::Socket { pid, fd, .. } if proc.is_callers() => Some(descriptors::open_by_socket(*pid, *fd)),
            Holder::Socket { .. } | Holder::Child(_) | Holder::Owned(_) => None,
        });
        let mut failure = ProcError::Vanished;
        for opened in inhabited.into_iter().chain(held) {
            match opened {
                Ok(namespace) if namespace.id() == self.ns => return Ok(namespace),
                // Whatever ended or was closed meanwhile may have become another one's.
                Ok(_) => {}
                Err(ProcError::Denied) => failure = ProcError::Denied,
                Err(_) => {}
            }
        }
        Err(failure)
    }
}
