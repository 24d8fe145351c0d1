//! The isolation of a process or container from the host and from others, and its gaps.
//!
//! Everything is read from /proc by the number of a process that a pidfd holds, and believed only if
//! the process is still there at the end. No file of the target is opened.

mod capabilities;
mod confinement;
mod devices;
mod ids;
mod limits;
mod mounts;
mod namespaces;
mod network;
mod syscalls;

pub(super) use syscalls::Syscalls;

use super::report::{Area, Report};
use crate::{
    error::Error,
    query::system::{Procfs, System},
    target,
};
use nsx_core::{
    census,
    cgroup::Membership,
    idmap::{IdChain, IdKind},
    ns::{NsId, NsKind, NsSet},
    pid::{Pid, Process},
    proc::{Credentials, NsLink, ProcError},
};
use std::ffi::OsStr;

/// The facts about a target that several areas share.
pub(super) struct Facts {
    system: System,
    process: Process,
    /// The id of the process in the procfs.
    pid: Pid,
    credentials: Credentials,
    /// The namespaces that the target is in.
    namespaces: Vec<NsId>,
    /// The kinds that it shares neither with the host nor with the caller.
    own: NsSet,
}

impl Facts {
    /// Finds the process that `word` names, and reads the facts.
    pub(super) fn find(word: &OsStr) -> Result<Self, Error> {
        let system = System::open(&Procfs::Own)?;
        let process = target::resolve(word)?.process;
        let proc = &system.proc;
        let pid = process
            .pid_in(proc)
            .map_err(|error| unread(&process, error))?;
        let read = || {
            let credentials = proc.credentials(pid)?;
            Ok((credentials, census::namespaces_of(proc, pid, NsSet::ALL)?))
        };
        let (credentials, namespaces) =
            read().map_err(|error| unread(&process, process.unseen(proc, pid, error)))?;
        let is_hosts = |ns: &NsId| ns.is_initial() || proc.own_ns(NsLink::Own(ns.kind)) == Ok(*ns);
        let own = namespaces.iter().filter(|ns| !is_hosts(ns));
        let own = own.map(|ns| ns.kind).collect();
        Ok(Self {
            system,
            process,
            pid,
            credentials,
            namespaces,
            own,
        })
    }

    /// Examines the target.
    pub(super) fn examine(&self) -> Result<Report, Error> {
        let areas = vec![
            Area::new("namespaces", namespaces::findings(self)?),
            Area::new("ids", ids::findings(self)),
            Area::new("capabilities", capabilities::findings(self)),
            Area::new("confinement", confinement::findings(self)),
            Area::new("mounts", mounts::findings(self)),
            Area::new("devices", devices::findings(self)),
            Area::new("limits", limits::findings(self)),
            Area::new("network", network::findings(self)),
        ];
        self.is_still_there()?;
        Ok(Report::new(areas))
    }

    /// Fails if the process has ended: then what was read may be another's.
    fn is_still_there(&self) -> Result<(), Error> {
        let runs = self.process.runs(&self.system.proc, self.pid);
        runs.map(drop).map_err(|error| unread(&self.process, error))
    }

    /// Reads a file of the process in /proc, no more than `most` bytes of it.
    fn read(&self, file: &str, most: usize) -> Result<Vec<u8>, ProcError> {
        self.system.proc.read_up_to(most, self.pid, file)
    }

    /// Reads the memberships of the process in cgroups.
    fn memberships(&self) -> Result<Vec<Membership>, ProcError> {
        const LONGEST: usize = 1 << 16;
        let text = self.read("cgroup", LONGEST)?;
        Ok(Membership::parse_all(&text))
    }

    /// Returns whether root of the target's user namespace is root here.
    fn has_root_here(&self) -> bool {
        self.is_in_hosts_user_namespace()
            || IdChain::of(&self.process, &self.system.proc)
                .is_ok_and(|chain| chain.to_own(IdKind::User, 0) == Some(0))
    }

    /// Returns whether the target's capabilities are those of the host's user namespace.
    fn is_in_hosts_user_namespace(&self) -> bool {
        !self.own.contains(NsKind::User)
    }
}

fn unread(process: &Process, error: ProcError) -> Error {
    let act = format!("examine process {}", process.pid());
    Error::unread(act, process, error)
}
