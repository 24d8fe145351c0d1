//! From an id as some PID namespace counts it to the process, pinned, with the caller's id for it.
//!
//! Since 6.11 the kernel translates. Before, the processes are looked through for one with that id at that level of its
//! chain; and since namespaces side by side give the same ids, it counts only if the level is that very namespace.

use super::{Level, Pid, PinError, Process, levels};
use crate::{
    ns::{Namespace, NsKind},
    proc::{NsLink, ProcError, ProcRoot},
    sys::nsfs,
};
use rustix::io::Errno;

/// How one PID namespace counts processes.
#[derive(Debug)]
pub struct Numbering {
    ns: Namespace,
    /// Which id of a chain is this namespace's, for processes in it and below.
    level: usize,
}

impl Numbering {
    /// The numbering of the PID namespace that `target` is in.
    ///
    /// # Errors
    /// `Vanished` where the target has ended or `proc` does not show it; `Denied` where its namespace may not be opened,
    /// which asks for `ptrace(2)` access; otherwise as [`ProcRoot::read`].
    pub fn of(target: &Process, proc: &ProcRoot) -> Result<Self, ProcError> {
        let pid = target.pid_in(proc)?;
        let level = proc.status(pid, &mut Vec::new())?.chain.depth();
        let ns = proc.open_ns(pid, NsLink::Own(NsKind::Pid))?;
        if target.ended() { Err(ProcError::Vanished) } else { Ok(Self { ns, level }) }
    }

    /// The process that has `pid` here.
    ///
    /// # Errors
    /// `Vanished` where there is none, where it has ended, or where the caller's PID namespace does not have it; the id
    /// of a thread that is no process's counts as none. `Denied` where some process has that id, but may not be looked
    /// at closely enough to tell whether it is here (before 6.11).
    pub fn find(&self, pid: Pid, proc: &ProcRoot) -> Result<Process, ProcError> {
        match nsfs::tgid_from_pidns(&self.ns, pid) {
            Err(Errno::NOTTY | Errno::NOSYS) => self.search(pid, proc),
            callers => self.pin(pid, callers?),
        }
    }

    /// Pins the process that is said to have `pid` here and `callers` in the caller's namespace, if it does.
    fn pin(&self, pid: Pid, callers: Pid) -> Result<Process, ProcError> {
        let process = Process::pin(callers).map_err(reason)?;
        // The way back must lead to the same id. It does not for a thread, or if the id was used again meanwhile.
        let back = nsfs::tgid_in_pidns(&self.ns, callers)?;
        if back == pid && !process.ended() { Ok(process) } else { Err(ProcError::Vanished) }
    }

    /// Looks through all processes.
    fn search(&self, pid: Pid, proc: &ProcRoot) -> Result<Process, ProcError> {
        let callers_level = proc.own_status()?.chain.depth();
        let mut buffer = Vec::new();
        let mut outcome = ProcError::Vanished;
        for shown in proc.pids()? {
            let Ok(status) = proc.status(shown, &mut buffer) else { continue };
            let ids = status.chain.ids();
            let (Some(here), Some(&callers)) = (ids.get(self.level), ids.get(callers_level)) else { continue };
            if *here != pid {
                continue;
            }
            match self.check(pid, proc, shown, callers) {
                Ok(process) => return Ok(process),
                Err(ProcError::Denied) => outcome = ProcError::Denied,
                Err(_) => {}
            }
        }
        Err(outcome)
    }

    /// Pins the process that has `callers` in the caller's namespace, if it is the one that `proc` calls `shown` and has
    /// `pid` here.
    fn check(&self, pid: Pid, proc: &ProcRoot, shown: Pid, callers: Pid) -> Result<Process, ProcError> {
        let process = Process::pin(callers).map_err(reason)?;
        if process.pid_in(proc)? != shown {
            return Err(ProcError::Vanished);
        }
        // Read once more, now that the process is pinned.
        let chain = proc.status(shown, &mut Vec::new())?.chain;
        let level = levels(proc, shown, &chain).get(self.level).copied();
        match level {
            _ if process.ended() => Err(ProcError::Vanished),
            Some(Level { pid: _, ns: None }) => Err(ProcError::Denied),
            Some(level) if level == (Level { pid, ns: Some(self.ns.id()) }) => Ok(process),
            _ => Err(ProcError::Vanished),
        }
    }
}

fn reason(error: PinError) -> ProcError {
    match error {
        PinError::NoProcess | PinError::Ended | PinError::Thread | PinError::Reused(_) => ProcError::Vanished,
        PinError::Os(errno) => errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_lead_to_the_same_process() {
        let proc = ProcRoot::system().unwrap();
        let caller = Process::pin(rustix::process::getpid()).unwrap();
        let numbering = Numbering::of(&caller, &proc).unwrap();
        let own = proc.own_status().unwrap().chain.innermost();
        assert_eq!(numbering.find(own, &proc).unwrap().pid(), caller.pid());
        assert_eq!(numbering.search(own, &proc).unwrap().pid(), caller.pid());
    }

    #[test]
    fn the_id_of_a_thread_is_no_process() {
        let proc = ProcRoot::system().unwrap();
        let caller = Process::pin(rustix::process::getpid()).unwrap();
        let numbering = Numbering::of(&caller, &proc).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let thread = rustix::thread::gettid();
                assert_eq!(numbering.find(thread, &proc).unwrap_err(), ProcError::Vanished);
                assert_eq!(numbering.search(thread, &proc).unwrap_err(), ProcError::Vanished);
            });
        });
    }
}
