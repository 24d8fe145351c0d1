//! Sets of namespaces with a name: whether one is there, and its end.

use crate::{
    error::Error,
    links::{self, hosts},
};
use nsx_core::{
    cgroup::{Membership, Mounts},
    ns::{Namespace, NsId, NsKind, NsSet},
    own_cgroup,
    pid::{Pid, Process},
    proc::{NsLink, ProcRoot},
    run::{record_draft, unpin},
};
use nsx_target::{Engine, Found, Host, Keeper, NETNS, Target, keeper_of};
use rustix::{fs::CWD, io::Errno};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

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

    /// Returns the name of the cgroup that limits what runs in the set.
    pub(crate) fn cgroup(&self) -> String {
        format!("nsx-{}", self.0)
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

/// The record of a set that is alive.
#[derive(Debug)]
pub(crate) struct SetRecord {
    /// The name of the set.
    pub(crate) name: Name,
    /// The file.
    pub(crate) path: PathBuf,
    /// The text.
    pub(crate) text: String,
}

impl SetRecord {
    /// Reads the record of the caller's own set that a target names, if it names one.
    pub(crate) fn of(found: &Found) -> Option<Self> {
        let Found::Process(subject) = found else {
            return None;
        };
        let container = subject.container.as_ref()?;
        if container.engine != Engine::Lab {
            return None;
        }
        let name: Name = container.name.as_ref()?.to_str()?.parse().ok()?;
        let path = nsx_target::lab_record(name.as_str())?;
        let text = fs::read_to_string(&path).ok()?;
        let is_its = keeper_of(text.as_bytes()).pid == Some(subject.process.pid());
        is_its.then_some(Self { name, path, text })
    }
}

/// Takes away what a set of this name has left. A set that is alive is refused.
pub(crate) fn clear(name: &Name, path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    if name.keeper(&Host::system()?).is_some() {
        let target = name.target();
        return Err(
            Error::usage(format!("there is a set {target} already")).with_hints([
                format!("run a program in it: nsx enter {target}"),
                format!("or end it: nsx rm {target}"),
            ]),
        );
    }
    end(name)
}

/// Ends a set: kills the processes in its namespaces and removes its pin and its record.
///
/// # Errors
/// [`Error::Missing`] if there is neither a set nor the record of one.
pub(crate) fn end(name: &Name) -> Result<(), Error> {
    let missing = || Error::Missing(format!("there is no set {}", name.target()));
    let path = nsx_target::lab_record(name.as_str()).ok_or_else(missing)?;
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(Error::failed(format!("read {}", path.display()), error)),
    };
    let record = keeper_of(&text);
    let text = String::from_utf8_lossy(&text);
    let host = Host::system()?;
    let mut network = pinned_network(name, &record);
    if let Some(keeper) = name.keeper(&host) {
        let failed =
            |errno| Error::failed(format!("kill the processes of {}", name.target()), errno);
        let own = namespaces(host.proc(), &keeper, record.kinds);
        let link = NsLink::Own(NsKind::Net);
        network = network.or_else(|| host.proc().open_ns(keeper.pid(), link).ok());
        let cgroups = host.proc().read(keeper.pid(), "cgroup");
        let cgroups = cgroups.unwrap_or_default();
        keeper.kill().map_err(failed)?;
        keeper.wait_for_end().map_err(failed)?;
        // A PID namespace takes its processes along; other kinds do not.
        while kill_inhabitants(host.proc(), &own).map_err(failed)? {}
        if let Ok(mounts) = Mounts::read(host.proc()) {
            own_cgroup::remove_of(&Membership::parse_all(&cgroups), &name.cgroup(), &mounts);
        }
    }
    links::take_away(&text, network.as_ref());
    unpin_network(name, &record);
    let _ = fs::remove_file(record_draft(&path));
    fs::remove_file(&path)
        .map_err(|error| Error::failed(format!("remove {}", path.display()), error))?;
    hosts::update(&path, &text)
        .map_err(|error| Error::failed("bring the names of sets up to date", error))
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

/// Opens the set's network namespace by its pin, unless the name is another network's.
fn pinned_network(name: &Name, record: &Keeper) -> Option<Namespace> {
    let path = Path::new(NETNS).join(name.as_str());
    let namespace = Namespace::open(CWD, &path).ok()?;
    let id = namespace.id();
    (id.kind == NsKind::Net && Some(id.inode) == record.net).then_some(namespace)
}

/// Removes the pin of the set's network.
fn unpin_network(name: &Name, record: &Keeper) {
    if pinned_network(name, record).is_some()
        && let Ok(directory) = unpin::directory(Path::new(NETNS))
    {
        // What is left is an empty file, or a pin that `nsx rm netns:NAME` removes.
        let _ = unpin::unpin(&directory, OsStr::new(name.as_str()));
    }
}
