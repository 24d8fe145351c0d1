//! The namespaces that are followed: all, the selected ones, those of a process, or a single
//! namespace.

use super::{
    super::{named::NamedProcess, operand::Operand, question::Question},
    Watch,
};
use crate::{
    error::Error,
    query::{
        column::{NsColumn, USUAL},
        listing::Listing,
        system::System,
    },
};
use nsx_core::{
    census::{self, Census, Entry, Sources, Wanted},
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
};

/// The namespaces to follow.
pub(super) struct Followed {
    question: Option<Question>,
    target: Option<Target>,
    /// The namespaces in which the target was seen, or the target itself.
    namespaces: Vec<FollowedNs>,
    /// `true` if the process had ended before the last look, which then saw what it left behind.
    had_ended: bool,
}

enum Target {
    Process(NamedProcess),
    Namespace(Wanted),
}

/// A namespace that is followed. Inode numbers are reused; the id tells namespaces apart (6.18).
struct FollowedNs {
    ns: NsId,
    id64: Option<u64>,
}

impl FollowedNs {
    fn of(entry: &Entry) -> Self {
        Self {
            ns: entry.ns,
            id64: entry.relation.and_then(|relation| relation.id64),
        }
    }

    /// Returns whether the entry is this namespace, as far as ids are known.
    fn is(&self, entry: &Entry) -> bool {
        let other = Self::of(entry);
        self.ns == other.ns
            && (self.id64.is_none() || other.id64.is_none() || self.id64 == other.id64)
    }

    /// Returns whether the namespace is gone. A namespace with an id may only be out of sight.
    fn is_gone(&self, census: &Census) -> bool {
        census
            .entry(self.ns)
            .map_or(self.id64.is_none(), |entry| !self.is(entry))
    }
}

impl Followed {
    /// Finds the namespaces to follow.
    pub(super) fn find(request: Watch, system: &System) -> Result<Self, Error> {
        let proc = &system.proc;
        let target = match request
            .target
            .map(|word| Operand::find(&word, proc))
            .transpose()?
        {
            Some(Operand::Process(named)) => Some(Target::Process(named)),
            Some(Operand::Namespace(wanted)) => Some(Target::Namespace(wanted)),
            None => None,
        };
        let question = request
            .selection
            .map(|selection| selection.question(USUAL.to_vec(), proc))
            .transpose()?;
        Ok(Self {
            question,
            target,
            namespaces: Vec::new(),
            had_ended: false,
        })
    }

    /// Records that a look begins.
    pub(super) fn begin(&mut self) {
        self.had_ended =
            matches!(&self.target, Some(Target::Process(named)) if named.process.ended());
    }

    /// Returns the sources that a census has to read, besides those that every look needs.
    pub(super) fn sources(&self) -> Sources {
        self.question
            .as_ref()
            .map_or(Sources::NONE, Question::sources)
    }

    /// Returns the namespaces of a census that are followed; `None` if all are. A process is followed
    /// into other namespaces.
    pub(super) fn choose(&mut self, census: &Census, system: &System) -> Option<Listing> {
        let question = self.question.as_mut()?;
        let is_first = question.among.is_none();
        let now: Vec<NsId> = match &self.target {
            Some(Target::Process(named)) => {
                let now =
                    census::namespaces_of(&system.proc, named.pid, NsSet::ALL).unwrap_or_default();
                if named.process.ended() {
                    Vec::new()
                } else {
                    now
                }
            }
            // A namespace that later gets the name is another one.
            Some(Target::Namespace(wanted)) if is_first => wanted
                .entry(census)
                .map(|entry| entry.ns)
                .into_iter()
                .collect(),
            Some(Target::Namespace(_)) | None => Vec::new(),
        };
        if self.target.is_some() {
            self.namespaces.retain(|followed| !followed.is_gone(census));
            for entry in now.into_iter().filter_map(|ns| census.entry(ns)) {
                if !self.namespaces.iter().any(|followed| followed.is(entry)) {
                    self.namespaces.push(FollowedNs::of(entry));
                }
            }
            question.among = Some(self.namespaces.iter().map(|followed| followed.ns).collect());
        }
        Some(question.answer(census, system).listing)
    }

    /// Returns whether namespaces that no look sees may be followed: a filter, or the process or
    /// file in a namespace, cannot be known without a look.
    pub(super) fn may_be_unseen(&self) -> bool {
        match (&self.target, &self.question) {
            (Some(Target::Process(_)), _) | (None, None) => true,
            (Some(Target::Namespace(_)), _) => false,
            (None, Some(question)) => question.among.is_none() && question.filter.is_none(),
        }
    }

    /// Returns whether a namespace is followed that no look saw, and that a process created or
    /// joined.
    pub(super) fn includes_unseen(&self, kind: Option<NsKind>, pid: Pid) -> bool {
        let is_of_kind = self.question.as_ref().is_none_or(|question| {
            kind.map_or(question.kinds == NsSet::ALL, |kind| {
                question.kinds.contains(kind)
            })
        });
        is_of_kind
            && match &self.target {
                Some(Target::Process(named)) => named.pid == pid,
                Some(Target::Namespace(_)) => false,
                None => true,
            }
    }

    /// Returns whether the process or namespace is still there.
    pub(super) fn is_there(&self, census: &Census) -> bool {
        match &self.target {
            Some(Target::Process(_)) => !self.had_ended,
            Some(Target::Namespace(_)) => self
                .namespaces
                .iter()
                .any(|followed| census.entry(followed.ns).is_some()),
            None => true,
        }
    }

    /// Returns the error that the target does not exist.
    pub(super) fn missing(&self) -> Error {
        Error::Missing(match &self.target {
            Some(Target::Namespace(wanted)) => {
                format!("no namespace {wanted} is found that a process is in or a file holds")
            }
            Some(Target::Process(named)) => format!("process {} has ended", named.pid),
            None => "nothing is followed".to_owned(),
        })
    }
}

/// Returns the inode numbers of the namespaces of a listing.
pub(super) fn inodes(listing: &Listing) -> impl Iterator<Item = u64> {
    listing
        .rows
        .iter()
        .filter_map(|row| listing.number(row, NsColumn::Ns))
}
