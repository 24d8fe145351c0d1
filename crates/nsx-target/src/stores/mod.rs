//! The records that engines keep on disk about their containers: one module per engine.
//! A store answers a [`Query`] with [`Record`]s, and reads as few files as it can. Records may be
//! out of date, wrong, or written by a hostile user; `check` holds them against the kernel. Nothing
//! here looks at a process.

pub(crate) mod containerd;
pub(crate) mod docker;
mod dockerd;
pub(crate) mod kubelet;
pub(crate) mod lab;
pub(crate) mod lxc;
pub(crate) mod machine;
pub(crate) mod oci;
pub(crate) mod podman;
pub(crate) mod unit;

use crate::{
    claim::Claim,
    container::{Container, State},
    engine::Engine,
    grammar::PodName,
    host::Host,
    id::is_start_of_id,
    person::Owners,
    unread::{ReadError, Unread},
};
use memchr::memmem;
use nsx_core::{hash::HashSet, pid::Pid};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf, time::Duration};

/// The containers that are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query<'a> {
    /// All containers.
    All,
    /// Containers with this name or id. If the word has at least this many digits, containers whose
    /// id begins with it, too.
    Word(&'a [u8], usize),
    /// The containers of a pod.
    Pod(&'a PodName),
}

/// A container as a store describes it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The container. `State::Running` is the store's claim.
    pub(crate) container: Container,
    /// The claim on the record.
    pub(crate) claim: Claim,
    /// The container's first process.
    pub(crate) pid: Option<Pid>,
    /// The start of that process in clock ticks since the boot.
    pub(crate) start: Option<u64>,
    /// The time since 1970 at which the number was written. The process started earlier.
    pub(crate) written: Option<Duration>,
    /// The inode of that process's pidfd.
    pub(crate) inode: Option<u64>,
    /// The container's state if that process has ended; none if the end of the process contradicts
    /// the record.
    pub(crate) once_ended: Option<State>,
}

impl Record {
    pub(crate) fn new(container: Container, claim: Claim) -> Self {
        Self {
            container,
            claim,
            pid: None,
            start: None,
            written: None,
            inode: None,
            once_ended: None,
        }
    }

    /// Returns whether a fact with this claim may be added to the record without weakening the
    /// record's own claim. Podman gives the directory with the number of a container's process to
    /// the user who is root in that container.
    pub(crate) fn trusts(&self, claim: Claim) -> bool {
        self.claim.join(claim) == self.claim
    }
}

/// The answers of the stores.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) records: Vec<Record>,
    pub(crate) unread: Vec<Unread>,
    /// The stores that were cut off: the engine and the user of each.
    cut_off: HashSet<(Engine, u32)>,
}

impl Findings {
    /// Notes a record that could not be read. A missing record is left out, and a store that was
    /// cut off is noted once.
    pub(crate) fn note(&mut self, engine: Engine, path: impl Into<PathBuf>, why: ReadError) {
        let is_news = match &why {
            ReadError::Absent => false,
            ReadError::CutOff { uid, .. } => self.cut_off.insert((engine, *uid)),
            _ => true,
        };
        if is_news {
            self.unread.push(Unread {
                engine,
                path: path.into(),
                why,
            });
        }
    }

    /// Notes that a configuration is not followed because of the users who could have written it.
    pub(crate) fn note_config(&mut self, engine: Engine, path: impl Into<PathBuf>, why: ReadError) {
        if why.is_distrust() {
            self.note(engine, path, why);
        }
    }
}

impl Query<'_> {
    /// Returns whether a container with this id and these names may be meant.
    pub(crate) fn wants(&self, id: &[u8], names: &[&[u8]]) -> bool {
        match self {
            Self::All => true,
            Self::Word(word, _) => names.contains(word) || self.wants_id(id),
            Self::Pod(_) => false,
        }
    }

    /// Returns whether the id alone says that the container is meant.
    pub(crate) fn wants_id(&self, id: &[u8]) -> bool {
        match self {
            Self::Word(word, least) => {
                id == *word || is_start_of_id(word, *least) && id.starts_with(word)
            }
            Self::All | Self::Pod(_) => false,
        }
    }

    /// Returns whether the word is exactly this id.
    pub(crate) fn is_whole_id(&self, id: &[u8]) -> bool {
        matches!(self, Self::Word(word, _) if id == *word)
    }

    /// Returns whether a container is meant, by what is known of it.
    pub(crate) fn wants_container(&self, container: &Container) -> bool {
        match self {
            Self::Pod(PodName {
                namespace,
                pod,
                container: wanted,
            }) => container.pod.as_ref().is_some_and(|found| {
                (&found.namespace, &found.name) == (namespace, pod)
                    && wanted
                        .as_ref()
                        .is_none_or(|wanted| found.container.as_ref() == Some(wanted))
            }),
            _ => {
                let names: Vec<&[u8]> =
                    container.names().into_iter().map(OsStr::as_bytes).collect();
                self.wants(container.id.as_bytes(), &names)
            }
        }
    }

    /// Returns whether the JSON of a container with this id is worth parsing. It is not if the
    /// wanted name consists of letters that no encoder escapes, and the text does not contain the
    /// name.
    pub(crate) fn may_be_in(&self, id: &[u8], text: &[u8]) -> bool {
        let word = match self {
            Self::All => return true,
            Self::Word(..) if self.wants_id(id) => return true,
            Self::Word(word, _) => word,
            Self::Pod(pod) => pod.pod.as_bytes(),
        };
        let is_plain = word
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte));
        !is_plain || memmem::find(text, word).is_some()
    }
}

/// Returns the value of a key in a text with one `key=value` per line; empty if the key is missing.
fn value_of<'a>(text: &'a [u8], key: &[u8]) -> &'a [u8] {
    text.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(b"="))
        .unwrap_or_default()
}

/// Searches the stores of the engine that is named, or of all engines, for records of these owners.
pub(crate) fn look(
    host: &Host,
    owners: Owners,
    engine: Option<Engine>,
    query: &Query<'_>,
) -> Findings {
    use Engine::{Containerd, Cri, Crio, Docker, Lab, Lxc, Machine, Nerdctl, Oci, Podman, Unit};
    host.renew();
    let mut findings = Findings::default();
    let people = &host.people(owners)[..];
    let wants = |stores: &[Engine]| {
        engine.is_none_or(|engine| stores.iter().any(|store| engine.includes(*store)))
    };
    if wants(&[Docker]) {
        docker::look(host, people, query, &mut findings);
    }
    if wants(&[Podman, Crio]) {
        podman::look(host, people, query, &mut findings);
    }
    // Docker's containers are in containerd, too, in case Docker's own records were moved.
    if wants(&[Containerd, Nerdctl, Cri, Docker]) {
        containerd::look(host, people, query, &mut findings);
    }
    // No pod is a machine, an LXC container or a runtime's alone.
    if !matches!(query, Query::Pod(_)) {
        if wants(&[Lxc]) {
            lxc::look(host, people, query, &mut findings);
        }
        if wants(&[Lab]) {
            lab::look(host, people, query, &mut findings);
        }
        if wants(&[Machine]) {
            machine::look(host, query, &mut findings);
        }
        if wants(&[Oci]) {
            oci::look(host, people, query, &mut findings);
        }
        let is_unit = matches!(query, Query::Word(word, _) if unit::is_unit(word));
        if engine == Some(Unit) || engine.is_none() && is_unit {
            unit::look(host, owners, query, &mut findings);
        }
    }
    for unread in &findings.unread {
        if matches!(unread.why, ReadError::CutOff { .. }) {
            host.remember_cut_off(unread);
        }
    }
    retain(host, owners, engine, &mut findings.records);
    findings
}

/// Searches the stores outside the usual directories. Finding them requires a look at all
/// processes.
pub(crate) fn look_elsewhere(
    host: &Host,
    owners: Owners,
    engine: Option<Engine>,
    query: &Query<'_>,
) -> Vec<Record> {
    let mut findings = Findings::default();
    if engine.is_none_or(|engine| engine.includes(Engine::Docker)) {
        docker::look_elsewhere(host, query, &mut findings);
    }
    retain(host, owners, engine, &mut findings.records);
    findings.records
}

/// Keeps the records of these owners and this engine, and sets their owners.
pub(crate) fn retain(
    host: &Host,
    owners: Owners,
    engine: Option<Engine>,
    records: &mut Vec<Record>,
) {
    records.retain(|record| {
        engine.is_none_or(|engine| engine.includes(record.container.engine))
            && host.wants(owners, record.claim)
    });
    for record in records {
        record.container.owner = host.owner(record.claim);
    }
}
