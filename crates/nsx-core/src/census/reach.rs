//! The reach of a census: whether a process that was not seen can be in a namespace.

use super::Entry;
use crate::{
    ns::{NsId, NsKind, NsSet},
    pid::{Pid, shown_by},
    proc::{NsLink, ProcRoot},
};

/// The known facts about the processes that a census did not see.
pub(super) struct Reach<'a> {
    proc: &'a ProcRoot,
    /// The PID namespace whose processes the procfs lists; none if that is not known, or if the
    /// procfs lists only some.
    listed: Option<NsId>,
    /// The caller's namespaces.
    own: Vec<NsId>,
    /// The processes that may not be looked at, and how many PID namespaces each is below that of
    /// the procfs.
    hidden: Vec<(Pid, Option<usize>)>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(proc: &'a ProcRoot, hidden: &[Pid], kinds: NsSet) -> Self {
        // The ids of a process are shown to everybody.
        let depth = |pid: Pid| proc.status(pid).ok().map(|status| status.chain.depth());
        let mut hidden: Vec<_> = hidden.iter().map(|pid| (*pid, None)).collect();
        if kinds.contains(NsKind::Pid) {
            hidden
                .iter_mut()
                .for_each(|(pid, known)| *known = depth(*pid));
        }
        Self {
            proc,
            listed: shown_by(proc).filter(|_| !proc.hides_processes()),
            own: NsKind::ALL
                .into_iter()
                .filter_map(|kind| proc.own_ns(NsLink::Own(kind)).ok())
                .collect(),
            hidden,
        }
    }

    /// Returns whether the procfs lists every process of the host.
    pub(super) fn lists_all(&self) -> bool {
        self.listed.is_some_and(NsId::is_initial)
    }

    /// Returns whether every process of the host was seen.
    pub(super) fn is_everything(&self) -> bool {
        self.lists_all() && self.hidden.is_empty()
    }

    /// Returns whether all processes that can be in a namespace were seen.
    ///
    /// A process that may not be looked at can be in any namespace, but for PID namespaces of
    /// another depth than its ids have. The first process of a PID namespace, which a security
    /// module may guard even from root, is taken to be where the host or the caller is.
    pub(super) fn is_whole(&self, entry: &Entry) -> bool {
        let ns = entry.ns;
        let is_hosts = ns.is_initial() || self.own.contains(&ns);
        if ns.kind == NsKind::Pid
            && let Some(lowest) = entry.lowest
        {
            let depth = || {
                self.proc
                    .status(lowest)
                    .ok()
                    .map(|status| status.chain.depth())
            };
            let are_elsewhere = |depth| {
                self.hidden
                    .iter()
                    .all(|(_, of)| of.is_some_and(|of| of != depth))
            };
            return self.listed.is_some()
                && (self.hidden.is_empty() || depth().is_some_and(are_elsewhere));
        }
        let is_elsewhere = |pid: Pid| pid == Pid::INIT && !is_hosts;
        self.lists_all() && self.hidden.iter().all(|(pid, _)| is_elsewhere(*pid))
    }
}
