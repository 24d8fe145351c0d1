//! What an error may do, with the reason. In a long run of everything, an entry that does not occur is a finding.

use super::{cases::Case, fault::Fault, tracer::Call};
use std::collections::BTreeSet;

/// Calls that always succeed, by their manual pages, or as the C library makes them for itself.
const NEVER_FAIL: [&str; 15] = [
    "exit",
    "exit_group",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "rseq",
    "rt_sigreturn",
    "sched_yield",
    "set_robust_list",
    "umask",
];

/// Whether no error is tried at a call.
pub(super) fn never_fails(call: &Call) -> bool {
    NEVER_FAIL.contains(&call.name)
}

/// An outcome that is as it should be.
struct Intended {
    /// The names of commands, or all where there is none.
    cases: &'static [&'static str],
    call: &'static str,
    /// A part of its path.
    path: Option<&'static str>,
    /// How what is found begins.
    what: &'static str,
    why: &'static str,
}

const INTENDED: [Intended; 1] = [Intended {
    cases: &[],
    call: "write",
    path: None,
    what: "ends with",
    why: "the message itself could not be written",
}];

/// The entries that occurred.
#[derive(Default)]
pub(super) struct Excuses {
    used: BTreeSet<usize>,
}

impl Excuses {
    /// Whether what was found is intended.
    pub(super) fn has(&mut self, case: &Case, call: &Call, _fault: Fault, what: &str) -> bool {
        let found = INTENDED.iter().position(|entry| {
            (entry.cases.is_empty() || entry.cases.contains(&case.name))
                && entry.call == call.name
                && entry.path.is_none_or(|part| call.path.as_ref().is_some_and(|path| path.contains(part)))
                && what.starts_with(entry.what)
        });
        self.used.extend(found);
        found.is_some()
    }

    /// The reasons of entries that did not occur.
    pub(super) fn unused(&self) -> Vec<&'static str> {
        let unused = INTENDED.iter().enumerate().filter(|(index, _)| !self.used.contains(index));
        unused.map(|(_, entry)| entry.why).collect()
    }
}
