//! What keeps a hostile target away from nsx and from what its caller has open.
//!
//! Between the joining and the exec a process of nsx's is within the target's sight. It must not be traced there, nor its
//! descriptors be taken, which lead to the host; and the file that it runs from, which is the host's nsx, must not be
//! written to: not dumpable is not enough for that, because a program that is a script of `#!/proc/self/exe` is run by nsx
//! again, as a process of the target's.

use crate::{
    ns::{NsKind, NsSet},
    plan::{Actor, Plan, Step},
};

/// What is asked for beyond not being traced, which is always so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// nsx runs from a file that nobody can write to, where the target could write to its own: where it sees it and its root
    /// is the caller's.
    pub seal: bool,
    /// How many descriptors the program gets, counted from 0; all that the caller's are where there is no number.
    pub descriptors: Option<u32>,
}

impl Guard {
    /// Steps that nsx takes before all others.
    pub(super) fn push(self, plan: &mut Plan, joined: NsSet) {
        if self.seal && joined.contains(NsKind::Mnt) && !joined.contains(NsKind::User) {
            plan.push(Actor::Nsx, Step::Seal);
        }
        if let Some(descriptors) = self.descriptors {
            plan.push(Actor::Nsx, Step::KeepDescriptors(descriptors));
        }
    }
}
