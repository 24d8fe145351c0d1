//! Every namespace that a process of the host is in, and which processes live in nested PID namespaces.
//!
//! What a census does not hold is read by whoever shows it, for the rows that are shown: names, owners, command lines.
//! It is cheap so that it can be taken often: eight `readlinkat(2)` a process, and no allocation for each.

mod members;
mod residents;

pub use members::{Member, Members};
pub use residents::{Living, Resident, Residents};

use crate::{
    ns::{NsId, NsSet},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot},
};
use rustix::io::Errno;
use std::collections::BTreeMap;

/// The namespaces that processes were in while the census was taken.
///
/// The world goes on meanwhile: a process that started or ended then may be in some of its namespaces' numbers and not in
/// others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// In order of inode number.
    pub namespaces: Vec<Inhabited>,
    /// Processes that are not in the numbers.
    pub unseen: Unseen,
}

/// A namespace with processes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inhabited {
    /// Which.
    pub ns: NsId,
    /// How many processes are in it: those that were seen, threads not counted.
    pub processes: usize,
    /// The lowest id among them.
    pub lowest: Pid,
}

/// Processes that a scan could not see, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// The kernel does not let the caller look: another user's, or guarded by a security module.
    pub denied: usize,
    /// They ended after they were listed, so that nothing is missing without them.
    pub vanished: usize,
    /// The kernel failed, or wrote what nsx does not understand.
    pub failed: usize,
}

impl Unseen {
    /// How many processes exist and are not shown.
    pub fn hidden(&self) -> usize {
        self.denied + self.failed
    }

    fn count(&mut self, error: ProcError) {
        match error {
            ProcError::Denied => self.denied += 1,
            ProcError::Vanished => self.vanished += 1,
            ProcError::Malformed(_) | ProcError::Os(_) => self.failed += 1,
        }
    }
}

impl Census {
    /// Looks at all processes that `proc` shows, for namespaces of these kinds.
    ///
    /// # Errors
    /// The errno with which listing the processes failed. What fails for one process is counted, see [`Unseen`].
    pub fn take(proc: &ProcRoot, kinds: NsSet) -> Result<Self, Errno> {
        // A tree, because the few namespaces that a host has are found in one faster than they are hashed.
        let mut inhabited = BTreeMap::new();
        let mut unseen = Unseen::default();
        for pid in proc.pids()? {
            let seen = each_namespace(proc, pid, kinds, |ns| {
                // Processes come in ascending order, so the first that is met in a namespace is the lowest.
                let first = Inhabited { ns, processes: 0, lowest: pid };
                inhabited.entry((ns.inode, ns.kind)).or_insert(first).processes += 1;
            });
            if let Err(error) = seen {
                unseen.count(error);
            }
        }
        Ok(Self { namespaces: inhabited.into_values().collect(), unseen })
    }
}

/// The namespaces of these kinds that one process is in. A zombie is in its PID and its user namespace alone.
///
/// # Errors
/// `Vanished` where it is in none: it has ended, or the kernel has none of these kinds. Otherwise as [`ProcRoot::ns`].
pub fn namespaces_of(proc: &ProcRoot, pid: Pid, kinds: NsSet) -> Result<Vec<NsId>, ProcError> {
    let mut namespaces = Vec::with_capacity(kinds.len());
    each_namespace(proc, pid, kinds, |ns| namespaces.push(ns))?;
    Ok(namespaces)
}

fn each_namespace(proc: &ProcRoot, pid: Pid, kinds: NsSet, mut found: impl FnMut(NsId)) -> Result<(), ProcError> {
    let mut outcome = Err(ProcError::Vanished);
    let mut links = proc.ns_links(pid);
    for kind in kinds.iter() {
        match links.id(NsLink::Own(kind)) {
            Ok(ns) => {
                found(ns);
                outcome = Ok(());
            }
            // A zombie has no more than some of its namespaces, and an old kernel not all kinds.
            Err(ProcError::Vanished) => {}
            // All links of a process are guarded by the same check, so the others would be refused too.
            Err(error) => return Err(error),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ns::NsKind, proc::Recording};

    fn row(ns: &str, processes: usize, lowest: i32) -> Inhabited {
        Inhabited { ns: ns.parse().unwrap(), processes, lowest: Pid::from_raw(lowest).unwrap() }
    }

    #[test]
    fn each_namespace_has_its_processes_counted() {
        let recording = Recording::new();
        recording.process(30, &["net:[9]", "pid:[5]", "user:[7]"]);
        recording.process(4, &["net:[9]", "pid:[5]", "user:[7]", "mnt:[1]"]);
        recording.process(100, &["net:[10]", "pid:[5]", "user:[7]"]);
        let zombie = 7;
        recording.process(zombie, &["pid:[5]", "user:[7]"]);
        let ended = 8;
        recording.process(ended, &[]);
        let strange = 9;
        recording.process(strange, &["cgroup:what"]);
        let census = Census::take(&recording.root(), NsSet::ALL).unwrap();
        assert_eq!(census.unseen, Unseen { denied: 0, vanished: 1, failed: 1 });
        assert_eq!(
            census.namespaces,
            [
                row("mnt:[1]", 1, 4),
                row("pid:[5]", 4, 4),
                row("user:[7]", 4, 4),
                row("net:[9]", 2, 4),
                row("net:[10]", 1, 100)
            ]
        );
        let net = Census::take(&recording.root(), NsSet::EMPTY.with(NsKind::Net)).unwrap();
        assert_eq!(net.namespaces, [row("net:[9]", 2, 4), row("net:[10]", 1, 100)]);
        assert_eq!(net.unseen.vanished, 3);
    }

    #[test]
    fn the_caller_is_in_the_census() {
        let proc = ProcRoot::system().unwrap();
        let census = Census::take(&proc, NsSet::ALL).unwrap();
        for ns in namespaces_of(&proc, rustix::process::getpid(), NsSet::ALL).unwrap() {
            assert!(census.namespaces.iter().any(|inhabited| inhabited.ns == ns));
        }
        assert!(census.namespaces.is_sorted_by_key(|inhabited| inhabited.ns.inode));
    }
}
