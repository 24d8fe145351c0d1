//! A process as the rules see it.

use crate::{
    ns::{Namespace, NsId, NsKind, NsSet, Related},
    pid::{Pid, Process},
    proc::{Credentials, NsLink, ProcError, ProcRoot, decimal},
};
use rustix::{io::Errno, thread::CapabilitySet};

/// A process as the rules see it. Ids are those of the reader's user namespace.
#[derive(Clone, Debug)]
pub struct Subject {
    pub(super) pid: Pid,
    /// Real, effective, saved and file system id.
    pub(super) uids: [u32; 4],
    pub(super) gids: [u32; 4],
    pub(super) permitted: CapabilitySet,
    pub(super) effective: CapabilitySet,
    /// See [`ProcRoot::hides`].
    pub(super) hides: Option<bool>,
    pub(super) tracer: Option<Pid>,
    pub(super) parent: Option<Pid>,
    /// Its user namespace and those above.
    pub(super) user: Chain,
    /// Its PID namespace and those above.
    pub(super) pid_namespaces: Vec<NsId>,
    /// The namespaces that it is in, each with the user namespaces that own it.
    pub(super) namespaces: Vec<(NsId, Chain)>,
}

/// User namespaces, each the parent of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) levels: Vec<Level>,
    /// `true` if the last is the topmost, and not only the topmost that the reader sees.
    pub(super) is_whole: bool,
}

/// A user namespace, and the user who created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) ns: NsId,
    pub(super) owner: Option<u32>,
}

impl Subject {
    /// Reads a process, which still runs when this returns: what was read is of this process.
    ///
    /// # Errors
    /// [`ProcError`]; `Denied` if the reader may not look at its namespaces.
    pub fn of(process: &Process, proc: &ProcRoot) -> Result<Self, ProcError> {
        let pid = process.pid_in(proc)?;
        let text = proc.read(pid, "status")?;
        let credentials = Credentials::parse(&text)?;
        let malformed = ProcError::Malformed("status");
        let hides = proc.hides(pid, &credentials)?;
        let open = |kind| proc.open_ns(pid, NsLink::Own(kind));
        let mut namespaces = Vec::new();
        for kind in proc.kinds()?.iter() {
            let ns = open(kind)?;
            let owners = match kind {
                NsKind::User => Chain::of(&ns)?,
                _ => Chain::owning(&ns)?,
            };
            namespaces.push((ns.id(), owners));
        }
        let user = namespaces.iter().find(|(ns, _)| ns.kind == NsKind::User);
        let user = user.map(|(_, chain)| chain.clone()).ok_or(malformed)?;
        let subject = Self {
            pid: process.pid(),
            uids: credentials.uids,
            gids: credentials.gids,
            permitted: credentials.permitted,
            effective: credentials.effective,
            hides,
            tracer: number(&text, "TracerPid:").and_then(Pid::from_raw),
            parent: number(&text, "PPid:").and_then(Pid::from_raw),
            user,
            pid_namespaces: parents(open(NsKind::Pid)?)?,
            namespaces,
        };
        process.runs(proc, pid)?;
        Ok(subject)
    }

    /// Returns the kinds of namespace in which it differs from another process.
    pub fn differing(&self, other: &Self) -> NsSet {
        let differs = self
            .namespaces
            .iter()
            .filter(|(ns, _)| other.namespaces.iter().all(|(it, _)| it != ns));
        differs.map(|(ns, _)| ns.kind).collect()
    }
}

impl Chain {
    /// Returns a user namespace and those above, as far as the reader sees them.
    fn of(ns: &Namespace) -> Result<Self, Errno> {
        let level = |ns: &Namespace| Level {
            ns: ns.id(),
            owner: ns.owner_uid().ok(),
        };
        let mut levels = vec![level(ns)];
        let mut above = ns.parent()?;
        while let Related::Is(ns) = above {
            levels.push(level(&ns));
            above = ns.parent()?;
        }
        let is_whole = levels.last().is_some_and(|it| it.ns.is_initial());
        Ok(Self { levels, is_whole })
    }

    /// Returns the user namespaces that own a namespace.
    fn owning(ns: &Namespace) -> Result<Self, Errno> {
        match ns.owner()? {
            Related::Is(owner) => Self::of(&owner),
            Related::Hidden => Ok(Self {
                levels: Vec::new(),
                is_whole: false,
            }),
        }
    }
}

/// Returns a PID namespace and those above, as far as the reader sees them.
fn parents(ns: Namespace) -> Result<Vec<NsId>, ProcError> {
    let mut chain = vec![ns.id()];
    let mut above = ns.parent()?;
    while let Related::Is(ns) = above {
        chain.push(ns.id());
        above = ns.parent()?;
    }
    Ok(chain)
}

fn number(text: &[u8], key: &str) -> Option<i32> {
    let value = text
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(key.as_bytes()))?;
    decimal(value.trim_ascii())?.try_into().ok()
}
