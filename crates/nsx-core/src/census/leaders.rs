//! The leaders of namespaces: for each namespace the one process that stands for all those in it.
//!
//! The leader is the first process of a PID namespace (PID 1), if one is in the namespace;
//! otherwise the process that started first. The lowest id says neither: ids are used again from
//! the bottom once they have reached `pid_max`, and a parent that waits for a PID namespace is
//! outside of it. Of the namespaces of the host and of the caller the leader is the process that
//! started first, because the first process of a container that shares them does not stand for the
//! host.

use super::{Census, Member};
use crate::{
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcRoot},
};

/// The parent of all threads of the kernel: PID 2 of the initial PID namespace, made at boot.
const KTHREADD: i32 = 2;

impl Census {
    /// Finds the leader of each namespace, among the processes that were seen; requires
    /// [`Sources::MEMBERS`].
    ///
    /// Reads one file for each process that shares a namespace other than the host's, and a second
    /// file for a few of them.
    ///
    /// [`Sources::MEMBERS`]: super::Sources::MEMBERS
    pub fn find_leaders(&mut self, proc: &ProcRoot) {
        let mut crowds: HashMap<NsId, Vec<Member>> = HashMap::default();
        for entry in self
            .namespaces
            .iter_mut()
            .filter(|entry| entry.processes > 1)
        {
            let lowest = entry.lowest.map(Pid::as_raw_pid);
            // Nothing in the procfs is older than these.
            let is_first = lowest == Some(1) || (lowest == Some(KTHREADD) && entry.ns.is_initial());
            if !is_first {
                crowds.insert(entry.ns, Vec::with_capacity(entry.processes));
            }
        }
        if crowds.is_empty() {
            return;
        }
        for member in &self.members {
            for ns in NsKind::ALL.into_iter().filter_map(|kind| member.ns(kind)) {
                if let Some(crowd) = crowds.get_mut(&ns) {
                    crowd.push(*member);
                }
            }
        }
        let mut elders = Elders::new(proc);
        for entry in &mut self.namespaces {
            if let Some(crowd) = crowds.get(&entry.ns) {
                let is_hosts = entry.ns.is_initial()
                    || proc.own_ns(NsLink::Own(entry.ns.kind)) == Ok(entry.ns);
                entry.leader = elders.leader(crowd, !is_hosts).or(entry.lowest);
            }
        }
    }
}

/// Tells which of several processes stands for them, with what is read of each process read once.
pub struct Elders<'a> {
    proc: &'a ProcRoot,
    starts: HashMap<Pid, u64>,
    inits: HashMap<Pid, bool>,
}

impl<'a> Elders<'a> {
    /// `proc` is the procfs that the census was taken of.
    pub fn new(proc: &'a ProcRoot) -> Self {
        Self {
            proc,
            starts: HashMap::default(),
            inits: HashMap::default(),
        }
    }

    /// Returns the process that stands for these: with `inits` the PID 1 that started first, if one
    /// is among them; otherwise the process that started first.
    pub fn leader(&mut self, crowd: &[Member], inits: bool) -> Option<Pid> {
        let mut by_age: Vec<(u64, &Member)> = crowd
            .iter()
            .map(|member| (self.start(member.pid), member))
            .collect();
        by_age.sort_by_key(|(start, member)| (*start, member.pid.as_raw_pid()));
        let eldest = by_age.first()?.1.pid;
        if !inits {
            return Some(eldest);
        }
        // PID 1 is the oldest process of its PID namespace, so that most others need not be asked.
        let mut known: HashMap<NsId, u64> = HashMap::default();
        let init = by_age.into_iter().find(|(start, member)| {
            let home = member.ns(NsKind::Pid);
            if home
                .and_then(|home| known.get(&home))
                .is_some_and(|eldest| eldest < start)
            {
                return false;
            }
            known.extend(home.map(|home| (home, *start)));
            self.is_init(member.pid)
        });
        Some(init.map_or(eldest, |(_, member)| member.pid))
    }

    /// Returns whether a process is PID 1 of its own PID namespace.
    pub fn is_init(&mut self, pid: Pid) -> bool {
        *self.inits.entry(pid).or_insert_with(|| {
            let status = self.proc.status(pid);
            status.is_ok_and(|status| status.chain.innermost() == Pid::INIT)
        })
    }

    /// Clock ticks after the boot; a process that has ended comes last.
    fn start(&mut self, pid: Pid) -> u64 {
        let read = || self.proc.start_time(pid).unwrap_or(u64::MAX);
        *self.starts.entry(pid).or_insert_with(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        census::{Query, Sources},
        ns::NsSet,
        proc::Recording,
    };

    /// A process with its namespaces, its start and its ids.
    fn process(recording: &Recording, pid: u32, namespaces: &[&str], start: u64, chain: &str) {
        recording.process(pid, namespaces);
        recording.file(
            pid,
            "stat",
            format!("{pid} (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {start} 20 21\n"),
        );
        let status = format!(
            "Name:\ta\nTgid:\t{pid}\nPPid:\t0\nUid:\t0\t0\t0\t0\nNSpid:\t{chain}\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n"
        );
        recording.file(pid, "status", status);
    }

    fn leaders(recording: &Recording) -> Vec<(String, Option<i32>)> {
        let query = Query {
            kinds: NsSet::ALL,
            sources: Sources::MEMBERS,
        };
        let mut census = Census::take(&recording.root(), query).unwrap();
        census.find_leaders(&recording.root());
        census
            .namespaces
            .iter()
            .map(|entry| (entry.ns.to_string(), entry.leader.map(Pid::as_raw_pid)))
            .collect()
    }

    fn expected(leaders: &[(&str, i32)]) -> Vec<(String, Option<i32>)> {
        leaders
            .iter()
            .map(|(ns, pid)| ((*ns).to_owned(), Some(*pid)))
            .collect()
    }

    #[test]
    fn pid_1_leads_before_the_parent_that_waits_for_it() {
        let recording = Recording::new();
        process(&recording, 40, &["net:[9]", "pid:[5]"], 100, "40");
        process(&recording, 41, &["net:[9]", "pid:[6]"], 100, "41\t1");
        process(&recording, 42, &["net:[9]", "pid:[6]"], 110, "42\t2");
        assert_eq!(
            leaders(&recording),
            expected(&[("pid:[5]", 40), ("pid:[6]", 41), ("net:[9]", 41)])
        );
    }

    #[test]
    fn the_oldest_leads_whatever_its_number() {
        let recording = Recording::new();
        // After the numbers began again from the bottom.
        process(&recording, 700, &["net:[9]", "pid:[6]"], 100, "700\t1");
        process(&recording, 31, &["net:[9]", "pid:[6]"], 100, "31\t8");
        process(&recording, 800, &["net:[8]", "pid:[5]"], 100, "800");
        process(&recording, 32, &["net:[8]", "pid:[5]"], 110, "32");
        assert_eq!(
            leaders(&recording),
            expected(&[
                ("pid:[5]", 800),
                ("pid:[6]", 700),
                ("net:[8]", 800),
                ("net:[9]", 700)
            ])
        );
    }
}
