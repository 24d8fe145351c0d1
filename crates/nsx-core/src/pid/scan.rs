//! From ids of one PID namespace to the processes, if the kernel does not translate (before
//! 6.11): all chains that a procfs shows are looked through.
//!
//! Namespaces side by side give the same ids, so a chain with the number at the right level counts
//! only if that level is the very namespace; and processes come and go meanwhile, so one counts
//! only if it is pinned and then still the same.

use super::{Lineages, Numbering, Pid, PidChain, Process, Untranslated};
use crate::{
    hash::{HashMap, HashSet},
    ns::NsId,
    proc::{ProcError, ProcRoot, TaskIds},
};

/// A process or thread that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its ids as the procfs shows them.
    pub(super) chain: PidChain,
    /// The PID namespaces of these ids; none if hidden.
    pub(super) namespaces: Vec<Option<NsId>>,
    /// For a thread that is not its process's first: the process's id in the namespace that was
    /// asked about.
    pub(super) thread_of: Option<Pid>,
}

/// A scan under way.
pub(super) struct Scan<'a> {
    proc: &'a ProcRoot,
    from: &'a Numbering,
    /// The index of `from` in a chain.
    level: usize,
    /// The index of the caller's own ids in a chain.
    callers: usize,
    wanted: HashSet<Pid>,
    found: HashMap<Pid, Result<Found, Untranslated>>,
    lineages: Lineages,
}

/// Finds the processes and threads that have these ids in `from`. An id that is not in the result
/// has no process.
pub(super) fn scan(
    proc: &ProcRoot,
    from: &Numbering,
    ids: &[Pid],
) -> Result<HashMap<Pid, Result<Found, Untranslated>>, Untranslated> {
    // Beside or above the procfs's PID namespace: no chain that it shows has such ids.
    let Some(level) = from.level() else {
        return Ok(HashMap::default());
    };
    let callers = proc
        .own_status()
        .map_err(Untranslated::Failed)?
        .chain
        .depth();
    let wanted = ids.iter().copied().collect();
    let (found, lineages) = (HashMap::default(), Lineages::default());
    let mut scan = Scan {
        proc,
        from,
        level,
        callers,
        wanted,
        found,
        lineages,
    };
    if level == 0 {
        // The procfs itself counts so, and has a directory for every id, those of threads included.
        for &id in ids {
            scan.look_at(id);
        }
    } else {
        scan.look_through()?;
    }
    Ok(scan.found)
}

impl Scan<'_> {
    fn look_at(&mut self, id: Pid) {
        let Ok(ids) = self.proc.task_ids(id) else {
            return;
        };
        if ids.tgid == id {
            self.consider(&ids, None);
        } else if let Ok(process) = self.proc.task_ids(ids.tgid) {
            self.consider(&process, Some(&ids));
        }
    }

    fn look_through(&mut self) -> Result<(), Untranslated> {
        let mut with_threads = Vec::new();
        for shown in self
            .proc
            .pids()
            .map_err(|errno| Untranslated::Failed(errno.into()))?
        {
            let Ok(ids) = self.proc.task_ids(shown) else {
                continue;
            };
            if ids.chain.ids().len() > self.level {
                self.consider(&ids, None);
                if ids.threads > 1 {
                    with_threads.push(ids);
                }
            }
        }
        // Threads are many and seldom wanted: they are looked at only if no process has the number.
        if self.wanted.is_empty() {
            return Ok(());
        }
        for process in with_threads {
            let threads = self.proc.threads(process.tgid).unwrap_or_default();
            for thread in threads.into_iter().filter(|thread| *thread != process.tgid) {
                if let Ok(ids) = self.proc.thread_ids(process.tgid, thread) {
                    self.consider(&process, Some(&ids));
                }
            }
        }
        Ok(())
    }

    /// Adds a process, or this thread of it, if it is wanted.
    fn consider(&mut self, process: &TaskIds, thread: Option<&TaskIds>) {
        let task = thread.unwrap_or(process);
        let Some(&id) = task.chain.ids().get(self.level) else {
            return;
        };
        if !self.wanted.contains(&id) {
            return;
        }
        match self.check(process, thread) {
            Ok(Some(found)) => {
                self.wanted.remove(&id);
                self.found.insert(id, Ok(found));
            }
            Ok(None) => {}
            // Another process with that number may still be the one.
            Err(error) => {
                self.found.insert(id, Err(error));
            }
        }
    }

    /// Returns what was found, if it is in the right namespace and was the same process all the
    /// time.
    fn check(
        &mut self,
        process: &TaskIds,
        thread: Option<&TaskIds>,
    ) -> Result<Option<Found>, Untranslated> {
        let Some(&callers) = process.chain.ids().get(self.callers) else {
            return Ok(None);
        };
        let Ok(pinned) = Process::hold(callers) else {
            return Ok(None);
        };
        if pinned.chain_in(self.proc).as_ref() != Ok(&process.chain) {
            return Ok(None);
        }
        let shown = process.chain.outermost();
        let levels = self.lineages.levels(self.proc, shown, &process.chain);
        if let Some(thread) = thread {
            // A thread is pinned by being there with the same ids while its process is.
            let again = self.proc.thread_ids(shown, thread.chain.outermost());
            if again.map(|ids| ids.chain).as_ref() != Ok(&thread.chain) {
                return Ok(None);
            }
        }
        if pinned.reaped() {
            return Ok(None);
        }
        let mut namespaces: Vec<_> = levels.iter().map(|level| level.ns).collect();
        if self.from.is_own() {
            // The process was pinned by this number, so its namespace need not be visible.
            namespaces[self.level] = Some(self.from.id());
        }
        match namespaces[self.level] {
            None => Err(Untranslated::Failed(ProcError::Denied)),
            Some(ns) if ns == self.from.id() => {
                let chain = thread.unwrap_or(process).chain.clone();
                let thread_of = thread.and_then(|_| process.chain.ids().get(self.level).copied());
                Ok(Some(Found {
                    chain,
                    namespaces,
                    thread_of,
                }))
            }
            Some(_) => Ok(None),
        }
    }
}
