//! The steps by which the program becomes who it is to be, held as it is to be, and their order.
//!
//! A limit may need a right on the host, so limits are set before anything is joined. The bounding set can be cut only with
//! CAP_SETPCAP, so before the user changes. A filter needs CAP_SYS_ADMIN if the program may gain privileges, so it is put
//! on before the capabilities go, and must let the calls through that set them; else it is the last. A joiner closes its
//! descriptors before a filter might forbid it, and checks that the filter allows what is left to do. Without a joiner a
//! change of the user can cut the tie to nsx, so the tie is set after it, and before a filter that might forbid it.

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

/// Pushes what is done in the caller's namespaces, or with `limits_inside` in those that were joined.
pub(super) fn push_limits(plan: &mut Plan, actor: Actor, confinement: &mut Confinement) {
    let limits = std::mem::take(&mut confinement.limits);
    if !limits.is_empty() {
        plan.push_optional(actor, Step::SetLimits(limits));
    }
    if let Some(score) = confinement.oom_score {
        plan.push_optional(actor, Step::SetOomScore(score));
    }
}

/// Pushes what is learned of the target in the caller's namespaces.
pub(super) fn push_filters(plan: &mut Plan, actor: Actor, confinement: &Confinement, target: Option<&Process>) {
    if confinement.seccomp
        && let Some(Ok(target)) = target.map(Process::try_clone)
    {
        plan.push_optional(actor, Step::ReadFilters(target));
    }
}

/// Pushes the steps that give the program its ids and its confinement. `middle` come after the change of the user and
/// before a filter could forbid them.
pub(super) fn push_after(plan: &mut Plan, actor: Actor, confinement: Confinement, ids: Ids, middle: [Option<Step>; 2]) {
    let Confinement { bounding, capabilities, no_new_privs, seccomp, label, umask, .. } = confinement;
    let Ids { groups, group, user } = ids;
    let filter = seccomp.then_some(Step::InstallFilters);
    let (early, late) = if no_new_privs { (None, filter) } else { (filter, None) };
    let required = |step: Option<Step>| step.map(|step| (step, false));
    let optional = |step: Option<Step>| step.map(|step| (step, true));
    let [first, second] = middle;
    let steps = [
        required(umask.map(Step::SetUmask)),
        required(label.map(Step::SetExecLabel)),
        required(groups),
        required(bounding.map(Step::LimitCapabilities)),
        required((capabilities.is_some() && user.is_some()).then_some(Step::KeepCapabilities)),
        group,
        user,
        required(first),
        required(second),
        optional(early),
        required(capabilities.map(Step::SetCapabilities)),
        required(no_new_privs.then_some(Step::NoNewPrivs)),
        optional(late),
    ];
    for (step, optional) in steps.into_iter().flatten() {
        plan.0.push(Task { actor, step, optional });
    }
}
