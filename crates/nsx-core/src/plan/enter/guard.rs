//! Steps that keep a hostile target away from nsx and from what its caller has open.
//!
//! nsx and its joiner are never in sight of the target, and the program's process has no more than
//! the program when it comes into sight, see the plan. What is left is the file that nsx runs from,
//! which is the host's: while that process is not yet the program, `/proc/PID/exe` leads to it, and
//! a program that is a script of `#!/proc/self/exe` is run by nsx again, as a process of the
//! target's. The target must not be able to write to that file.
//!
//! A process that is not dumpable is out of reach of processes without CAP_SYS_PTRACE over the
//! caller's user namespace: those of other users, and of root of a user namespace that is joined. A
//! process with that capability reaches it.

use crate::{
    ns::{NsKind, NsSet},
    plan::{Actor, Plan, Step},
};

/// Measures beyond the order of the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// nsx runs from a file that no process can write to, if the target could write to nsx's own file:
    /// it sees that file, and its root is the caller's root.
    pub seal: bool,
    /// The number of descriptors, counted from 0, that the program gets; without a number, it gets
    /// all of the caller's.
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
