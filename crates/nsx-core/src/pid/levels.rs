//! Which PID namespace each id in a process's chain is counted by.
//!
//! `NSpid` has the ids and no namespaces. Those are found from the inside out, from the process's own to its parent and on
//! (`NS_GET_PARENT`, 4.9), up to the one whose numbers the procfs mount shows. That one need not be the caller's own: a
//! procfs stays what it was mounted as.

use super::{Pid, PidChain};
use crate::{
    ns::{NsId, NsKind, Related},
    proc::{NsLink, ProcRoot},
};

/// One level of a process's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The process's id there.
    pub pid: Pid,
    /// The PID namespace; none where the kernel hides it from the caller.
    pub ns: Option<NsId>,
}

/// The levels of the process that `proc` calls `pid` and that has this chain, outermost first, one for each id.
///
/// What cannot be seen is left open, so an ended process has levels without namespaces: whoever has it pinned asks
/// afterwards whether it lives.
pub fn levels(proc: &ProcRoot, pid: Pid, chain: &PidChain) -> Vec<Level> {
    let mut levels: Vec<Level> = chain.ids().iter().map(|&pid| Level { pid, ns: None }).collect();
    let mut ns = proc.open_ns(pid, NsLink::Own(NsKind::Pid)).ok();
    for level in levels.iter_mut().rev() {
        let Some(open) = ns else { break };
        level.ns = Some(open.id());
        ns = match open.parent() {
            Ok(Related::Is(parent)) => Some(parent),
            Ok(Related::Hidden) | Err(_) => None,
        };
    }
    if let Some(outermost @ Level { ns: None, .. }) = levels.first_mut() {
        outermost.ns = shown_by(proc);
    }
    levels
}

/// The PID namespace whose ids `proc` shows; none where the kernel hides it from the caller.
pub(crate) fn shown_by(proc: &ProcRoot) -> Option<NsId> {
    let link = NsLink::Own(NsKind::Pid);
    // Whoever is the first process of a PID namespace is in it.
    proc.ns(Pid::INIT, link).ok().or_else(|| {
        // The caller is refused that one, but is in the same namespace where it has no more than one id.
        let caller = proc.own_status().ok()?;
        if caller.chain.depth() == 0 { proc.own_ns(link).ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_in_the_innermost_of_its_levels() {
        let proc = ProcRoot::system().unwrap();
        let caller = proc.own_status().unwrap();
        let levels = levels(&proc, caller.tgid, &caller.chain);
        assert_eq!(levels.len(), caller.chain.ids().len());
        let own = proc.own_ns(NsLink::Own(NsKind::Pid)).unwrap();
        assert_eq!(levels.last(), Some(&Level { pid: caller.chain.innermost(), ns: Some(own) }));
    }
}
