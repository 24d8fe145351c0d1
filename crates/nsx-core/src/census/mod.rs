//! Every namespace of a host, whatever keeps it alive.
//!
//! A single pass over the processes finds nearly all namespaces, and is cheap so that it can be
//! taken often: eight `readlinkat(2)` per process, no allocation for each, two threads if there are
//! thousands. The rest is looked for only on request, see [`Sources`]. The code that shows a census
//! reads what the census does not hold, for the rows that it shows: names, owners, command lines.
//!
//! ```
//! # use nsx_core::{census::{Census, Query, Sources}, ns::{NsKind, NsSet}, proc::ProcRoot};
//! let query = Query { kinds: NsSet::EMPTY.with(NsKind::Net), sources: Sources::PINS.with(Sources::RELATIONS) };
//! let census = Census::take(&ProcRoot::system()?, query)?;
//! for entry in &census.namespaces {
//!     println!("{}: {} processes, {:?}", entry.ns, entry.processes, entry.relation);
//! }
//! # Ok::<(), rustix::io::Errno>(())
//! ```

mod descriptors;
mod holder;
mod leaders;
mod mounts;
mod reach;
mod relation_reader;
mod relations;
mod residents;
mod scan;
mod sources;
mod tally;
mod visible;
mod wanted;
mod way;

pub use holder::{Holder, NamespaceMount, Viewer};
pub use leaders::Elders;
pub use relations::{Above, Relation, Relations};
pub use residents::{Living, Resident, Residents};
pub use sources::Sources;
pub use visible::{Task, Visible};
pub use wanted::{Lost, Wanted};

use crate::{
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot},
};
use reach::Reach;
use relation_reader::RelationReader;
use rustix::io::Errno;
use scan::Scan;

/// The request for a census: what the census is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Namespaces of these kinds.
    pub kinds: NsSet,
    /// The sources to look at, beside the processes.
    pub sources: Sources,
}

/// The namespaces of a host while the census was taken.
///
/// A process that starts or ends meanwhile may be counted in some of its namespaces and not in
/// others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Census {
    /// In order of inode number.
    pub namespaces: Vec<Entry>,
    /// The processes that were seen, in order of their ids; none without [`Sources::MEMBERS`].
    pub members: Vec<Member>,
    /// The processes that are there and that the kernel did not let be seen, in order of their ids.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pids"))]
    pub hidden: Vec<Pid>,
    /// `true` if the procfs lists every process of the host.
    pub lists_all: bool,
    /// Counts of what the other numbers leave out.
    pub unseen: Unseen,
}

/// A namespace and what keeps it alive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Entry {
    /// The namespace.
    pub ns: NsId,
    /// The number of processes in it: those that were seen, threads not counted.
    pub processes: usize,
    /// `true` if no other process can be in it: all that could be were seen.
    pub is_whole: bool,
    /// The lowest id among those that were seen.
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::serialize::optional_pid")
    )]
    pub lowest: Option<Pid>,
    /// The process that stands for those that were seen: the one with the lowest id until
    /// [`Census::find_leaders`].
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::serialize::optional_pid")
    )]
    pub leader: Option<Pid>,
    /// The number of threads in it, first threads of processes too; 0 without [`Sources::THREADS`].
    pub threads: usize,
    /// The other things that keep it alive, as far as they were looked for. In order of kind, then
    /// of ids.
    pub holders: Vec<Holder>,
    /// `true` if nothing that was looked for can hold it unseen.
    pub has_all_holders: bool,
    /// The namespaces above it; none without [`Sources::RELATIONS`], or if this namespace could not
    /// be opened.
    pub relation: Option<Relation>,
}

/// A process with the namespaces that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Member {
    /// The process's id, as the procfs counts.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::serialize::pid"))]
    pub pid: Pid,
    /// Inode numbers in the order of [`NsKind::ALL`], 0 for what was not asked or not seen.
    inodes: [u32; NsKind::ALL.len()],
}

/// The counts of what a scan could not see, by reason: processes as a whole, and parts of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unseen {
    /// The kernel does not let the caller look: another user's, or guarded by a security module.
    pub denied: usize,
    /// They ended after they were listed, so that nothing is missing without them.
    pub vanished: usize,
    /// The kernel failed, or wrote what nsx does not understand.
    pub failed: usize,
    /// Processes whose descriptors may not be looked at, though their namespaces were. With
    /// [`Sources::DESCRIPTORS`] or [`Sources::SOCKETS`].
    pub closed: usize,
    /// Sockets whose network namespace the kernel does not tell the caller. With
    /// [`Sources::SOCKETS`].
    pub sockets: usize,
}

impl Census {
    /// Looks at all processes that `proc` shows, and at the sources that the query names.
    ///
    /// # Errors
    /// The errno with which listing the processes failed. A failure for one process is counted, see
    /// [`Unseen`].
    pub fn take(proc: &ProcRoot, query: Query) -> Result<Self, Errno> {
        let mut scan = Scan::of_all(proc, query)?;
        let mut reader = query
            .sources
            .has_any(Sources::RELATIONS.with(Sources::LISTED))
            .then(RelationReader::default);
        if query.sources.has_any(Sources::PINS.with(Sources::MOUNTS)) {
            mounts::find(proc, query.sources, &mut scan, reader.as_mut());
        }
        if query
            .sources
            .has_any(Sources::DESCRIPTORS.with(Sources::SOCKETS))
        {
            descriptors::find(proc, query.sources, &mut scan);
        }
        if let Some(reader) = reader {
            reader.finish(proc, &mut scan.tally, query.sources.has(Sources::LISTED));
        }
        let Scan {
            tally,
            mut members,
            hidden,
            unseen,
        } = scan;
        let mut namespaces = tally.entries;
        namespaces.retain(|entry| query.kinds.contains(entry.ns.kind));
        namespaces.sort_unstable_by_key(|entry| (entry.ns.inode, entry.ns.kind));
        namespaces
            .iter_mut()
            .for_each(|entry| entry.holders.sort_unstable_by_key(Holder::key));
        let reach = Reach::of(proc, &hidden, query.kinds);
        for entry in &mut namespaces {
            entry.leader = entry.lowest;
            entry.is_whole = reach.is_whole(entry);
            let sees_sockets = unseen.sockets == 0 || entry.ns.kind != NsKind::Net;
            entry.has_all_holders = reach.is_everything() && unseen.closed == 0 && sees_sockets;
        }
        if !query.sources.has(Sources::MEMBERS) {
            members = Vec::new();
        }
        let lists_all = reach.lists_all();
        Ok(Self {
            namespaces,
            members,
            hidden,
            lists_all,
            unseen,
        })
    }

    /// Returns the entry of a namespace.
    pub fn entry(&self, ns: NsId) -> Option<&Entry> {
        let key = (ns.inode, ns.kind);
        let index = self
            .namespaces
            .binary_search_by_key(&key, |entry| (entry.ns.inode, entry.ns.kind))
            .ok()?;
        self.namespaces.get(index)
    }

    /// Returns what was seen of a process; none without [`Sources::MEMBERS`].
    pub fn member(&self, pid: Pid) -> Option<&Member> {
        let index = self
            .members
            .binary_search_by_key(&pid.as_raw_pid(), |member| member.pid.as_raw_pid())
            .ok()?;
        self.members.get(index)
    }

    /// Returns the processes that are in a namespace, in order of their ids; none without
    /// [`Sources::MEMBERS`].
    pub fn processes_in(&self, ns: NsId) -> impl Iterator<Item = Pid> {
        self.members
            .iter()
            .filter(move |member| member.ns(ns.kind) == Some(ns))
            .map(|member| member.pid)
    }
}

impl Entry {
    fn new(ns: NsId) -> Self {
        Self {
            ns,
            processes: 0,
            is_whole: false,
            lowest: None,
            leader: None,
            threads: 0,
            holders: Vec::new(),
            has_all_holders: false,
            relation: None,
        }
    }
}

impl Member {
    /// Returns the namespace of this kind that it is in; none if the kind was not requested, and for
    /// a zombie.
    pub fn ns(&self, kind: NsKind) -> Option<NsId> {
        let inode = self.inodes[kind as usize].into();
        (inode != 0).then_some(NsId { kind, inode })
    }
}

impl Unseen {
    /// Returns the number of processes that exist and are not shown.
    pub fn hidden(&self) -> usize {
        self.denied + self.failed
    }

    fn count(&mut self, error: ProcError) {
        match error {
            ProcError::Denied | ProcError::Unshown => self.denied += 1,
            ProcError::Vanished => self.vanished += 1,
            _ => self.failed += 1,
        }
    }

    fn absorb(&mut self, other: Self) {
        self.denied += other.denied;
        self.vanished += other.vanished;
        self.failed += other.failed;
        self.closed += other.closed;
        self.sockets += other.sockets;
    }
}

/// Returns the namespaces of these kinds that one process is in. A zombie is in its PID and its
/// user namespace alone.
///
/// # Errors
/// `Vanished` if it is in none: it has ended, or the kernel has none of these kinds. Otherwise
/// as [`ProcRoot::ns`].
pub fn namespaces_of(proc: &ProcRoot, pid: Pid, kinds: NsSet) -> Result<Vec<NsId>, ProcError> {
    let mut namespaces = Vec::with_capacity(kinds.len());
    let mut links = proc.ns_links(pid);
    for kind in kinds.iter() {
        match links.id(NsLink::Own(kind)) {
            Ok(ns) => namespaces.push(ns),
            // A zombie has no more than some of its namespaces, and an old kernel not all kinds.
            Err(ProcError::Vanished) => {}
            Err(error) => return Err(error),
        }
    }
    if namespaces.is_empty() {
        Err(ProcError::Vanished)
    } else {
        Ok(namespaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::Recording;

    const PROCESSES: Query = Query {
        kinds: NsSet::ALL,
        sources: Sources::NONE,
    };

    fn row(ns: &str, processes: usize, lowest: i32) -> (NsId, usize, Option<Pid>) {
        (ns.parse().unwrap(), processes, Pid::from_raw(lowest))
    }

    fn rows(census: &Census) -> Vec<(NsId, usize, Option<Pid>)> {
        census
            .namespaces
            .iter()
            .map(|entry| (entry.ns, entry.processes, entry.lowest))
            .collect()
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
        let census = Census::take(&recording.root(), PROCESSES).unwrap();
        assert_eq!(
            census.unseen,
            Unseen {
                vanished: 1,
                failed: 1,
                ..Unseen::default()
            }
        );
        assert_eq!(
            rows(&census),
            [
                row("mnt:[1]", 1, 4),
                row("pid:[5]", 4, 4),
                row("user:[7]", 4, 4),
                row("net:[9]", 2, 4),
                row("net:[10]", 1, 100)
            ]
        );
        assert!(census.members.is_empty());
        let query = Query {
            kinds: NsSet::EMPTY.with(NsKind::Net),
            sources: Sources::MEMBERS,
        };
        let net = Census::take(&recording.root(), query).unwrap();
        assert_eq!(rows(&net), [row("net:[9]", 2, 4), row("net:[10]", 1, 100)]);
        assert_eq!(net.unseen.vanished, 3);
        let in_net: Vec<i32> = net
            .processes_in("net:[9]".parse().unwrap())
            .map(Pid::as_raw_pid)
            .collect();
        assert_eq!(in_net, [4, 30]);
    }

    #[test]
    fn namespaces_of_children_and_threads_alone_are_found_on_request() {
        let recording = Recording::new();
        recording.process(30, &["net:[9]", "pid:[5]"]);
        recording.link("30/ns/pid_for_children", "pid:[6]");
        recording.link("30/ns/time_for_children", "time:[8]");
        for (tid, net) in [(30, "net:[9]"), (31, "net:[9]"), (32, "net:[10]")] {
            recording.link(&format!("30/task/{tid}/ns/net"), net);
            recording.link(&format!("30/task/{tid}/ns/pid"), "pid:[5]");
        }
        let take = |sources| {
            Census::take(
                &recording.root(),
                Query {
                    kinds: NsSet::ALL,
                    sources,
                },
            )
            .unwrap()
        };
        assert_eq!(take(Sources::NONE).namespaces.len(), 2);
        let pid = |id| Pid::from_raw(id).unwrap();
        let census = take(Sources::CHILDREN.with(Sources::THREADS));
        let held = |ns: &str| census.entry(ns.parse().unwrap()).unwrap();
        assert_eq!(
            held("pid:[6]").holders,
            [Holder::ForChildren {
                pid: pid(30),
                tid: pid(30)
            }]
        );
        assert_eq!(
            held("time:[8]").holders,
            [Holder::ForChildren {
                pid: pid(30),
                tid: pid(30)
            }]
        );
        assert_eq!(
            held("net:[10]").holders,
            [Holder::Thread {
                pid: pid(30),
                tid: pid(32)
            }]
        );
        assert_eq!((held("net:[9]").threads, held("net:[9]").processes), (2, 1));
        assert_eq!(
            (held("net:[10]").threads, held("net:[10]").lowest),
            (1, None)
        );
    }

    #[test]
    fn the_caller_is_in_the_census() {
        let proc = ProcRoot::system().unwrap();
        let census = Census::take(
            &proc,
            Query {
                kinds: NsSet::ALL,
                sources: Sources::MEMBERS,
            },
        )
        .unwrap();
        let caller = rustix::process::getpid();
        for ns in namespaces_of(&proc, caller, NsSet::ALL).unwrap() {
            assert!(census.entry(ns).is_some_and(|entry| entry.processes > 0));
            assert!(census.processes_in(ns).any(|pid| pid == caller));
        }
        assert!(census.namespaces.is_sorted_by_key(|entry| entry.ns.inode));
        assert!(
            census
                .members
                .is_sorted_by_key(|member| member.pid.as_raw_pid())
        );
    }
}
