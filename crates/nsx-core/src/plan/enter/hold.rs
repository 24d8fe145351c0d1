//! The steps by which the program becomes who it is to be, held as it is to be, and their order.
//!
//! A limit may need a right on the host, so limits are set before anything is joined. The bounding set can be cut only with
//! CAP_SETPCAP, so before the user changes. A filter needs CAP_SYS_ADMIN where the program may gain privileges, so it is put
//! on before the capabilities go, and must let two more calls through; else it is the last. A change of capabilities can cut
//! the tie to nsx, so that is knotted after them, and before a filter that might forbid it.

use crate::{
    pid::Process,
    plan::{Actor, Confinement, Plan, Step, Task},
};

/// Who the program is.
pub(super) struct Ids {
    pub(super) groups: Option<Step>,
    /// With whether the rest goes on where it is refused.
    pub(super) group: Option<(Step, bool)>,
    /// Likewise.
    pub(super) user: Option<(Step, bool)>,
}

/// What is done by a process that becomes the program: in the caller's namespaces, or `limits_inside` in those it has joined.
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
    let required = |step: Option<Step>| step.map(|step| (step, false));
    let optional = |step: Option<Step>| step.map(|step| (step, true));
    let steps = [
        required(umask.map(Step::SetUmask)),
        required(label.map(Step::SetExecLabel)),
        required(groups),
        required(bounding.map(Step::LimitCapabilities)),
        required((capabilities.is_some() && user.is_some()).then_some(Step::KeepCapabilities)),
        group,
        user,
        required(tie),
        optional(early),
        required(capabilities.map(Step::SetCapabilities)),
        required(no_new_privs.then_some(Step::NoNewPrivs)),
        optional(late),
    ];
    for (step, optional) in steps.into_iter().flatten() {
        plan.0.push(Task { actor: Actor::Inside, step, optional });
    }
}
