//! Steps that join namespaces before the new ones are made.

use super::Request;
use crate::{
    ns::NsKind,
    plan::{Actor, Caller, GroupsDenied, Plan, Step},
};
use rustix::thread::CapabilitySet;

/// Joins the namespaces of the request, in the order in which the kernel allows it.
///
/// A process with CAP_SYS_ADMIN in its user namespace loses that with the namespace, so it joins
/// the user namespace last. Any other process gains CAP_SYS_ADMIN there, and joins it first.
pub(super) fn push_joins(plan: &mut Plan, request: &Request, caller: &Caller) {
    let joins_user = request.joins_kind(NsKind::User);
    // A program without an id of its own is root in there, as one that enters is.
    let is_root = joins_user && request.uid.is_none() && request.gid.is_none();
    if is_root && caller.can(CapabilitySet::SETGID) {
        plan.push(
            Actor::Nsx,
            Step::LeaveGroups {
                denied: GroupsDenied::Keep,
                group: None,
            },
        );
    }
    // The target sees the child from its birth. Id maps and clocks are written to files of nsx, which
    // are root's once nsx is concealed.
    let writes_own = request.kinds.contains(NsKind::User) || !request.clocks.is_empty();
    if request.joins_kind(NsKind::Pid) && !writes_own {
        plan.push(Actor::Nsx, Step::Conceal);
    }
    let mut joins = request.joins.clone();
    joins.sort_by_key(|file| match file.kind() {
        NsKind::User if caller.is_privileged() => 3,
        NsKind::User => 0,
        NsKind::Mnt => 2,
        _ => 1,
    });
    for file in joins {
        plan.push(Actor::Nsx, Step::JoinFile(file));
    }
    if is_root {
        plan.push_optional(Actor::Nsx, Step::SetGroup(0));
        plan.push_optional(Actor::Nsx, Step::SetUser(0));
    }
}

/// Returns the step that closes what nsx has open, if a program of the target's files could reach
/// it: through a link to /proc/self/fd (CVE-2024-21626). Only a child can close it.
pub(super) fn close_before_exec(request: &Request) -> Option<Step> {
    let is_exposed = request.joins_kind(NsKind::Mnt) && request.fork && !request.init;
    (is_exposed && request.keep.is_none()).then_some(Step::CloseDescriptors(None))
}
