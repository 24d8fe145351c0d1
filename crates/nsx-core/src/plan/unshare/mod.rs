//! From a request for new namespaces to a plan.
//!
//! The order, and why: all namespaces at once, so that the new user namespace owns the others; id
//! maps before anything that needs a user; the fork before anything that belongs to the program
//! alone; what is mounted before the old root is let go, since it is bound from there, and since a
//! user namespace may mount a procfs only if it sees another whole; everything that is bound held
//! before the first mount, so that none hides what another shows; ids as late as can be, because
//! the steps before need privilege; and the tie to nsx's life after them, because a change of ids
//! cuts it.

mod ids;
mod joins;
mod mounts;
mod request;
#[cfg(test)]
mod tests;

pub use request::Request;

use super::{Actor, Caller, Plan, PlanError, Step, restrict};
use crate::ns::NsKind;
use ids::{ids, push_early_leave, push_id_maps, push_owner};
use joins::{close_before_exec, push_joins};
use mounts::{push_held_overlays, push_mounts_and_names};

/// Returns the plan of a request.
///
/// # Errors
/// [`PlanError`] if it can be known before the first step that the kernel would refuse one.
pub fn plan(mut request: Request, caller: &Caller) -> Result<Plan, PlanError> {
    if let Some(kind) = request
        .kinds
        .iter()
        .find(|&kind| !caller.kinds.contains(kind))
    {
        return Err(PlanError::NoSuchKind(kind));
    }
    let mut plan = Plan::default();
    push_early_leave(&mut plan, &request, caller);
    push_joins(&mut plan, &request, caller);
    let owner = push_owner(&mut plan, &request, caller);
    if request.kinds.contains(NsKind::User) {
        restrict::push_raised_limits(&mut plan, Actor::Nsx, &mut request.confinement);
    }
    if !request.kinds.is_empty() {
        plan.push(Actor::Nsx, Step::Unshare(request.kinds));
    }
    push_id_maps(&mut plan, &request, &owner)?;
    for offset in &request.clocks {
        plan.push(owner.writer, Step::SetClock(*offset));
    }
    // A new PID namespace is nobody's until the fork. Until then, a mount namespace that cannot be
    // pinned can be replaced. A mount namespace goes first: its directory may have to be made
    // private, which would cover other pins there.
    let mut ordered: Vec<_> = request.pins.iter().collect();
    ordered.sort_by_key(|pin| !(pin.make && pin.kind == NsKind::Mnt));
    let pins = |plan: &mut Plan, pid: bool| {
        for pin in ordered
            .iter()
            .copied()
            .filter(|pin| (pin.kind == NsKind::Pid) == pid)
        {
            plan.push(Actor::Outside, Step::Pin(pin.clone()));
        }
    };
    pins(&mut plan, false);
    for step in request.network.steps() {
        plan.push(Actor::Outside, step);
    }
    push_held_overlays(&mut plan, &request);
    if request.fork {
        let init = request.kinds.contains(NsKind::Pid);
        plan.push(
            Actor::Nsx,
            Step::Fork {
                init,
                signals: request.signals,
            },
        );
    }
    pins(&mut plan, true);
    if let Some(record) = &request.keep {
        plan.push(Actor::Outside, Step::WriteRecord(record.clone()));
    }
    // Opened in the caller's mounts, and joined before anything of the program is done.
    for cgroup in &request.cgroups {
        plan.push(Actor::Inside, Step::JoinCgroup(cgroup.clone()));
    }
    push_mounts_and_names(&mut plan, &request)?;
    if let Some(user) = request.home_of {
        plan.push(Actor::Inside, Step::FindHome(user));
    }
    restrict::push_limits(&mut plan, Actor::Inside, &mut request.confinement, false);
    let ids = ids(&plan, &request);
    let close = close_before_exec(&request);
    let Request {
        fork,
        init,
        kill_child,
        confinement,
        keep,
        programs,
        environment,
        ..
    } = request;
    let tie = kill_child.filter(|_| fork).map(Step::DieWithParent);
    let stay = (fork && init).then_some(Step::StayAsInit);
    restrict::push_after(
        &mut plan,
        Actor::Inside,
        confinement,
        ids,
        [tie, close],
        stay,
    );
    plan.push(
        Actor::Inside,
        match programs.is_empty() {
            _ if keep.is_some() => Step::Keep,
            true => Step::LoginShell { environment },
            false => Step::Exec {
                programs,
                environment,
            },
        },
    );
    Ok(plan)
}
