//! Limits to what a hostile target can reach of the caller's.

use super::Findings;
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{Caller, enter::Guard},
};

/// Returns the measures for a program that gets `descriptors` of the caller's after 0, 1 and 2. A
/// program that runs as one of the target's own gets none unless a number is given.
pub(super) fn guard(descriptors: Option<u32>, is_targets_own: bool) -> Guard {
    let none = is_targets_own.then_some(0);
    Guard {
        seal: true,
        descriptors: descriptors.or(none).map(|count| count + 3),
    }
}

/// Adds a finding if the program keeps privileges that its target lacks. `joined` are the kinds of
/// namespace that the program shares with the target.
pub(super) fn note_privileges(joined: NsSet, caller: &Caller, findings: &mut Findings) {
    if joined.contains(NsKind::Pid)
        && !joined.contains(NsKind::User)
        && !caller.capabilities.is_empty()
    {
        findings.checked(
            "the program",
            "keeps your privileges, and a target that may trace (CAP_SYS_PTRACE) can take it over",
        );
    }
}
