//! The namespaces that a target's children are in, if the target is in others itself: it waits for
//! a program in there.

use super::TargetProcess;
use crate::{
    ns::{Namespace, NsId, NsKind},
    pid::{Pid, Process},
    plan::PlanError,
    proc::{NsLink, ProcError},
    sys::nsfs,
};
use rustix::io::Errno;
use std::sync::Arc;

/// The namespace of a kind that a process's children are in.
#[derive(Clone, Debug)]
pub enum ForChildren {
    /// The one that the process is in.
    Same,
    /// Another.
    Other(Arc<Namespace>),
    /// Another PID namespace, in which PID 1 has ended, or was not there yet. It takes no process.
    WithoutInit,
}

impl ForChildren {
    /// Returns the link in `/proc/PID/ns` that tells, for the two kinds that only children enter.
    pub fn link(kind: NsKind) -> Option<NsLink> {
        match kind {
            NsKind::Pid => Some(NsLink::PidForChildren),
            NsKind::Time => Some(NsLink::TimeForChildren),
            _ => None,
        }
    }
}

impl TargetProcess<'_> {
    /// Looks up the namespace of a kind that its children are in: `pid` since 4.12, `time` since
    /// 5.6.
    ///
    /// # Errors
    /// As for [`TargetProcess::root`].
    pub fn for_children(&self, kind: NsKind) -> Result<ForChildren, PlanError> {
        // A kernel without the link says nothing of children.
        let Some(link) = ForChildren::link(kind).filter(|link| self.proc.own_ns(*link).is_ok())
        else {
            return Ok(ForChildren::Same);
        };
        let (own, pid) = (self.ns(kind)?, self.process.pid());
        let failed = self.failure("namespaces");
        match self.proc.ns(pid, link) {
            Ok(there) if there == own => Ok(ForChildren::Same),
            Ok(there) if kind == NsKind::Pid && !self.has_init(there).map_err(&failed)? => {
                Ok(ForChildren::WithoutInit)
            }
            Ok(_) => self
                .proc
                .open_ns(pid, link)
                .map(|ns| ForChildren::Other(Arc::new(ns)))
                .map_err(&failed),
            // So the kernel shows a PID namespace without a process.
            Err(ProcError::Vanished) if kind == NsKind::Pid && !self.process.ended() => {
                Ok(ForChildren::WithoutInit)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns whether PID 1 of its children's PID namespace runs.
    fn has_init(&self, children: NsId) -> Result<bool, ProcError> {
        let runs = |init| Process::pin(init).is_ok();
        let ns = self
            .proc
            .open_ns(self.process.pid(), NsLink::PidForChildren)?;
        match nsfs::pid_from_pidns(&ns, Pid::INIT) {
            Ok(init) => Ok(runs(init)),
            Err(Errno::SRCH) => Ok(false),
            // The kernel does not translate (before 6.11).
            Err(_) => {
                let is_init = |pid: &Pid| {
                    self.proc.ns(*pid, NsLink::Own(NsKind::Pid)) == Ok(children)
                        && self
                            .proc
                            .status(*pid)
                            .is_ok_and(|it| it.chain.innermost() == Pid::INIT)
                };
                Ok(self.proc.pids()?.into_iter().filter(is_init).any(runs))
            }
        }
    }
}
