//! Sets of namespaces with a name: whether one is there, and its end.

use crate::error::Error;
use nsx_core::{
    ns::{Namespace, NsId, NsKind, NsSet},
    pid::{Pid, Process},
    proc::{NsLink, ProcRoot},
    run::unpin,
};
use nsx_target::{Found, Host, Keeper, NETNS, Target};
use rustix::{fs::CWD, io::Errno};
use std::{ffi::OsStr, fs, io, path::Path, str::FromStr};

/// The name of a set: 1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or
/// digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_first = |byte: &u8| byte.is_ascii_alphanumeric();
        let is_one = |byte: &u8| is_first(byte) || b"_.-".contains(byte);
        match text.as_bytes() {
            [] => Err("the name is empty".to_owned()),
            bytes if bytes.len() > 64 => Err("the name is longer than 64 bytes".to_owned()),
            [first, rest @ ..] if is_first(first) && rest.iter().all(is_one) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(
                "a name consists of letters, digits, dots, hyphens and underscores, and begins \
                with a letter or digit"
                    .to_owned(),
            ),
        }
    }
}

impl Name {
    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the set as a TARGET.
    pub(crate) fn target(&self) -> String {
        format!("lab:{}", self.0)
    }

    /// Pins the process that keeps the set, if the set is alive.
    pub(crate) fn keeper(&self, host: &Host) -> Option<Process> {
        let target = Target::parse(self.target().as_bytes()).ok()?;
        match host.find(&target) {
            Ok(Found::Process(subject)) => Some(subject.process),
            _ => None,
        }
    }
}

/// Ends a set: kills the processes in its namespaces and removes its pin and its record.
///
/// # Errors
/// [`Error::Missing`] if there is neither a set nor the record of one.
pub(crate) fn end(name: &Name) -> Result<(), Error> {
    let missing = || Error::Missing(format!("there is no set {}", name.target()));
    let path = nsx_target::lab_record(name.as_str()).ok_or_else(missing)?;
    let record = match Keeper::read(&path) {
        Ok(record) => record,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(Error::failed(format!("read {}", path.display()), error)),
    };
    let host = Host::system()?;
    if let Some(keeper) = name.keeper(&host) {
        let failed =
            |errno| Error::failed(format!("kill the processes of {}", name.target()), errno);
        let own = namespaces(host.proc(), &keeper, record.kinds);
        unpin_network(name, &own);
        keeper.kill().map_err(failed)?;
        keeper.wait_for_end().map_err(failed)?;
        // A PID namespace takes its processes along; other kinds do not.
        while kill_inhabitants(host.proc(), &own).map_err(failed)? {}
    }
    fs::remove_file(&path)
        .map_err(|error| Error::failed(format!("remove {}", path.display()), error))
}

/// Returns the namespaces of these kinds that a keeper is in and the caller is not in.
fn namespaces(proc: &ProcRoot, keeper: &Process, kinds: NsSet) -> Vec<NsId> {
    let is_own = |kind| {
        let link = NsLink::Own(kind);
        let ns = proc.ns(keeper.pid(), link).ok()?;
        (proc.own_ns(link) != Ok(ns)).then_some(ns)
    };
    kinds.iter().filter_map(is_own).collect()
}

/// Kills each process that is in one of these namespaces, and waits for its end. Returns whether
/// there was any: a process may have made another one meanwhile.
fn kill_inhabitants(proc: &ProcRoot, namespaces: &[NsId]) -> Result<bool, Errno> {
    let is_in = |pid: Pid| {
        let mut namespaces = namespaces.iter();
        namespaces.any(|ns| proc.ns(pid, NsLink::Own(ns.kind)) == Ok(*ns))
    };
    let mut found = false;
    for pid in proc.pids().unwrap_or_default() {
        if let Ok(process) = Process::pin(pid)
            && is_in(pid)
            && !process.ended()
        {
            process.kill()?;
            process.wait_for_end()?;
            found = true;
        }
    }
    Ok(found)
}

/// Removes the pin of the set's network, unless the name is another network's.
fn unpin_network(name: &Name, namespaces: &[NsId]) {
    let path = Path::new(NETNS).join(name.as_str());
    let is_its = Namespace::open(CWD, &path)
        .is_ok_and(|ns| ns.id().kind == NsKind::Net && namespaces.contains(&ns.id()));
    if is_its && let Ok(directory) = unpin::directory(Path::new(NETNS)) {
        // What is left is an empty file, or a pin that `nsx rm netns:NAME` removes.
        let _ = unpin::unpin(&directory, OsStr::new(name.as_str()));
    }
}
