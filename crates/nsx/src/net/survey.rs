//! The network namespaces of a host, each read from outside through a socket that was opened in it.

use crate::{
    error::Error,
    query::{left_out::LeftOut, names, system::System},
    text,
};
use nsx_core::{
    census::{Census, Sources},
    ns::{Namespace, NetlinkOpener, NsId, NsKind, NsSet},
    proc::{NsLink, ProcError, ProcRoot},
};
use nsx_net::{NetlinkError, Reader};
use nsx_target::Found;
use rustix::{fd::OwnedFd, net::Protocol};
use std::{collections::BTreeMap, ffi::OsStr};

/// A network namespace that was read.
pub(super) struct Network<T> {
    pub(super) ns: NsId,
    /// The name of the container, unit, process or file that it belongs to, as `nsx ls` has it.
    pub(super) name: Vec<u8>,
    /// `true` if the caller is in it.
    pub(super) is_own: bool,
    /// The facts that were read.
    pub(super) found: T,
}

/// The network namespaces of a system.
pub(super) struct Survey<'a> {
    pub(super) census: Census,
    /// The network namespace that is asked about, if not all are.
    pub(super) target: Option<NsId>,
    proc: &'a ProcRoot,
    opener: NetlinkOpener,
    names: Vec<(NsId, Vec<u8>)>,
    /// The number of network namespaces that could not be read, by reason.
    unread: BTreeMap<String, usize>,
}

/// A failure to read one network namespace.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Open(#[from] ProcError),
    #[error(transparent)]
    Read(#[from] NetlinkError),
}

impl<'a> Survey<'a> {
    /// Finds the network namespaces, that of `target` among them: a word that names a process or a
    /// network namespace.
    pub(super) fn take(
        system: &'a System,
        deep: bool,
        target: Option<&OsStr>,
    ) -> Result<Self, Error> {
        let target = target.map(|word| find(word, &system.proc)).transpose()?;
        let census = census(system, deep, target)?;
        let proc = &system.proc;
        let opener = NetlinkOpener::new(proc)
            .map_err(|error| Error::failed("open your own network namespace", error))?;
        Ok(Self {
            names: names::of_kind(NsKind::Net, &census, system),
            census,
            target,
            proc,
            opener,
            unread: BTreeMap::new(),
        })
    }

    /// Reads all network namespaces through sockets of a protocol: NETLINK_ROUTE if none is given.
    pub(super) fn read<T>(
        &mut self,
        protocol: Option<Protocol>,
        mut read: impl FnMut(&mut Reader) -> Result<T, NetlinkError>,
    ) -> Vec<Network<T>> {
        let own = self.proc.own_ns(NsLink::Own(NsKind::Net)).ok();
        let mut networks = Vec::with_capacity(self.names.len());
        for (ns, name) in std::mem::take(&mut self.names) {
            let opened = self.socket(ns, protocol).map(Reader::new);
            let found = opened
                .map_err(Unread::from)
                .and_then(|mut reader| Ok(read(&mut reader)?));
            match found {
                Ok(found) => networks.push(Network {
                    ns,
                    name,
                    is_own: own == Some(ns),
                    found,
                }),
                // It ended meanwhile.
                Err(Unread::Open(ProcError::Vanished)) => {}
                Err(error) => *self.unread.entry(text::reason(&error)).or_default() += 1,
            }
        }
        networks
    }

    /// Returns whether what is in a network namespace is listed.
    pub(super) fn lists(&self, ns: NsId) -> bool {
        self.target.is_none_or(|target| target == ns)
    }

    /// Opens a network namespace.
    pub(super) fn open(&self, ns: NsId) -> Result<Namespace, ProcError> {
        self.census.open(self.proc, ns)
    }

    /// Opens a netlink socket in a network namespace.
    pub(super) fn socket(
        &self,
        ns: NsId,
        protocol: Option<Protocol>,
    ) -> Result<OwnedFd, ProcError> {
        Ok(self.opener.open(&self.open(ns)?, protocol)?)
    }

    /// Returns what was not seen, one sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let unread = self.unread.iter().map(|(reason, count)| match count {
            1 => format!("1 network namespace could not be read: {reason}"),
            count => format!("{count} network namespaces could not be read: {reason}"),
        });
        unread.collect()
    }

    /// Returns the number of network namespaces that could not be read.
    pub(super) fn unread(&self) -> usize {
        self.unread.values().sum()
    }

    /// Returns what the census did not see.
    pub(super) fn left_out(&self) -> LeftOut {
        let networks = self.census.namespaces.iter();
        let networks = networks.filter(|entry| entry.ns.kind == NsKind::Net);
        LeftOut::of(&self.census, networks, self.proc)
    }
}

/// Takes a census. A target that is not found at first is searched everywhere.
fn census(system: &System, deep: bool, target: Option<NsId>) -> Result<Census, Error> {
    let take = |sources| system.census_with_leaders(NsSet::ALL, sources);
    if deep {
        return take(Sources::ALL);
    }
    let census = take(Sources::PINS.with(Sources::MEMBERS))?;
    match target {
        Some(ns) if census.entry(ns).is_none() => take(Sources::ALL),
        _ => Ok(census),
    }
}

/// Finds the network namespace that a word names, or that the process is in that it names.
fn find(word: &OsStr, proc: &ProcRoot) -> Result<NsId, Error> {
    let act = format!("read the network namespace of {}", text::shown(word));
    match crate::target::look_up(word)? {
        Found::Namespace(ns) if ns.id().kind == NsKind::Net => Ok(ns.id()),
        Found::Namespace(ns) => Err(Error::usage(format!(
            "{} is not a network namespace but {}",
            text::shown(word),
            ns.id()
        ))),
        Found::Process(subject) => {
            let process = &subject.process;
            let ns = process.pid_in(proc).and_then(|pid| {
                let ns = proc.ns(pid, NsLink::Own(NsKind::Net));
                process.runs(proc, pid).and(ns)
            });
            ns.map_err(|error| Error::unread(act, process, error))
        }
    }
}
