//! Steps about users, groups and capabilities: who owns the new user namespace, its maps, and who the program is.

use super::{Capabilities, Request};
use crate::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::NsKind,
    plan::{Actor, Caller, CapabilityState, GroupsDenied, Plan, PlanError, Step},
};
use rustix::thread::CapabilitySet;

/// Who creates the user namespace, and so owns it.
pub(super) struct Owner<'a> {
    uid: u32,
    gid: u32,
    caller: &'a Caller,
    /// Who writes what nsx would write of itself: the kernel takes its files in /proc away from it where it was root and
    /// became someone else.
    pub(super) writer: Actor,
}

/// Becomes the owner that is asked for, unless that changes nothing.
pub(super) fn push_owner<'a>(plan: &mut Plan, request: &Request, caller: &'a Caller) -> Owner<'a> {
    let own = (caller.uid, caller.gid);
    let privileged = caller.can(CapabilitySet::SETUID | CapabilitySet::SETGID);
    let (uid, gid) = request.owner.unwrap_or(own);
    let mut writer = Actor::Nsx;
    if request.owner.is_some() && (privileged || (uid, gid) != own) {
        plan.push(Actor::Nsx, Step::SetGroups(Vec::new()));
        plan.push(Actor::Nsx, Step::SetGroup(gid));
        plan.push(Actor::Nsx, Step::SetUser(uid));
        writer = Actor::Outside;
    }
    Owner { uid, gid, caller, writer }
}

/// Leaves the supplementary groups while that is not denied yet, where the caller may and the program is to have none.
pub(super) fn push_early_leave(plan: &mut Plan, request: &Request, caller: &Caller) {
    let to_have_none = request.gid.is_some() && request.supplementary_groups.is_empty();
    let by_choice = request.groups_denied != GroupsDenied::FailAlways && request.owner.is_none();
    let denied = request.denies_setgroups(caller.gid) || request.joins.iter().any(|file| file.kind() == NsKind::User);
    if to_have_none && by_choice && denied && caller.can(CapabilitySet::SETGID) {
        plan.push(Actor::Nsx, Step::LeaveGroups { denied: GroupsDenied::Keep, group: None });
    }
}

pub(super) fn push_ids_and_capabilities(plan: &mut Plan, request: &Request) {
    if let Capabilities::Limit { to, .. } = request.capabilities {
        plan.push(Actor::Inside, Step::LimitCapabilities(to));
    }
    let outlives = match request.capabilities {
        Capabilities::Inherit => None,
        Capabilities::Keep => Some((CapabilitySet::all(), true)),
        Capabilities::Limit { to, ambient } => Some((to, ambient)),
    };
    if outlives.is_some() && request.uid.is_some() {
        plan.push(Actor::Inside, Step::KeepCapabilities);
    }
    if let Some(gid) = request.gid {
        // Where the kernel was just told to deny it, it denies it, and in a user namespace that is joined it may: so be it,
        // unless there are groups to be set.
        let denied = plan.0.iter().any(|task| matches!(task.step, Step::WriteSetgroups(Setgroups::Deny)));
        let joined = request.joins.iter().any(|file| file.kind() == NsKind::User);
        let groups = Step::groups(&request.supplementary_groups);
        match (request.supplementary_groups.is_empty(), request.groups_denied) {
            (true, GroupsDenied::Keep) if denied => {}
            (true, GroupsDenied::Keep) if joined => plan.push_optional(Actor::Inside, groups),
            (true, denied) if denied != GroupsDenied::Keep => {
                plan.push(Actor::Inside, Step::LeaveGroups { denied, group: Some(gid) });
            }
            _ => plan.push(Actor::Inside, groups),
        }
        plan.push(Actor::Inside, Step::SetGroup(gid));
    }
    if let Some(uid) = request.uid {
        plan.push(Actor::Inside, Step::SetUser(uid));
    }
    if let Some((set, ambient)) = outlives {
        plan.push(Actor::Inside, Step::SetCapabilities(CapabilityState::of(set, ambient)));
    }
    if request.no_new_privs {
        plan.push(Actor::Inside, Step::NoNewPrivs);
    }
}

pub(super) fn push_id_maps(plan: &mut Plan, request: &Request, owner: &Owner<'_>) -> Result<(), PlanError> {
    // Who creates a user namespace may map its own ids there. Ranges are written by someone left outside, who has the
    // privilege or runs a program that has it.
    let Owner { caller, writer, .. } = *owner;
    let own_user = request.users.as_ref().is_none_or(|map| map.is_single(owner.uid));
    let own_group = request.groups.as_ref().is_none_or(|map| map.is_single(owner.gid));
    let by_nsx = writer == Actor::Nsx;
    let keep_setgroups = request.setgroups == Some(Setgroups::Allow) && request.groups.is_some();
    if keep_setgroups && own_group && !caller.can(CapabilitySet::SETGID) {
        return Err(PlanError::SetgroupsAllowed);
    }
    let denied = request.denies_setgroups(owner.gid);

    if let Some(map) = &request.users {
        plan.push_id_map(IdKind::User, map, own_user && by_nsx, caller.can(CapabilitySet::SETUID));
    }
    if denied || (request.setgroups.is_some() && request.groups.is_none()) {
        let rule = if denied { Setgroups::Deny } else { Setgroups::Allow };
        plan.push(writer, Step::WriteSetgroups(rule));
    }
    if let Some(map) = &request.groups {
        plan.push_id_map(IdKind::Group, map, own_group && !keep_setgroups && by_nsx, caller.can(CapabilitySet::SETGID));
    }
    Ok(())
}

impl Plan {
    fn push_id_map(&mut self, ids: IdKind, map: &IdMap, by_nsx: bool, privileged: bool) {
        let map = map.clone();
        match (by_nsx, privileged) {
            (true, _) => self.push(Actor::Nsx, Step::WriteIdMap { ids, map }),
            (false, true) => self.push(Actor::Outside, Step::WriteIdMap { ids, map }),
            (false, false) => self.push(Actor::Outside, Step::RunIdMapHelper { ids, map }),
        }
    }
}
