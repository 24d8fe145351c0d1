//! The namespaces that are joined: the target's, those of its children, those of files, and the
//! user namespace that gives the right to join them.

use super::Findings;
use nsx_core::{
    ns::{Namespace, NsId, NsKind, NsSet, Related},
    plan::{
        Caller, NamespaceFile, PlanError,
        enter::{ForChildren, TargetProcess},
    },
    proc::{NsLink, ProcRoot},
};

/// Namespaces to join.
#[derive(Debug)]
pub(super) struct Joined {
    /// Kinds of the target's own.
    pub(super) kinds: NsSet,
    /// Those that are open.
    pub(super) files: Vec<NamespaceFile>,
}

impl Joined {
    /// Settles which namespaces of the `wanted` kinds are joined: `files`, those of the target in
    /// which the caller is not, and the user namespace that gives the right to join them.
    ///
    /// # Errors
    /// [`PlanError`] if the target cannot be read.
    pub(super) fn settle(
        target: &TargetProcess<'_>,
        wanted: NsSet,
        files: Vec<NamespaceFile>,
        caller: &Caller,
        findings: &mut Findings,
    ) -> Result<Self, PlanError> {
        let mut joined = Self::select(target, wanted, files, findings)?;
        joined.join_owner(target, caller, findings)?;
        Ok(joined)
    }

    /// Like [`Self::settle`], without a user namespace that is not wanted.
    ///
    /// # Errors
    /// As for [`Self::settle`].
    pub(super) fn select(
        target: &TargetProcess<'_>,
        mut wanted: NsSet,
        files: Vec<NamespaceFile>,
        findings: &mut Findings,
    ) -> Result<Self, PlanError> {
        let mut joined = Self {
            kinds: NsSet::EMPTY,
            files,
        };
        // An engine enters the namespaces of a container's first process, not of its children.
        for kind in [NsKind::Pid, NsKind::Time] {
            if !target.is_whole && wanted.contains(kind) && !joined.has_file(kind) {
                joined.join_childrens(target, kind, &mut wanted, findings)?;
            }
        }
        joined.kinds = target.differing(wanted)?;
        let shared = wanted.difference(joined.kinds);
        let of_both = if shared.is_empty() {
            String::new()
        } else {
            format!("; shared with you: {shared}")
        };
        let its_own = if joined.kinds.is_empty() {
            "none of its own".to_owned()
        } else {
            format!("its own {}", joined.kinds)
        };
        findings.checked("its namespaces", its_own + &of_both);
        Ok(joined)
    }

    fn has_file(&self, kind: NsKind) -> bool {
        self.files.iter().any(|file| file.kind() == kind)
    }

    /// Joins the namespace of a kind that the target's children are in, if it is not the target's
    /// own.
    fn join_childrens(
        &mut self,
        target: &TargetProcess<'_>,
        kind: NsKind,
        wanted: &mut NsSet,
        findings: &mut Findings,
    ) -> Result<(), PlanError> {
        match (target.for_children(kind)?, ForChildren::link(kind)) {
            (ForChildren::Other(ns), Some(link)) => {
                let id = ns.id();
                *wanted = wanted.without(kind);
                if target.proc.own_ns(NsLink::Own(kind)) != Ok(id) {
                    findings.skipped(
                        "its children",
                        format!("are in {id}, which is joined instead of its own"),
                    );
                    let path = format!("/proc/{}/ns/{}", target.process.pid(), link.name()).into();
                    self.files.push(NamespaceFile::new(path, ns));
                }
            }
            (ForChildren::WithoutInit, _) => {
                findings.skipped(
                    "the PID namespace for its children",
                    "is not joined: no PID 1 runs in there",
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Joins the user namespace that gives the right to join the others, if the caller needs one.
    fn join_owner(
        &mut self,
        target: &TargetProcess<'_>,
        caller: &Caller,
        findings: &mut Findings,
    ) -> Result<(), PlanError> {
        if caller.is_privileged()
            || self.kinds.contains(NsKind::User)
            || self.has_file(NsKind::User)
        {
            return Ok(());
        }
        let own = self.kinds.iter().filter(|kind| !self.has_file(*kind));
        let own = own.map(|kind| target.proc.open_ns(target.process.pid(), NsLink::Own(kind)));
        let own: Vec<Namespace> = own
            .collect::<Result<_, _>>()
            .map_err(target.failure("namespaces"))?;
        let all = own.iter().chain(self.files.iter().map(|file| &*file.ns));
        if let Some(user) = owner(all, caller, target.proc) {
            note_owner(user.id(), findings);
            if target.ns(NsKind::User)? == user.id() {
                self.kinds.insert(NsKind::User);
            } else {
                self.files.push(file_of(user));
            }
        }
        Ok(())
    }
}

/// Adds the user namespace that gives the right to join those of `files`, if the caller needs one.
pub fn add_owner(
    files: &mut Vec<NamespaceFile>,
    caller: &Caller,
    proc: &ProcRoot,
    findings: &mut Findings,
) {
    if !files.iter().any(|file| file.kind() == NsKind::User)
        && let Some(user) = owner(files.iter().map(|file| &*file.ns), caller, proc)
    {
        note_owner(user.id(), findings);
        files.push(file_of(user));
    }
}

fn note_owner(user: NsId, findings: &mut Findings) {
    findings.skipped(
        user.to_string(),
        "is yours and owns them: it is joined first, for without it you may not join them",
    );
}

fn file_of(user: Namespace) -> NamespaceFile {
    NamespaceFile::new(user.id().to_string().into(), user)
}

/// Returns the user namespace in which an unprivileged caller gets the right to join all of
/// `namespaces`: the nearest common ancestor of their owners. None if the caller has the right
/// already, or if the caller did not create that user namespace.
fn owner<'a>(
    namespaces: impl Iterator<Item = &'a Namespace>,
    caller: &Caller,
    proc: &ProcRoot,
) -> Option<Namespace> {
    if caller.is_privileged() {
        return None;
    }
    let own = proc.own_ns(NsLink::Own(NsKind::User)).ok()?;
    let mut common: Option<Vec<Namespace>> = None;
    for namespace in namespaces {
        let owners = owners_below(own, namespace)?;
        common = Some(match common {
            None => owners,
            Some(mut common) => {
                common.retain(|one| owners.iter().any(|other| other.id() == one.id()));
                common
            }
        });
    }
    let common = common?;
    // The user who created a user namespace has all rights in it, see user_namespaces(7).
    let is_callers = common.last()?.owner_uid() == Ok(caller.uid);
    common.into_iter().next().filter(|_| is_callers)
}

/// Returns the user namespace that owns a namespace, and its parents below `own`; none if the owner
/// is not below `own`.
fn owners_below(own: NsId, namespace: &Namespace) -> Option<Vec<Namespace>> {
    let mut owners = Vec::new();
    let mut next = namespace.owner();
    while let Ok(Related::Is(user)) = next {
        if user.id() == own {
            return Some(owners).filter(|owners| !owners.is_empty());
        }
        next = user.parent();
        owners.push(user);
    }
    None
}
