//! Options that limit what a hostile target can reach of the caller's.

use super::findings::Findings;
use clap::Args;
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{Caller, enter::Guard},
};

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct GuardOptions {
    /// Let the program have N more of the caller's descriptors after 0, 1 and 2; with kinds named
    /// it has all
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(..=1_048_576))]
    preserve_fds: Option<u32>,
}

impl GuardOptions {
    /// `alike`: the program is to be as one of the target's own, so it has nothing of the caller's
    /// that nobody named.
    pub(super) fn settle(self, alike: bool) -> Guard {
        let preserved = self.preserve_fds.or(alike.then_some(0));
        Guard {
            seal: true,
            descriptors: preserved.map(|count| count + 3),
        }
    }
}

/// Notes that the program keeps privileges that its target lacks, for whoever reads the plan.
/// `joined` are the kinds of namespace that the program is in with the target.
pub(super) fn tell_of_privileges(joined: NsSet, caller: &Caller, findings: &mut Findings) {
    if joined.contains(NsKind::Pid)
        && !joined.contains(NsKind::User)
        && !caller.capabilities.is_empty()
    {
        let can =
            "keeps your privileges, and a target that may trace (CAP_SYS_PTRACE) can take it over";
        findings.checked("the program", can);
    }
}
