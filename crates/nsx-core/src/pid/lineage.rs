//! The PID namespaces that the ids in a process's chain belong to.
//!
//! `NSpid` has the ids and no namespaces. Those are found from the inside out, from the process's
//! own to its parent and on (`NS_GET_PARENT`, 4.9), up to the one whose numbers the procfs mount
//! shows. That one need not be the caller's own: a procfs stays what it was mounted as.

use super::{Pid, PidChain};
use crate::{
    hash::HashMap,
    ns::{Namespace, NsId, NsKind, Related},
    proc::{NsLink, ProcError, ProcRoot},
};
use std::{cell::OnceCell, sync::Arc};

/// A level of a process's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The process's id there.
    pub pid: Pid,
    /// The PID namespace; none if the kernel hides it from the caller.
    pub ns: Option<NsId>,
}

/// PID namespaces with all that are above them: each is looked at once, and held open, so that no
/// number of one comes to mean another.
#[derive(Debug, Default)]
pub struct Lineages {
    /// A namespace and those above it, as far as the caller may see, by inode number.
    known: HashMap<u64, Vec<Arc<Namespace>>>,
    shown: OnceCell<Option<NsId>>,
}

impl Lineages {
    /// Returns the levels of the process that `proc` calls `pid` and that has this chain, outermost
    /// first, one for each id.
    ///
    /// A namespace that cannot be seen is left open, so a process that is gone has levels without
    /// namespaces: a caller that has the process pinned checks afterwards whether it was reaped.
    /// All calls must be about the same procfs.
    pub fn levels(&mut self, proc: &ProcRoot, pid: Pid, chain: &PidChain) -> Vec<Level> {
        let mut levels: Vec<Level> = chain
            .ids()
            .iter()
            .map(|&pid| Level { pid, ns: None })
            .collect();
        let lineage = self.of(proc, pid).unwrap_or_default();
        for (level, ns) in levels.iter_mut().rev().zip(lineage) {
            level.ns = Some(ns.id());
        }
        if let Some(outermost @ Level { ns: None, .. }) = levels.first_mut() {
            outermost.ns = *self.shown.get_or_init(|| shown_by(proc));
        }
        levels
    }

    /// Returns a namespace that was met.
    pub fn get(&self, id: NsId) -> Option<&Arc<Namespace>> {
        self.known.values().flatten().find(|ns| ns.id() == id)
    }

    /// Returns the PID namespace of a process and those above it.
    fn of(&mut self, proc: &ProcRoot, pid: Pid) -> Result<&[Arc<Namespace>], ProcError> {
        let link = NsLink::Own(NsKind::Pid);
        let inode = proc.ns(pid, link)?.inode;
        if !self.known.contains_key(&inode) {
            let mut lineage = vec![Arc::new(proc.open_ns(pid, link)?)];
            while let Ok(Related::Is(parent)) = lineage[lineage.len() - 1].parent() {
                lineage.push(Arc::new(parent));
            }
            // The id may belong to another process in another namespace by now: only the opened
            // namespace counts.
            let inode = lineage[0].id().inode;
            return Ok(self.known.entry(inode).or_insert(lineage));
        }
        Ok(&self.known[&inode])
    }
}

/// Returns the PID namespace whose ids `proc` shows; none if the kernel hides it from the caller.
pub(crate) fn shown_by(proc: &ProcRoot) -> Option<NsId> {
    let link = NsLink::Own(NsKind::Pid);
    // The first process of a PID namespace is in that namespace.
    proc.ns(Pid::INIT, link).ok().or_else(|| {
        // The caller is refused that one, but is in the same namespace if it has no more than
        // one id, as others may be.
        if proc.own_status().ok()?.chain.depth() == 0 {
            return proc.own_ns(link).ok();
        }
        proc.pids().ok()?.into_iter().find_map(|pid| {
            let ns = proc.ns(pid, link).ok()?;
            let depth = proc.task_ids(pid).ok()?.chain.depth();
            (depth == 0 && proc.ns(pid, link) == Ok(ns)).then_some(ns)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_in_the_innermost_of_its_levels() {
        let proc = ProcRoot::system().unwrap();
        let caller = proc.own_status().unwrap();
        let mut lineages = Lineages::default();
        // From the namespaces' own descriptors, and then from what is known.
        for _ in 0..2 {
            let levels = lineages.levels(&proc, caller.tgid, &caller.chain);
            assert_eq!(levels.len(), caller.chain.ids().len());
            let own = proc.own_ns(NsLink::Own(NsKind::Pid)).unwrap();
            assert_eq!(
                levels.last(),
                Some(&Level {
                    pid: caller.chain.innermost(),
                    ns: Some(own)
                })
            );
        }
    }
}
