//! The pass over the processes.

use super::{Holder, Member, Query, Sources, Unseen, tally::Tally};
use crate::{
    ns::{NsKind, NsSet},
    pid::Pid,
    proc::{LONGEST_LINK, NsLink, NsLinks, ProcError, ProcRoot},
};
use rustix::{io::Errno, thread::CpuSet};
use std::{
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// With fewer processes, starting a thread takes longer than it saves.
const FOR_TWO_THREADS: usize = 1000;

/// The number of processes that a thread takes on at a time: few enough that both threads end
/// together.
const CHUNK: usize = 64;

/// The findings in processes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) tally: Tally,
    /// In order of their ids; none if nothing requests them.
    pub(super) members: Vec<Member>,
    /// In order of their ids.
    pub(super) hidden: Vec<Pid>,
    pub(super) unseen: Unseen,
}

impl Scan {
    /// Looks at all processes that `proc` shows.
    pub(super) fn of_all(proc: &ProcRoot, query: Query) -> Result<Self, Errno> {
        let pids = proc.pids()?;
        let wish = Wish::of(query);
        let parts = shared(&pids, Self::default, |part, pid| {
            if let Err(error) = part.look(proc, pid, &wish) {
                let error = match error {
                    // In a copy no process comes and goes: the copy lacks the links.
                    ProcError::Vanished if proc.is_copy() => {
                        ProcError::Malformed("a copy of /proc")
                    }
                    error => error,
                };
                part.unseen.count(error);
                if error != ProcError::Vanished {
                    part.hidden.push(pid);
                }
            }
        });
        let mut parts = parts.into_iter();
        let mut scan = parts.next().unwrap_or_default();
        for part in parts {
            scan.tally.absorb(part.tally);
            scan.members.extend(part.members);
            scan.hidden.extend(part.hidden);
            scan.unseen.absorb(part.unseen);
        }
        scan.members
            .sort_unstable_by_key(|member| member.pid.as_raw_pid());
        scan.hidden.sort_unstable_by_key(|pid| pid.as_raw_pid());
        Ok(scan)
    }

    /// Looks at one process.
    fn look(&mut self, proc: &ProcRoot, pid: Pid, wish: &Wish) -> Result<(), ProcError> {
        let mut links = proc.ns_links(pid);
        let own = self.own(&mut links, pid, wish)?;
        if wish.sources.has(Sources::MEMBERS) {
            let inodes = own.map(|index| index.map_or(0, |index| self.inode(index)));
            self.members.push(Member { pid, inodes });
        }
        if wish.sources.has(Sources::CHILDREN) {
            self.for_children(&mut links, &own, [pid, pid])?;
        }
        if wish.sources.has(Sources::THREADS) {
            self.threads(proc, pid, &own, wish)?;
        }
        Ok(())
    }

    /// Returns the indices of the namespaces that the process is in, which is counted there.
    fn own(
        &mut self,
        links: &mut NsLinks<'_>,
        pid: Pid,
        wish: &Wish,
    ) -> Result<Indices, ProcError> {
        let mut indices = Indices::default();
        let mut outcome = Err(ProcError::Vanished);
        for &kind in &wish.kinds {
            match self.index(links, kind, NsLink::Own(kind)) {
                Ok(index) => {
                    self.tally.count(index, pid);
                    indices[kind as usize] = Some(index);
                    outcome = Ok(());
                }
                // A zombie has no more than some of its namespaces, and an old kernel not all
                // kinds.
                Err(ProcError::Vanished) => {}
                // All links of a process are guarded by the same check, so the others would be
                // refused too.
                Err(error) => return Err(error),
            }
        }
        outcome.map(|()| indices)
    }

    /// Notes the namespaces that only children will be in; `holder` is the process and the thread
    /// whose links these are.
    fn for_children(
        &mut self,
        links: &mut NsLinks<'_>,
        own: &Indices,
        holder: [Pid; 2],
    ) -> Result<(), ProcError> {
        for (kind, link) in [
            (NsKind::Pid, NsLink::PidForChildren),
            (NsKind::Time, NsLink::TimeForChildren),
        ] {
            match self.index(links, kind, link) {
                Ok(index) if own[kind as usize] != Some(index) => {
                    let [pid, tid] = holder;
                    self.tally.entries[index]
                        .holders
                        .push(Holder::ForChildren { pid, tid });
                }
                // A PID namespace that has no first process yet has no name.
                Ok(_) | Err(ProcError::Vanished) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Counts the threads of a process, and notes those that are in other namespaces.
    fn threads(
        &mut self,
        proc: &ProcRoot,
        pid: Pid,
        own: &Indices,
        wish: &Wish,
    ) -> Result<(), ProcError> {
        // The first thread is in the process's namespaces.
        own.iter()
            .flatten()
            .for_each(|&index| self.tally.entries[index].threads += 1);
        if proc.count_threads(pid)? == 1 && own.iter().any(Option::is_some) {
            return Ok(());
        }
        for tid in proc.threads(pid)?.into_iter().filter(|tid| *tid != pid) {
            let mut links = proc.thread_ns_links(pid, tid);
            for &kind in &wish.kinds {
                let Ok(index) = self.index(&mut links, kind, NsLink::Own(kind)) else {
                    continue;
                };
                let entry = &mut self.tally.entries[index];
                entry.threads += 1;
                if own[kind as usize] != Some(index) {
                    entry.holders.push(Holder::Thread { pid, tid });
                }
            }
            if wish.sources.has(Sources::CHILDREN) {
                self.for_children(&mut links, own, [pid, tid])?;
            }
        }
        Ok(())
    }

    fn index(
        &mut self,
        links: &mut NsLinks<'_>,
        kind: NsKind,
        link: NsLink,
    ) -> Result<usize, ProcError> {
        let mut target = [MaybeUninit::uninit(); LONGEST_LINK];
        self.tally
            .index_of_link(kind, links.target(link, &mut target)?)
    }

    /// Inode numbers of namespaces have 32 bits; a recording may claim others.
    fn inode(&self, index: usize) -> u32 {
        self.tally.entries[index].ns.inode.try_into().unwrap_or(0)
    }
}

/// The indices of a process's namespaces in a tally, in the order of [`NsKind::ALL`].
type Indices = [Option<usize>; NsKind::ALL.len()];

/// The data to read of each process.
struct Wish {
    kinds: Vec<NsKind>,
    sources: Sources,
}

impl Wish {
    fn of(query: Query) -> Self {
        let Query {
            mut kinds,
            mut sources,
        } = query;
        if sources.has(Sources::MOUNTS) {
            kinds.insert(NsKind::Mnt);
            sources = sources.with(Sources::MEMBERS);
        }
        if sources.has(Sources::SOCKETS) {
            kinds.insert(NsKind::Net);
            sources = sources.with(Sources::MEMBERS);
        }
        if sources.has_any(Sources::DESCRIPTORS) {
            sources = sources.with(Sources::MEMBERS);
        }
        if sources.has(Sources::CHILDREN) {
            kinds = [NsKind::Pid, NsKind::Time]
                .into_iter()
                .fold(kinds, NsSet::with);
        }
        Self {
            kinds: kinds.iter().collect(),
            sources,
        }
    }
}

/// Does something for each of the processes, with two threads if there are many and two
/// processors, and gives what each thread has made of its part. Both are gone when this returns.
pub(super) fn shared<P: Copy + Sync, T: Send>(
    processes: &[P],
    new: impl Fn() -> T + Sync,
    each: impl Fn(&mut T, P) + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut part = new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = processes.get(start..).filter(|rest| !rest.is_empty()) else {
                return part;
            };
            rest.iter()
                .take(CHUNK)
                .for_each(|&process| each(&mut part, process));
        }
    };
    if processes.len() < FOR_TWO_THREADS || processors() < 2 {
        return vec![work()];
    }
    thread::scope(|scope| {
        // If no thread can be started, this one does all the work.
        let other = thread::Builder::new().spawn_scoped(scope, work);
        let own = work();
        let other = other.ok().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        std::iter::once(own).chain(other).collect()
    })
}

/// Returns the number of processors that this process may use. The standard library's answer reads
/// files of cgroups.
fn processors() -> u32 {
    rustix::thread::sched_getaffinity(None).map_or(1, |set: CpuSet| set.count())
}
