//! The numbering of processes in one PID namespace: the namespace, held open, and its index in a
//! chain of ids.

use super::{Process, shown_by};
use crate::{
    ns::{Namespace, NsId, NsKind, Related},
    proc::{NsLink, ProcError, ProcRoot},
};
use rustix::{
    fd::{AsFd, BorrowedFd},
    io::Errno,
};
use std::sync::Arc;

/// The numbering of processes in one PID namespace.
#[derive(Clone, Debug)]
pub struct Numbering {
    ns: Arc<Namespace>,
    /// The index of this namespace's id in a chain, for processes in it and below. None if the
    /// procfs is neither of this PID namespace nor of one above, so that no chain has the id.
    level: Option<usize>,
    /// `true` if the namespace is the caller's own.
    own: bool,
}

impl Numbering {
    /// Returns the numbering of the caller's own PID namespace: its numbers are those that system
    /// calls take.
    ///
    /// # Errors
    /// `Vanished` if `proc` does not show the caller; otherwise as [`ProcRoot::read`].
    pub fn own(proc: &ProcRoot) -> Result<Self, ProcError> {
        let level = proc.own_status()?.chain.depth();
        let ns = Arc::new(proc.open_own_ns(NsLink::Own(NsKind::Pid))?);
        Ok(Self {
            ns,
            level: Some(level),
            own: true,
        })
    }

    /// Returns the numbering of the PID namespace that `target` is in.
    ///
    /// # Errors
    /// `Vanished` if the target has ended or `proc` does not show it; `Denied` if its namespace may
    /// not be opened, which requires `ptrace(2)` access; otherwise as
    /// [`ProcRoot::read`].
    pub fn of(target: &Process, proc: &ProcRoot) -> Result<Self, ProcError> {
        let chain = target.chain_in(proc)?;
        let ns = proc.open_ns(chain.outermost(), NsLink::Own(NsKind::Pid))?;
        if target.reaped() {
            return Err(ProcError::Vanished);
        }
        let own = is_own(&ns, proc);
        Ok(Self {
            ns: Arc::new(ns),
            level: Some(chain.depth()),
            own,
        })
    }

    /// Returns the numbering of this PID namespace, by an open file of it.
    ///
    /// # Errors
    /// `EINVAL` if the namespace is of another kind; otherwise as [`Numbering::own`].
    pub fn of_namespace(ns: impl Into<Arc<Namespace>>, proc: &ProcRoot) -> Result<Self, ProcError> {
        let ns = ns.into();
        if ns.id().kind != NsKind::Pid {
            return Err(Errno::INVAL.into());
        }
        let own = Self::own(proc)?;
        // From the caller's own downwards the way can be seen, if not from there up to the one that
        // `proc` shows.
        let level = match depth(&ns, own.id()) {
            Some(0) => return Ok(own),
            Some(below) => own.level.map(|level| level + below),
            None => shown_by(proc).and_then(|shown| depth(&ns, shown)),
        };
        Ok(Self {
            ns,
            level,
            own: false,
        })
    }

    /// Returns the identity of the PID namespace.
    pub fn id(&self) -> NsId {
        self.ns.id()
    }

    /// Returns the index of its ids in chains that the procfs shows, 0 for the outermost; none if
    /// they are in no chain.
    pub fn level(&self) -> Option<usize> {
        self.level
    }

    /// Returns whether this is the caller's own PID namespace.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Returns whether all of the namespace's processes are visible in the caller's PID namespace:
    /// it is the caller's or below the caller's.
    pub fn is_below_own(&self, proc: &ProcRoot) -> bool {
        let own = proc.own_ns(NsLink::Own(NsKind::Pid));
        self.own || own.is_ok_and(|own| depth(&self.ns, own).is_some())
    }
}

impl AsFd for Numbering {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ns.as_fd()
    }
}

fn is_own(ns: &Namespace, proc: &ProcRoot) -> bool {
    proc.own_ns(NsLink::Own(NsKind::Pid))
        .is_ok_and(|own| own == ns.id())
}

/// Returns how far a namespace is below another; none if it is not below the other, or the way
/// cannot be seen.
fn depth(ns: &Namespace, above: NsId) -> Option<usize> {
    if ns.id() == above {
        return Some(0);
    }
    let parents = std::iter::successors(parent(ns), parent);
    parents
        .map(|ns| ns.id())
        .position(|id| id == above)
        .map(|steps| steps + 1)
}

fn parent(ns: &Namespace) -> Option<Namespace> {
    match ns.parent() {
        Ok(Related::Is(parent)) => Some(parent),
        Ok(Related::Hidden) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_namespace_is_the_same_however_it_is_named() {
        let proc = ProcRoot::system().unwrap();
        let caller = Process::pin(rustix::process::getpid()).unwrap();
        let own = Numbering::own(&proc).unwrap();
        let link = NsLink::Own(NsKind::Pid);
        let others = [
            Numbering::of(&caller, &proc).unwrap(),
            Numbering::of_namespace(proc.open_own_ns(link).unwrap(), &proc).unwrap(),
        ];
        for other in others {
            assert_eq!(
                (other.id(), other.level(), other.is_own()),
                (own.id(), own.level(), true)
            );
            assert!(other.is_below_own(&proc));
        }
        let net = proc.open_own_ns(NsLink::Own(NsKind::Net)).unwrap();
        assert_eq!(
            Numbering::of_namespace(net, &proc).unwrap_err(),
            ProcError::Os(Errno::INVAL)
        );
    }
}
