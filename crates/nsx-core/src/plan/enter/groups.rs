//! Steps that set the supplementary groups of a program that enters namespaces.

use super::{Groups, TargetProcess};
use crate::{
    ns::{NsKind, NsSet},
    plan::{Caller, GroupsDenied, Step},
    proc::ProcRoot,
};
use rustix::thread::CapabilitySet;

/// The steps that set the supplementary groups: in the caller's user namespace, or in the one that
/// is joined.
#[derive(Default)]
pub(super) struct GroupSteps {
    pub(super) before: Option<Step>,
    pub(super) after: Option<Step>,
}

impl GroupSteps {
    /// `group` is the one that the program is to be in.
    pub(super) fn of(
        groups: &Groups,
        group: Option<u32>,
        joined: NsSet,
        target: Option<&TargetProcess<'_>>,
        (caller, proc): (&Caller, Option<&ProcRoot>),
    ) -> Self {
        let leave = |denied| Step::LeaveGroups { denied, group };
        match groups {
            Groups::Keep => Self::default(),
            Groups::MustDrop => Self {
                before: joined
                    .contains(NsKind::User)
                    .then(|| leave(GroupsDenied::Keep)),
                after: Some(leave(GroupsDenied::FailAlways)),
            },
            Groups::TryDrop => Self {
                after: Some(leave(GroupsDenied::Keep)),
                ..Self::default()
            },
            Groups::Are(groups) => Self {
                after: Some(Step::groups(groups)),
                ..Self::default()
            },
            Groups::Drop { .. } if !joined.contains(NsKind::User) => Self {
                after: Some(leave(GroupsDenied::Fail)),
                ..Self::default()
            },
            // Setting groups may be denied inside. If it is denied to the caller, it is denied
            // inside too.
            Groups::Drop { .. }
                if caller.can(CapabilitySet::SETGID) && proc.is_none_or(caller_may_set_groups) =>
            {
                Self {
                    before: Some(leave(GroupsDenied::Fail)),
                    ..Self::default()
                }
            }
            Groups::Drop { required: true } => Self {
                after: Some(leave(GroupsDenied::Fail)),
                ..Self::default()
            },
            Groups::Drop { required: false }
                if target.is_none_or(|it| it.may_set_groups().unwrap_or(true)) =>
            {
                Self {
                    after: Some(leave(GroupsDenied::Keep)),
                    ..Self::default()
                }
            }
            Groups::Drop { required: false } => Self::default(),
        }
    }
}

/// Returns whether programs in the caller's user namespace may set their groups; `true` if that
/// cannot be read.
fn caller_may_set_groups(proc: &ProcRoot) -> bool {
    let text = proc.read_own("setgroups");
    text.map_or(true, |text| !text.starts_with(b"deny"))
}
