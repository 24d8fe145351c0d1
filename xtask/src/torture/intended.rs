//! Intended effects of errors, each with its reason. In a long run of everything, an entry that
//! does not occur is a finding.

use super::{cases::Case, fault::Fault, tracer::Call};
use nix::errno::Errno;
use std::collections::BTreeSet;

/// Calls that always succeed, by their manual pages, or that the C library makes for itself.
const NEVER_FAIL: [&str; 17] = [
    "exit",
    "exit_group",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpgrp",
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "rseq",
    "rt_sigreturn",
    "sched_yield",
    "set_robust_list",
    "umask",
    "uname",
];

/// Returns whether a call is left out.
pub(super) fn never_fails(call: &Call) -> bool {
    NEVER_FAIL.contains(&call.name)
}

/// An outcome that is intended.
struct Intended {
    /// The names of commands, or all if there is none.
    cases: &'static [&'static str],
    /// The error, or any.
    error: Option<Errno>,
    /// A call, or any.
    call: Option<&'static str>,
    /// The beginning of the finding.
    what: &'static str,
    why: &'static str,
}

const INTENDED: [Intended; 7] = [
    Intended {
        cases: &[],
        error: None,
        call: Some("write"),
        what: "ends with",
        why: "the message itself could not be written",
    },
    Intended {
        cases: &[],
        error: None,
        call: Some("close"),
        what: "panics",
        why: "a debug build of rustix asserts that close(2) succeeds; others do not look",
    },
    Intended {
        cases: &[],
        error: None,
        call: Some("prlimit64"),
        what: "panics",
        why: "a debug build of rustix asserts that getrlimit(2) succeeds, as it does with every \
        known limit",
    },
    Intended {
        cases: &LISTS,
        error: Some(Errno::EPERM),
        call: None,
        what: "succeeds with other output",
        why: "EPERM is an answer: what the caller may not see is left out, empty, or counted in a \
        note",
    },
    Intended {
        cases: &["pidmap-tree"],
        error: None,
        call: None,
        what: "succeeds with other output: \"1 ",
        why: "names of users are read from the target's files, whose errors a target can make: the \
        number stands there",
    },
    Intended {
        cases: &["pty"],
        error: Some(Errno::EIO),
        call: Some("write"),
        what: "succeeds with other output",
        why: "EIO is what a terminal says that hung up, and its output is for nobody",
    },
    Intended {
        cases: &["pty"],
        error: None,
        call: Some("ioctl"),
        what: "succeeds with other output",
        why: "whatever isatty(3) and the size of a window give, it is not a terminal then",
    },
];

/// The commands that list.
const LISTS: [&str; 15] = [
    "save",
    "ls",
    "ls-json",
    "ls-tree",
    "ls-pids",
    "ls-pid",
    "ls-deep",
    "why",
    "pidmap",
    "pidmap-from",
    "pidmap-tree",
    "idmap",
    "idmap-file",
    "lsns",
    "all-of",
];

/// The entries that occurred.
#[derive(Default)]
pub(super) struct Excuses {
    used: BTreeSet<usize>,
}

impl Excuses {
    /// Returns whether a finding is intended.
    pub(super) fn has(&mut self, case: &Case, call: &Call, fault: Fault, what: &str) -> bool {
        let found = INTENDED.iter().position(|entry| {
            (entry.cases.is_empty() || entry.cases.contains(&case.name))
                && entry.error.is_none_or(|errno| fault == Fault::Error(errno))
                && entry.call.is_none_or(|name| name == call.name)
                && what.starts_with(entry.what)
        });
        self.used.extend(found);
        found.is_some()
    }

    /// Returns the reasons of entries that did not occur.
    pub(super) fn unused(&self) -> Vec<&'static str> {
        let unused = INTENDED
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.used.contains(index));
        unused.map(|(_, entry)| entry.why).collect()
    }
}
