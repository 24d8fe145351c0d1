//! The ways in which nsx runs a program, for tests that must hold in each of them.

use super::{process::Process, session::Session};

/// `nsx` with its options, as a prefix of another command.
pub(crate) struct Ways {
    /// The process that `enter` enters, which lives as long as the prefixes.
    _target: Process,
    /// Becoming the program and waiting for it, as PID 1, below PID 1 and as any child, in new
    /// namespaces and in those of a process. Each ends with a space.
    pub(crate) prefixes: Vec<String>,
}

impl Ways {
    pub(crate) fn new(session: &Session) -> Self {
        let target = session
            .original_unshare("--uts --pid --fork --kill-child sleep 100")
            .start();
        let (map, user) = if session.is_root() {
            ("", "")
        } else {
            ("-r ", "-U ")
        };
        let id = target.program("sleep").id();
        let unshare = ["--uts", "--uts --fork", "--pid --net", "--pid --init"];
        let unshare = unshare.map(|kinds| format!("nsx unshare {map}{kinds} "));
        let enter = ["--uts", "--uts --pid"].map(|kinds| format!("nsx enter {id} {user}{kinds} "));
        Self {
            _target: target,
            prefixes: unshare.into_iter().chain(enter).collect(),
        }
    }

    /// The ways in which nsx waits for the program instead of becoming it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &String> {
        self.prefixes
            .iter()
            .filter(|prefix| prefix.contains("--fork") || prefix.contains("--pid"))
    }
}
