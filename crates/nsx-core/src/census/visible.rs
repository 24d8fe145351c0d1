//! The processes that one PID namespace sees: those in it and those in namespaces below it.

use super::Unseen;
use crate::{
    pid::{IdsOf, Lineages, Numbering, Pid},
    proc::{ProcError, ProcRoot, Status, TaskIds},
};
use rustix::io::Errno;

/// The processes and threads that a PID namespace sees, as they were while they were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    /// In order of their ids in the procfs.
    pub tasks: Vec<Task>,
    /// Processes that could not be looked at and may belong here.
    pub unseen: Unseen,
}

/// A process, or a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The process, as the procfs counts.
    pub process: Pid,
    /// Its ids.
    pub ids: TaskIds,
    /// The index in its ids of the id that the namespace gives it.
    pub level: usize,
    /// Its name, its user, its parent.
    pub status: Status,
}

impl Task {
    /// Returns the id that the namespace gives the task.
    pub fn inside(&self) -> Pid {
        self.ids.chain.ids()[self.level]
    }

    /// Returns the id by which the procfs shows the task.
    pub fn outside(&self) -> Pid {
        self.ids.chain.outermost()
    }
}

impl Visible {
    /// Looks at the processes that `proc` shows, or at all their threads.
    ///
    /// # Errors
    /// The errno with which listing the processes failed; `EACCES` if `proc` cannot tell who is
    /// in the namespace, because it is neither that one's procfs nor one of a namespace above it.
    /// A failure for one process is counted.
    pub fn find(proc: &ProcRoot, of: &Numbering, tasks: IdsOf) -> Result<Self, Errno> {
        let level = of.level().ok_or(Errno::ACCESS)?;
        let mut visible = Self {
            tasks: Vec::new(),
            unseen: Unseen::default(),
        };
        let mut lineages = Lineages::default();
        for process in proc.pids()? {
            let whole = (|| {
                let chain = proc.task_ids(process)?.chain;
                if chain.depth() < level {
                    return Ok(None);
                }
                match lineages.levels(proc, process, &chain)[level].ns {
                    None => return Err(ProcError::Denied),
                    Some(ns) if ns != of.id() => return Ok(None),
                    Some(_) => {}
                }
                // Of the same text, since another process may have the id by now.
                let (status, ids) = proc.read_with(process, "status", |text| {
                    Ok::<_, ProcError>((Status::parse(text)?, TaskIds::parse(text)?))
                })??;
                if ids.chain == chain {
                    Ok(Some((ids, status)))
                } else {
                    Err(ProcError::Vanished)
                }
            })();
            match whole {
                Ok(Some((ids, status))) => visible.add(proc, process, level, (ids, status), tasks),
                Ok(None) => {}
                Err(error) => visible.unseen.count(error),
            }
        }
        Ok(visible)
    }

    fn add(
        &mut self,
        proc: &ProcRoot,
        process: Pid,
        level: usize,
        (ids, status): (TaskIds, Status),
        tasks: IdsOf,
    ) {
        let threads = if tasks == IdsOf::Threads && ids.threads > 1 {
            proc.threads(process).unwrap_or_default()
        } else {
            Vec::new()
        };
        let more = threads
            .into_iter()
            .filter(|thread| *thread != process)
            .filter_map(|thread| {
                let ids = proc.thread_ids(process, thread).ok()?;
                Some(Task {
                    process,
                    ids,
                    level,
                    status: status.clone(),
                })
            });
        let more: Vec<_> = more.collect();
        self.tasks.push(Task {
            process,
            ids,
            level,
            status,
        });
        self.tasks.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_namespace_sees_the_caller_and_its_threads() {
        let proc = ProcRoot::system().unwrap();
        let own = Numbering::own(&proc).unwrap();
        let caller = rustix::process::getpid();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let thread = rustix::thread::gettid();
                let inside = |tasks| {
                    let visible = Visible::find(&proc, &own, tasks).unwrap();
                    visible.tasks.iter().map(Task::inside).collect::<Vec<_>>()
                };
                assert!(
                    inside(IdsOf::Processes).contains(&caller)
                        && !inside(IdsOf::Processes).contains(&thread)
                );
                assert!(
                    inside(IdsOf::Threads).contains(&caller)
                        && inside(IdsOf::Threads).contains(&thread)
                );
            });
        });
    }
}
