//! Processes with the PID namespace that each lives in.

use super::Unseen;
use crate::{
    ns::{NsId, NsKind},
    pid::{Pid, shown_by},
    proc::{NsLink, ProcError, ProcRoot, Status},
};
use rustix::io::Errno;

/// The processes that are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Living {
    /// All that the procfs shows.
    Anywhere,
    /// Those in a PID namespace below the one whose ids the procfs shows.
    Nested,
}

/// Processes in PID namespaces, as they were while they were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residents {
    /// In order of their ids.
    pub processes: Vec<Resident>,
    /// Processes that could not be looked at.
    pub unseen: Unseen,
}

/// A process and its PID namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The process's id, as the procfs counts.
    pub pid: Pid,
    /// The PID namespace of the process, the innermost of its chain; none if the kernel hides it
    /// from the caller.
    pub ns: Option<NsId>,
    /// Its chain, its name, its user.
    pub status: Status,
}

impl Residents {
    /// Looks at the processes that `proc` shows.
    ///
    /// Reading a chain requires no privilege, so a process whose namespace is hidden is listed with
    /// its chain.
    ///
    /// # Errors
    /// The errno with which listing the processes failed. A failure for one process is counted, see
    /// [`Unseen`].
    pub fn find(proc: &ProcRoot, living: Living) -> Result<Self, Errno> {
        let mut found = Self {
            processes: Vec::new(),
            unseen: Unseen::default(),
        };
        let shown = shown_by(proc);
        for pid in proc.pids()? {
            match resident(proc, pid, living, shown) {
                Ok(resident) => found.processes.extend(resident),
                Err(error) => found.unseen.count(error),
            }
        }
        Ok(found)
    }
}

/// Looks at one process; returns none if it is not among those that are wanted. `shown` is the
/// namespace whose ids `proc` shows.
fn resident(
    proc: &ProcRoot,
    pid: Pid,
    living: Living,
    shown: Option<NsId>,
) -> Result<Option<Resident>, ProcError> {
    let ns = match proc.ns(pid, NsLink::Own(NsKind::Pid)) {
        Err(ProcError::Denied) => None,
        // A copy may lack the links.
        Err(ProcError::Vanished) if proc.is_copy() => None,
        ns => Some(ns?),
    };
    // Reading a status costs as much as a dozen links: most processes of a host are not nested, and
    // need none.
    if living == Living::Nested && ns.is_some() && ns == shown {
        return Ok(None);
    }
    let status = proc.status(pid)?;
    // No process leaves its PID namespace: in another one, another process has the id.
    if ns.is_some_and(|ns| proc.ns(pid, NsLink::Own(NsKind::Pid)) != Ok(ns)) {
        return Err(ProcError::Vanished);
    }
    let is_wanted = living == Living::Anywhere || status.chain.depth() > 0;
    Ok(is_wanted.then_some(Resident { pid, ns, status }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::Recording;

    fn status(name: &str, chain: &str) -> String {
        format!(
            "Name:\t{name}\nTgid:\t1\nPPid:\t0\nUid:\t0\t0\t0\t0\nNSpid:\t{chain}\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n"
        )
    }

    #[test]
    fn those_below_are_nested() {
        let recording = Recording::new();
        recording.process(1, &["pid:[5]"]);
        recording.process(30, &["pid:[6]"]);
        recording.process(31, &["pid:[7]"]);
        recording.process(9, &["pid:[5]"]);
        let ended_meanwhile = 10;
        recording.process(ended_meanwhile, &["pid:[6]"]);
        for (pid, chain) in [(1, "1"), (9, "9"), (30, "30\t1"), (31, "31\t2\t1")] {
            recording.file(pid, "status", status(r"a\nNSpid:", chain));
        }
        let found = |living| {
            let residents = Residents::find(&recording.root(), living).unwrap();
            let rows: Vec<String> = residents
                .processes
                .iter()
                .map(|it| it.status.chain.to_string())
                .collect();
            assert_eq!(residents.unseen.vanished, 1);
            assert!(
                residents
                    .processes
                    .iter()
                    .all(|it| it.status.name == b"a\nNSpid:")
            );
            rows
        };
        assert_eq!(found(Living::Nested), ["30 → 1", "31 → 2 → 1"]);
        assert_eq!(found(Living::Anywhere), ["1", "9", "30 → 1", "31 → 2 → 1"]);
    }
}
