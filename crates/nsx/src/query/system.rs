//! The system that a query looks at.

use crate::{error::Error, program, target, text};
use nsx_core::{
    census::{Census, Query, Sources},
    ns::NsSet,
    proc::ProcRoot,
};
use nsx_target::Host;
use std::path::{Path, PathBuf};

/// The path of a procfs.
pub(crate) enum Procfs {
    /// `/proc`.
    Own,
    /// Another directory on which a procfs is mounted, or that has a copy of a procfs.
    At(PathBuf),
}

/// A system: its processes, and the engines that know their containers.
pub(crate) struct System {
    /// The procfs that shows the processes.
    pub(crate) proc: ProcRoot,
    /// The host that the processes run on; `None` if they are not this host's.
    pub(crate) host: Option<Host>,
}

impl System {
    /// Opens the system whose processes a procfs shows.
    pub(crate) fn open(procfs: &Procfs) -> Result<Self, Error> {
        match procfs {
            Procfs::Own => Ok(Self {
                proc: program::procfs()?,
                host: Host::system().ok(),
            }),
            Procfs::At(directory) => Ok(Self {
                proc: procfs_at(directory)?,
                host: None,
            }),
        }
    }

    /// Takes a census of the namespaces of these kinds.
    pub(crate) fn census(&self, kinds: NsSet, sources: Sources) -> Result<Census, Error> {
        Census::take(&self.proc, Query { kinds, sources })
            .map_err(|errno| Error::failed("list the processes", errno))
    }

    /// Takes a census of the namespaces of these kinds, and finds their leaders.
    pub(crate) fn census_with_leaders(
        &self,
        kinds: NsSet,
        sources: Sources,
    ) -> Result<Census, Error> {
        let mut census = self.census(kinds, sources)?;
        census.find_leaders(&self.proc);
        Ok(census)
    }
}

/// Answers from the system whose processes a procfs shows, and notes which users' stores were not
/// read to their end.
pub(crate) fn show<A>(
    procfs: &Procfs,
    answer: impl FnOnce(&System) -> Result<A, Error>,
) -> Result<A, Error> {
    let system = System::open(procfs)?;
    let answer = answer(&system);
    if let Some(host) = &system.host {
        target::note_cut_off(host);
    }
    answer
}

/// Opens the procfs that is mounted on a directory, or copied to it.
fn procfs_at(directory: &Path) -> Result<ProcRoot, Error> {
    let shown = text::shown(directory.as_os_str());
    let unopened = |errno| Error::failed(format!("open {shown}"), errno);
    let proc = ProcRoot::open(directory).map_err(unopened)?;
    if proc.is_procfs() {
        return Ok(proc);
    }
    let copy = ProcRoot::copy(directory).map_err(unopened)?;
    let pids = copy
        .pids()
        .map_err(|errno| Error::failed(format!("list {shown}"), errno))?;
    if pids.is_empty() {
        return Err(Error::usage(format!(
            "{shown} is neither a procfs nor a copy of one: it has no directory of a process"
        )));
    }
    Ok(copy)
}
