//! The measurements, beside a number of namespaces that are alive.

use super::{
    actor::Actor,
    clock::{Times, now},
    memory,
    packets::Path,
    report::{Call, Report, Row},
    stage::{Stage, refused},
    task::Task,
};
use crate::error::Error;
use nsx_core::ns::{NsKind, NsSet};
use rustix::{
    fd::AsFd,
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// The request to measure.
#[derive(Debug)]
pub(super) struct Measurement {
    /// The sets of namespaces whose creation is measured.
    pub(super) sets: Vec<NsSet>,
    /// The numbers of namespaces that are alive meanwhile, in order.
    pub(super) alive: Vec<usize>,
    /// The number of times that each set is created and removed.
    pub(super) runs: usize,
}

/// More namespaces than are ever counted.
const UNLIMITED: usize = 1 << 30;

/// The number of equal steps in which namespaces are created whose memory is measured.
const STEPS: usize = 10;

/// The number of namespaces that is enough to measure the memory of each.
const ENOUGH: usize = 100;

impl Measurement {
    /// Measures.
    pub(super) fn take(&self) -> Result<Report, Error> {
        let mut report = Report::new(self.runs);
        if self.has(NsKind::User) {
            report.call(Call::SetUser, 0, &Task::SetUser { is_mapped: false });
        }
        let stage = Stage::enter()?;
        // What namespaces take is more than this.
        let bare = self.memory(NsSet::EMPTY, &stage)?;
        for kinds in &self.sets {
            let memory = self.memory(*kinds, &stage)?;
            let memory = memory
                .zip(bare)
                .map(|(all, bare)| (all - bare).max(0).unsigned_abs());
            let mut others = Others::new(*kinds, &stage);
            for alive in &self.alive {
                let failed = |errno| refused(*kinds, errno);
                others.become_number(*alive)?;
                let remove = self.removals(*kinds).map_err(failed)?;
                others.limit(UNLIMITED)?;
                let create = self.creations(*kinds).map_err(failed)?;
                report.rows.push(Row {
                    kinds: *kinds,
                    alive: *alive,
                    create: Times::of(create),
                    remove: Times::of(remove),
                    setns: self.joins(*kinds).ok().and_then(Times::of),
                    memory,
                });
                measure_calls(*kinds, *alive, &mut report);
            }
        }
        Ok(report)
    }

    /// Returns whether namespaces of this kind alone are among those that are measured.
    fn has(&self, kind: NsKind) -> bool {
        self.sets.contains(&NsSet::EMPTY.with(kind))
    }

    /// Returns the memory that a process with namespaces takes; `None` if too few are made to tell.
    fn memory(&self, kinds: NsSet, stage: &Stage) -> Result<Option<i64>, Error> {
        let most = self.alive.last().copied().unwrap_or(0);
        let step = most / STEPS;
        if most < ENOUGH {
            return Ok(None);
        }
        let mut others = Others::new(kinds, stage);
        let mut growths = Vec::with_capacity(STEPS);
        let mut before = memory::of_kernel()?;
        for index in 1..=STEPS {
            others.become_number(index * step)?;
            let after = memory::of_kernel()?;
            growths.push((after as i64 - before as i64) / step as i64);
            before = after;
        }
        Ok(memory::median(growths))
    }

    /// Measures how long it takes to create namespaces.
    fn creations(&self, kinds: NsSet) -> Result<Vec<u64>, Errno> {
        let task = Task::Create(kinds);
        let took = |_| Ok(Actor::act(&task)?.1.swap_remove(0));
        (0..self.runs).map(took).collect()
    }

    /// Measures how long it takes from the end of a process with namespaces until others can be
    /// created, the last that the stage's limit allows.
    fn removals(&self, kinds: NsSet) -> Result<Vec<u64>, Errno> {
        let task = Task::Create(kinds);
        let (mut last, _) = Actor::act(&task)?;
        let mut times = Vec::with_capacity(self.runs);
        for _ in 0..self.runs {
            let next = Actor::start(&task)?;
            let started = now();
            drop(last);
            let done = next.tell()?.get(1).copied().ok_or(Errno::PROTO)?;
            times.push(done - started);
            last = next;
        }
        Ok(times)
    }

    /// Measures how long it takes to join namespaces.
    fn joins(&self, kinds: NsSet) -> Result<Vec<u64>, Errno> {
        let (_settled, numbers) = Actor::act(&Task::Settle(kinds))?;
        let pid = numbers.first().and_then(|pid| i32::try_from(*pid).ok());
        let pid = pid.and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let member = pidfd_open(pid, PidfdFlags::empty())?;
        let task = Task::Join(member.as_fd(), kinds);
        let joins = (0..self.runs).map(|_| Ok(Actor::act(&task)?.1));
        let joins: Result<Vec<_>, Errno> = joins.collect();
        Ok(joins?.concat())
    }
}

/// Measures the calls that depend on namespaces of these kinds.
fn measure_calls(kinds: NsSet, alive: usize, report: &mut Report) {
    if kinds == NsSet::EMPTY.with(NsKind::User) {
        report.call(
            Call::SetMappedUser,
            alive,
            &Task::SetUser { is_mapped: true },
        );
    }
    if kinds == NsSet::EMPTY.with(NsKind::Net) {
        for path in Path::ALL {
            report.call(Call::Packet(path), alive, &Task::Send(path));
        }
    }
}

/// Processes that keep namespaces alive, each of its own.
struct Others<'a> {
    kinds: NsSet,
    stage: &'a Stage,
    actors: Vec<Actor>,
}

impl<'a> Others<'a> {
    fn new(kinds: NsSet, stage: &'a Stage) -> Self {
        Self {
            kinds,
            stage,
            actors: Vec::new(),
        }
    }

    /// Creates namespaces until there are so many, and waits until the kernel has removed all other
    /// ones.
    fn become_number(&mut self, number: usize) -> Result<(), Error> {
        let failed = |errno| refused(self.kinds, errno);
        while self.actors.len() < number {
            // One more is for the process that measures.
            self.limit(self.actors.len() + 1)?;
            let (actor, _) = Actor::act(&Task::Create(self.kinds)).map_err(failed)?;
            self.actors.push(actor);
        }
        self.limit(number + 1)
    }

    /// Limits the number of these namespaces, by a kind of which the kernel frees the last.
    fn limit(&self, most: usize) -> Result<(), Error> {
        let kind = match self.kinds.contains(NsKind::User) {
            true => Some(NsKind::User),
            false => self.kinds.iter().next(),
        };
        kind.map_or(Ok(()), |kind| self.stage.limit(kind, most))
    }
}
