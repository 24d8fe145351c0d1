//! Holds a record against the kernel: the process is pinned, and only then looked at.
//! A number in a file proves nothing. The process must be alive and must have started when the
//! record says. By its cgroup it must not be in another container. If the record is another user's
//! claim, the process must be in that user's own namespaces (`belief`). One contrary fact makes the
//! record stale. The cgroup of a rootless container may be the root, which names no container. Then
//! the record must have the time of the start or the inode of the pidfd, or another process could
//! have got the id.

use crate::{
    belief,
    cgroup::CgroupFacts,
    container::{Container, Stale, State},
    engine::Engine,
    files,
    host::Host,
    stores::Record,
};
use nsx_core::{
    cgroup::{self, Freezer, Membership},
    pid::{Pid, PinError, Process},
    proc::ProcError,
};
use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// A container with what the kernel says of it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) container: Container,
    /// Its first process, if it has one.
    pub(crate) process: Option<Process>,
    /// The start of that process in clock ticks since the boot.
    pub(crate) start: u64,
    /// The cgroup of that process, if it names the container.
    pub(crate) cgroup: Option<Membership>,
}

impl Checked {
    /// Returns whether a program of the container runs, frozen or not.
    pub(crate) fn runs(&self) -> bool {
        self.process.is_some() && self.container.state.is_running()
    }
}

/// The kernel's facts about a container's first process.
struct Facts {
    state: State,
    start: u64,
    cgroup: Option<Membership>,
    /// `true` if something shows that the process is the container's, and not another process that
    /// got the id.
    is_proven: bool,
}

/// Checks records one after the other.
pub(crate) struct Checker<'a> {
    host: &'a Host,
    /// The caller's cgroups. A process in the container that the caller is in is not in another
    /// container.
    own: CgroupFacts,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        let own = host.proc().read_own("cgroup");
        let own = own
            .map(|text| CgroupFacts::parse(&text))
            .unwrap_or_default();
        Self { host, own }
    }

    /// Checks a record against the kernel.
    pub(crate) fn check(&mut self, record: Record) -> Checked {
        let Some(pid) = record.pid else {
            let mut container = record.container;
            if !matches!(container.state, State::Stopped(_) | State::Unrecorded(_)) {
                container.state = State::Stopped("stopped");
            }
            return Checked {
                container,
                process: None,
                start: 0,
                cgroup: None,
            };
        };
        let (
            process,
            Facts {
                state,
                start,
                cgroup,
                ..
            },
        ) = match self.process(pid, &record) {
            Ok((process, facts)) => (Some(process), facts),
            Err(contrary) => {
                let state = match contrary {
                    State::Stale(Stale::Ended(_)) => record.once_ended.unwrap_or(contrary),
                    contrary => contrary,
                };
                (
                    None,
                    Facts {
                        state,
                        start: 0,
                        cgroup: None,
                        is_proven: false,
                    },
                )
            }
        };
        Checked {
            container: Container {
                state,
                ..record.container
            },
            process,
            start,
            cgroup,
        }
    }

    /// Returns the process, pinned, or the state of a record that is wrong.
    fn process(&mut self, pid: Pid, record: &Record) -> Result<(Process, Facts), State> {
        let number = pid.as_raw_pid();
        let process = Process::pin(pid).map_err(|error| match error {
            PinError::Reused(_) => State::Stale(Stale::Inode(number)),
            _ => State::Stale(Stale::Ended(number)),
        })?;
        let outcome = self
            .facts(&process, record)
            .map_err(State::Stale)
            .and_then(|facts| {
                let anothers = record
                    .container
                    .owner
                    .as_ref()
                    .filter(|owner| !owner.is_caller);
                anothers
                    .map_or(Ok(()), |owner| belief::check(self.host, pid, owner))
                    .map_err(State::Unbelieved)?;
                if facts.is_proven {
                    Ok(facts)
                } else {
                    Err(State::Stale(Stale::Unproven(number)))
                }
            });
        // What was read by the number was about this process only if it is still there.
        if process.ended() {
            return Err(State::Stale(Stale::Ended(number)));
        }
        outcome.map(|facts| (process, facts))
    }

    fn facts(&mut self, process: &Process, record: &Record) -> Result<Facts, Stale> {
        let pid = process.pid();
        let number = pid.as_raw_pid();
        let proc = self.host.proc();
        let start = proc.start_time(pid).ok();
        if record.start.is_some() && start.is_some() && record.start != start {
            return Err(Stale::Start(number));
        }
        if record
            .inode
            .is_some_and(|inode| process.inode().is_ok_and(|own| own != inode))
        {
            return Err(Stale::Inode(number));
        }
        let text = proc.read(pid, "cgroup").unwrap_or_default();
        let cgroups = CgroupFacts::parse(&text);
        let id = record.container.id.as_bytes();
        let is_it = |cgroups: &CgroupFacts| {
            cgroups
                .container
                .as_ref()
                .is_some_and(|named| named.is(record.container.engine, id))
        };
        let has_component = || {
            text.split(|byte| b"/\n".contains(byte))
                .any(|part| part == id)
        };
        let confirmed = is_it(&cgroups) || has_component();
        if record.container.engine == Engine::Unit && !confirmed {
            return Err(Stale::Elsewhere(number, OsString::from_vec(cgroups.path)));
        }
        match &cgroups.container {
            Some(other) if !confirmed && self.own.container.as_ref() != Some(other) => {
                return Err(Stale::Elsewhere(
                    number,
                    OsString::from_vec(other.id.clone()),
                ));
            }
            _ => {}
        }
        if let (Some(start), Some(written), false) =
            (start, record.written, confirmed || record.start.is_some())
            && self.host.started_after(start, written.as_secs())
        {
            return Err(Stale::Start(number));
        }
        // LXC's monitor answered just now. In any other record, the time of writing is exact only to
        // seconds, and the process that now has the id may be anyone's.
        let is_exact = record.start.is_some()
            || record.inode.is_some()
            || record.container.engine == Engine::Lxc;
        let is_frozen = self.host.is_frozen(pid).ok().flatten();
        let state = match &record.container.state {
            State::Created => State::Created,
            _ if is_frozen.unwrap_or(record.container.state == State::Paused) => State::Paused,
            _ => State::Running,
        };
        let cgroup = is_it(&cgroups).then_some(cgroups.cgroup);
        Ok(Facts {
            state,
            start: start.unwrap_or_default(),
            cgroup,
            is_proven: confirmed || is_exact,
        })
    }
}

impl Host {
    /// Returns whether a process's cgroup, or one around it, is frozen, see `cgroups(7)`. Every
    /// process that joins a frozen cgroup stops. None if no freezer can be seen.
    ///
    /// # Errors
    /// [`ProcError`] of reading the process's `cgroup`.
    pub fn is_frozen(&self, pid: Pid) -> Result<Option<bool>, ProcError> {
        let text = self.proc().read(pid, "cgroup")?;
        let mut known = None;
        for line in cgroup::lines(&text) {
            let path = line.path.strip_prefix(b"/").unwrap_or(line.path);
            // The root has no freezer.
            let Some(freezer) = line.freezer().filter(|_| !path.is_empty()) else {
                continue;
            };
            let roots: &[&str] = match freezer {
                Freezer::V1 => &["/sys/fs/cgroup/freezer"],
                Freezer::V2 => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
            };
            let text = roots.iter().find_map(|root| {
                self.system_dir(root)
                    .ok()?
                    .read_kernels(files::path(&[path, freezer.file().as_bytes()]))
                    .ok()
            });
            let frozen = text.map(|text| freezer.is_frozen(&text));
            known = match (known, frozen) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (known, frozen) => known.or(frozen),
            };
        }
        Ok(known)
    }
}
