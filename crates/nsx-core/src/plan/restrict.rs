//! The steps that give the program its ids and confine it, in their order, for unshare and enter.
//!
//! A limit may need a right on the host, so limits are set before anything is joined. Before a user
//! namespace is created only hard limits are raised: limits that nsx itself had would end it too.
//! The bounding set can be cut only with CAP_SETPCAP, so before the user changes. A filter needs
//! CAP_SYS_ADMIN if the program may gain privileges, so it is put on before the capabilities go,
//! and must let the calls through that set them; else it is the last. A joiner closes its
//! descriptors before a filter might forbid it, and checks that the filter allows what is left to
//! do. Without a joiner a change of the user can cut the tie to nsx, so the tie is set after it,
//! and before a filter that might forbid it.

use crate::{
    pid::Process,
    plan::{Actor, Confinement, Plan, PlannedStep, Step},
};

/// The steps that give the program its ids.
pub(super) struct Ids {
    /// The step, and whether it is optional.
    pub(super) groups: Option<(Step, bool)>,
    /// The step, and whether it is optional.
    pub(super) group: Option<(Step, bool)>,
    /// The step, and whether it is optional.
    pub(super) user: Option<(Step, bool)>,
}

/// Pushes the steps that set limits. `optional`: the rest goes on if the kernel refuses them.
pub(super) fn push_limits(
    plan: &mut Plan,
    actor: Actor,
    confinement: &mut Confinement,
    optional: bool,
) {
    let limits = std::mem::take(&mut confinement.limits);
    let limits = (!limits.is_empty()).then_some(Step::SetLimits(limits));
    let score = confinement.oom_score.take().map(Step::SetOomScore);
    plan.0.extend(
        [limits, score]
            .into_iter()
            .flatten()
            .map(|step| PlannedStep::new(actor, step, optional)),
    );
}

/// Pushes the steps about limits that require a right outside of a new user namespace.
pub(super) fn push_raised_limits(plan: &mut Plan, actor: Actor, confinement: &mut Confinement) {
    if !confinement.limits.is_empty() {
        plan.push_optional(actor, Step::RaiseLimits(confinement.limits.clone()));
    }
    if let Some(score) = confinement.oom_score.take() {
        plan.push(actor, Step::SetOomScore(score));
    }
}

/// Pushes what is learned of the target in the caller's namespaces.
pub(super) fn push_filters(
    plan: &mut Plan,
    actor: Actor,
    confinement: &Confinement,
    target: Option<&Process>,
) {
    if confinement.seccomp
        && let Some(Ok(target)) = target.map(Process::try_clone)
    {
        plan.push_optional(actor, Step::ReadFilters(target));
    }
}

/// Pushes the steps that give the program its ids and its confinement. `middle` come after the
/// change of the user and before a filter could forbid them, `last` when the program has no more
/// privilege than it will.
pub(super) fn push_after(
    plan: &mut Plan,
    actor: Actor,
    confinement: Confinement,
    ids: Ids,
    middle: [Option<Step>; 2],
    last: Option<Step>,
) {
    let Confinement {
        bounding,
        capabilities,
        no_new_privs,
        seccomp,
        filter,
        label,
        umask,
        ..
    } = confinement;
    let Ids {
        groups,
        group,
        user,
    } = ids;
    let filter = match filter {
        Some(filter) => Some((Step::InstallFilter(filter), false)),
        None => seccomp.then_some((Step::InstallFilters, true)),
    };
    let (early, late) = if no_new_privs {
        (None, filter)
    } else {
        (filter, None)
    };
    let required = |step: Option<Step>| step.map(|step| (step, false));
    let [first, second] = middle;
    let steps = [
        required(umask.map(Step::SetUmask)),
        required(label.map(Step::SetExecLabel)),
        groups,
        required(bounding.map(Step::LimitCapabilities)),
        required((capabilities.is_some() && user.is_some()).then_some(Step::KeepCapabilities)),
        group,
        user,
        required(first),
        required(second),
        early,
        required(capabilities.map(Step::SetCapabilities)),
        required(no_new_privs.then_some(Step::NoNewPrivs)),
        required(last),
        late,
    ];
    for (step, optional) in steps.into_iter().flatten() {
        plan.0.push(PlannedStep::new(actor, step, optional));
    }
}
