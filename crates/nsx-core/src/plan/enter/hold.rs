//! The steps by which the program becomes who it is to be, held as it is to be, and their order.
//!
//! A limit may need a right on the host, so limits are set before anything is joined. The bounding set can be cut only with
//! CAP_SETPCAP, so before the user changes. A filter needs CAP_SYS_ADMIN where the program may gain privileges, so it is put
//! on before the capabilities go, and must let two more calls through; else it is the last. A change of capabilities can cut
//! the tie to nsx, so that is knotted after them, and before a filter that might forbid it.

use crate::{
    pid::Process,
    plan::{Actor, Confinement, Plan, Step},
};

/// Who the program is.
pub(super) struct Ids {
    pub(super) groups: Option<Step>,
    pub(super) group: Option<Step>,
    pub(super) user: Option<Step>,
}

/// What is done in the caller's namespaces, by a process that becomes the program.
pub(super) fn push_limits(plan: &mut Plan, actor: Actor, confinement: &mut Confinement) {
    let limits = std::mem::take(&mut confinement.limits);
    if !limits.is_empty() {
        plan.push_optional(actor, Step::SetLimits(limits));
    }
    if let Some(score) = confinement.oom_score {
        plan.push_optional(actor, Step::SetOomScore(score));
    }
}

/// What is learned of the target in the caller's namespaces, by the process that becomes the program or one before it.
pub(super) fn push_filters(plan: &mut Plan, actor: Actor, confinement: &Confinement, target: Option<&Process>) {
    if confinement.seccomp
        && let Some(Ok(target)) = target.map(Process::try_clone)
    {
        plan.push_optional(actor, Step::ReadFilters(target));
    }
}

/// What the program's process does last. `ties`: the program is killed if nsx is.
pub(super) fn push_after(plan: &mut Plan, confinement: Confinement, ids: Ids, ties: bool) {
    let Confinement { bounding, capabilities, no_new_privs, seccomp, label, umask, .. } = confinement;
    let Ids { groups, group, user } = ids;
    let tie = ties.then_some(Step::DieWithParent(libc::SIGKILL));
    let filter = seccomp.then_some(Step::InstallFilters);
    let (early, late) = if no_new_privs { (None, filter) } else { (filter, None) };
    let steps = [
        umask.map(Step::SetUmask),
        label.map(Step::SetExecLabel),
        groups,
        bounding.map(Step::LimitCapabilities),
        (capabilities.is_some() && user.is_some()).then_some(Step::KeepCapabilities),
        group,
        user,
        tie,
        early,
        capabilities.map(Step::SetCapabilities),
        no_new_privs.then_some(Step::NoNewPrivs),
        late,
    ];
    for step in steps.into_iter().flatten() {
        match step {
            Step::InstallFilters => plan.push_optional(Actor::Inside, step),
            step => plan.push(Actor::Inside, step),
        }
    }
}
