//! The user namespaces from a process's own up to the caller's, and what an id is in each of them.
//!
//! The kernel shows a map as it leads to the reader's user namespace, whatever lies between
//! (`user_namespaces(7)`). So the caller's id is what all levels have in common: an id of any level
//! leads to it, and it leads to every other.

use super::{Extent, IdKind, IdMap};
use crate::{
    ns::{Namespace, NsId, NsKind, Related},
    pid::{Pid, Process},
    proc::{NsLink, ProcError, ProcRoot},
};

/// The user namespaces from a process's own, which is first, to the caller's, which is last.
#[derive(Clone, Debug)]
pub struct IdChain {
    levels: Vec<Level>,
    /// The maps of users and groups from the caller's own user namespace to the one above it.
    above: [IdMap; 2],
}

/// A user namespace of the chain.
#[derive(Clone, Debug)]
struct Level {
    ns: NsId,
    /// Users and groups, to the caller's ids; none if no process in it can be read.
    maps: Option<[IdMap; 2]>,
}

/// An id as one user namespace numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelId {
    /// The namespace; none for the one above the caller's, which the kernel does not show.
    pub ns: Option<NsId>,
    /// The id there; none if it is not mapped or the map cannot be read.
    pub id: Option<u32>,
    /// The range that it is in, as its own namespace and the caller's count; for the caller's own
    /// id, as that and the one above count.
    pub extent: Option<Extent>,
}

/// An error that keeps a chain from being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdChainError {
    /// Something about the process could not be read.
    #[error(transparent)]
    Proc(#[from] ProcError),
    /// The process's user namespace is not the caller's and not below it.
    #[error("its user namespace is not below this one")]
    NotBelow,
}

impl IdChain {
    /// Returns the chain from this process's user namespace.
    ///
    /// # Errors
    /// [`IdChainError`]; opening the namespace requires `ptrace(2)` access.
    pub fn of(process: &Process, proc: &ProcRoot) -> Result<Self, IdChainError> {
        let link = NsLink::Own(NsKind::User);
        let pid = process.pid_in(proc)?;
        let own = proc.own_ns(link)?;
        let mut open = vec![
            proc.open_ns(pid, link)
                .map_err(|error| process.unseen(proc, pid, error))?,
        ];
        while open[open.len() - 1].id() != own {
            match open[open.len() - 1].parent() {
                Ok(Related::Is(parent)) => open.push(parent),
                Ok(Related::Hidden) => return Err(IdChainError::NotBelow),
                Err(errno) => return Err(ProcError::from(errno).into()),
            }
        }
        let mut levels: Vec<_> = open
            .iter()
            .map(|ns| Level {
                ns: ns.id(),
                maps: None,
            })
            .collect();
        let last = levels.len() - 1;
        if last > 0 {
            levels[0].maps = Some(maps(proc, pid)?);
        }
        fill(&mut levels[..last], proc);
        if process.reaped() {
            return Err(ProcError::Vanished.into());
        }
        Ok(Self {
            levels,
            above: [
                IdMap::read_own(IdKind::User, proc)?,
                IdMap::read_own(IdKind::Group, proc)?,
            ],
        })
    }

    /// Returns how many levels the process's user namespace is below the caller's: 0 for the
    /// caller's own.
    pub fn depth(&self) -> usize {
        self.levels.len() - 1
    }

    /// Returns the namespaces, the caller's first, with their maps to the caller's ids; the
    /// caller's own has none.
    pub fn namespaces(&self) -> impl Iterator<Item = (NsId, Option<&[IdMap; 2]>)> {
        self.levels
            .iter()
            .rev()
            .map(|level| (level.ns, level.maps.as_ref()))
    }

    /// Translates an id of the process's user namespace to the caller's, if the id is mapped.
    pub fn to_own(&self, ids: IdKind, id: u32) -> Option<u32> {
        match self.levels.first()? {
            Level {
                maps: Some(maps), ..
            } => maps[index(ids)].to_outside(id),
            // The caller's own: an unmapped id has no translation.
            _ => self.above[index(ids)].to_outside(id).map(|_| id),
        }
    }

    /// Translates an id of the caller's user namespace to the process's, if the id is mapped.
    pub fn to_process(&self, ids: IdKind, id: u32) -> Option<u32> {
        match self.levels.first()? {
            Level {
                maps: Some(maps), ..
            } => maps[index(ids)].to_inside(id),
            _ => self.above[index(ids)].to_outside(id).map(|_| id),
        }
    }

    /// Translates the id `own` of the caller's to each level: to the namespace above the caller's,
    /// to the caller's, and so on down to the process's.
    pub fn ids(&self, ids: IdKind, own: u32) -> Vec<LevelId> {
        let above = &self.above[index(ids)];
        let outside = above.to_outside(own);
        let mut ids_of_levels = vec![LevelId {
            ns: None,
            id: outside,
            extent: None,
        }];
        for (ns, maps) in self.namespaces() {
            ids_of_levels.push(match maps {
                None if ns == self.levels[self.levels.len() - 1].ns => LevelId {
                    ns: Some(ns),
                    id: outside.map(|_| own),
                    extent: above.extent_of(own),
                },
                None => LevelId {
                    ns: Some(ns),
                    id: None,
                    extent: None,
                },
                Some(maps) => {
                    let id = maps[index(ids)].to_inside(own);
                    LevelId {
                        ns: Some(ns),
                        id,
                        extent: id.and_then(|id| maps[index(ids)].extent_of(id)),
                    }
                }
            });
        }
        ids_of_levels
    }
}

fn index(ids: IdKind) -> usize {
    usize::from(ids == IdKind::Group)
}

/// Finds a process in each namespace whose maps are not known yet, and reads them there.
fn fill(levels: &mut [Level], proc: &ProcRoot) {
    if levels.iter().all(|level| level.maps.is_some()) {
        return;
    }
    let link = NsLink::Own(NsKind::User);
    for pid in proc.pids().unwrap_or_default() {
        let Ok(ns) = proc.ns(pid, link) else { continue };
        let Some(level) = levels
            .iter_mut()
            .find(|level| level.ns == ns && level.maps.is_none())
        else {
            continue;
        };
        let found = maps(proc, pid).ok();
        // The process may have ended, and its id belong to another.
        level.maps = found.filter(|_| proc.ns(pid, link) == Ok(ns));
    }
}

fn maps(proc: &ProcRoot, pid: Pid) -> Result<[IdMap; 2], ProcError> {
    let map = |ids| IdMap::read(pid, ids, proc);
    Ok([map(IdKind::User)?, map(IdKind::Group)?])
}

/// Returns a process in the namespace that has this id, whichever is found first.
///
/// # Errors
/// `Vanished` if the caller may read no process that is in it.
pub fn process_in(ns: NsId, proc: &ProcRoot) -> Result<Process, ProcError> {
    let link = NsLink::Own(ns.kind);
    for pid in proc.pids()? {
        if proc.ns(pid, link) != Ok(ns) {
            continue;
        }
        // As the caller counts, which need not be as `proc` does.
        let Ok(chain) = proc.task_ids(pid).map(|ids| ids.chain) else {
            continue;
        };
        let level = proc.own_status()?.chain.depth();
        let process = chain
            .ids()
            .get(level)
            .and_then(|&pid| Process::pin(pid).ok());
        if let Some(process) = process.filter(|process| process.pid_in(proc) == Ok(pid))
            && proc
                .open_ns(pid, link)
                .is_ok_and(|open: Namespace| open.id() == ns)
        {
            return Ok(process);
        }
    }
    Err(ProcError::Vanished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_ids_stay() {
        let proc = ProcRoot::system().unwrap();
        let caller = Process::pin(rustix::process::getpid()).unwrap();
        let chain = IdChain::of(&caller, &proc).unwrap();
        assert_eq!(chain.depth(), 0);
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(
            (
                chain.to_own(IdKind::User, uid),
                chain.to_process(IdKind::User, uid)
            ),
            (Some(uid), Some(uid))
        );
        assert_eq!(chain.to_own(IdKind::User, u32::MAX), None);
        let ids_of_levels = chain.ids(IdKind::User, uid);
        let own = proc.own_ns(NsLink::Own(NsKind::User)).unwrap();
        assert_eq!(
            (
                ids_of_levels.len(),
                ids_of_levels[1].ns,
                ids_of_levels[1].id
            ),
            (2, Some(own), Some(uid))
        );
        assert_eq!(
            process_in(own, &proc)
                .unwrap()
                .pid_in(&proc)
                .and_then(|pid| proc.ns(pid, NsLink::Own(NsKind::User))),
            Ok(own)
        );
    }
}
