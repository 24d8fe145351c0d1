//! Steps about users and groups: the owner of the new user namespace, its maps, and the ids of the
//! program.

use super::Request;
use crate::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::NsKind,
    plan::{Actor, Caller, GroupsDenied, Helper, Plan, PlanError, Step, restrict},
};
use rustix::thread::CapabilitySet;

/// The creator, and therefore the owner, of the user namespace.
pub(super) struct Owner<'a> {
    uid: u32,
    gid: u32,
    caller: &'a Caller,
    /// The process that writes what nsx would otherwise write itself: the kernel takes nsx's files
    /// in /proc away from nsx if nsx was root and became another user, or joined a user namespace.
    pub(super) writer: Actor,
}

/// Becomes the requested owner, unless that changes nothing.
pub(super) fn push_owner<'a>(plan: &mut Plan, request: &Request, caller: &'a Caller) -> Owner<'a> {
    let own = (caller.uid, caller.gid);
    let privileged = caller.can(CapabilitySet::SETUID | CapabilitySet::SETGID);
    let (uid, gid) = request.owner.unwrap_or(own);
    let mut writer = match request.joins_kind(NsKind::User) {
        true => Actor::Outside,
        false => Actor::Nsx,
    };
    if request.owner.is_some() && (privileged || (uid, gid) != own) {
        plan.push(Actor::Nsx, Step::SetGroups(Vec::new()));
        plan.push(Actor::Nsx, Step::SetGroup(gid));
        plan.push(Actor::Nsx, Step::SetUser(uid));
        writer = Actor::Outside;
    }
    Owner {
        uid,
        gid,
        caller,
        writer,
    }
}

/// Drops the supplementary groups while that is not denied yet, if the caller may drop them and the
/// program is to have none.
pub(super) fn push_early_leave(plan: &mut Plan, request: &Request, caller: &Caller) {
    let to_have_none = request.gid.is_some() && request.supplementary_groups.is_empty();
    let by_choice = request.groups_denied != GroupsDenied::FailAlways && request.owner.is_none();
    let denied = request.denies_setgroups(caller.gid) || request.joins_kind(NsKind::User);
    if to_have_none && by_choice && denied && caller.can(CapabilitySet::SETGID) {
        plan.push(
            Actor::Nsx,
            Step::LeaveGroups {
                denied: GroupsDenied::Keep,
                group: None,
            },
        );
    }
}

/// Returns the steps that change the program's ids.
pub(super) fn ids(plan: &Plan, request: &Request) -> restrict::Ids {
    let groups = request.gid.and_then(|gid| {
        // If the kernel was just told to deny it, it denies it, and in a user namespace that is
        // joined it may: that is accepted unless there are groups to be set.
        let denied = plan
            .0
            .iter()
            .any(|planned| matches!(planned.step(), Step::WriteSetgroups(Setgroups::Deny)));
        let joined = request.joins_kind(NsKind::User);
        let groups = Step::groups(&request.supplementary_groups);
        match (
            request.supplementary_groups.is_empty(),
            request.groups_denied,
        ) {
            (true, GroupsDenied::Keep) if denied => None,
            (true, GroupsDenied::Keep) => Some((groups, joined)),
            (true, denied) => Some((
                Step::LeaveGroups {
                    denied,
                    group: Some(gid),
                },
                false,
            )),
            (false, _) => Some((groups, false)),
        }
    });
    let required = |step| (step, false);
    restrict::Ids {
        groups,
        group: request.gid.map(Step::SetGroup).map(required),
        user: request.uid.map(Step::SetUser).map(required),
    }
}

pub(super) fn push_id_maps(
    plan: &mut Plan,
    request: &Request,
    owner: &Owner<'_>,
) -> Result<(), PlanError> {
    // The creator of a user namespace may map its own ids there. Ranges are written by a process
    // outside, which has the privilege or runs a program that has it.
    let Owner { caller, writer, .. } = *owner;
    let own_user = request
        .users
        .as_ref()
        .is_none_or(|map| map.is_single(owner.uid));
    let own_group = request
        .groups
        .as_ref()
        .is_none_or(|map| map.is_single(owner.gid));
    let by_nsx = writer == Actor::Nsx;
    let keep_setgroups = request.setgroups == Some(Setgroups::Allow) && request.groups.is_some();
    if keep_setgroups && own_group && !caller.can(CapabilitySet::SETGID) {
        return Err(PlanError::SetgroupsAllowed);
    }
    let denied = request.denies_setgroups(owner.gid);

    if let Some(map) = &request.users {
        plan.push_id_map(
            IdKind::User,
            map,
            own_user && by_nsx,
            caller.can(CapabilitySet::SETUID),
        );
    }
    if denied || (request.setgroups.is_some() && request.groups.is_none()) {
        let rule = if denied {
            Setgroups::Deny
        } else {
            Setgroups::Allow
        };
        plan.push(writer, Step::WriteSetgroups(rule));
    }
    if let Some(map) = &request.groups {
        plan.push_id_map(
            IdKind::Group,
            map,
            own_group && !keep_setgroups && by_nsx,
            caller.can(CapabilitySet::SETGID),
        );
    }
    Ok(())
}

impl Plan {
    fn push_id_map(&mut self, ids: IdKind, map: &IdMap, by_nsx: bool, privileged: bool) {
        let map = map.clone();
        match (by_nsx, privileged) {
            (true, _) => self.push(Actor::Nsx, Step::WriteIdMap { ids, map }),
            (false, true) => self.push(Actor::Outside, Step::WriteIdMap { ids, map }),
            (false, false) => self.push(
                Actor::Outside,
                Step::RunIdMapHelper {
                    ids,
                    map,
                    helper: Helper::find(ids),
                },
            ),
        }
    }
}
