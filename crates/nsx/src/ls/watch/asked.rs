//! What is followed: all namespaces, those that options choose, or those of a process or a single one.

use super::{
    super::{
        Options, Sight,
        column::{Column, USUAL},
        listing::{Listing, Question},
        named::Named,
        operand::{Name, Operand},
    },
    picture::Picture,
};
use crate::{exit::ExitStatus, out};
use nsx_core::{
    census::{self, Census, Sources},
    ns::{NsId, NsSet},
};

/// What is asked for.
pub(super) struct Asked {
    question: Option<Question>,
    target: Option<Target>,
    /// Whether the process had ended before the last look began: what it left behind was then looked at.
    had_ended: bool,
}

enum Target {
    Process(Named),
    Namespace(Name),
}

impl Asked {
    /// What the options ask for. An error is the status to end with, once its reason is on standard error.
    pub(super) fn of(options: &Options, sight: &Sight) -> Result<Self, ExitStatus> {
        let proc = &sight.proc;
        let target = match options.target.as_ref().map(|word| Operand::find(word, proc)).transpose()? {
            Some(Operand::Process(named)) => Some(Target::Process(named)),
            Some(Operand::Namespace(name)) => Some(Target::Namespace(name)),
            None => None,
        };
        let chooses =
            target.is_some() || !options.kinds.is_empty() || options.filter.is_some() || options.task.is_some();
        let question = chooses.then(|| Question::of(options, USUAL.to_vec(), proc)).transpose()?;
        Ok(Self { question, target, had_ended: false })
    }

    /// Takes note that a look begins.
    pub(super) fn begin(&mut self) {
        self.had_ended = matches!(&self.target, Some(Target::Process(named)) if named.process.ended());
    }

    /// Where a census has to look for it, beside what every look needs.
    pub(super) fn sources(&self) -> Sources {
        self.question.as_ref().map_or(Sources::NONE, Question::sources)
    }

    /// The namespaces of a census that are asked for; none if all are. A process is followed to where it goes.
    pub(super) fn choose(&mut self, census: &Census, sight: &Sight) -> Option<Listing> {
        let question = self.question.as_mut()?;
        let now: Vec<NsId> = match &self.target {
            Some(Target::Process(named)) => {
                let now = census::namespaces_of(&sight.proc, named.pid, NsSet::ALL).unwrap_or_default();
                if named.process.ended() { Vec::new() } else { now }
            }
            Some(Target::Namespace(name)) => name.entry(census).map(|entry| entry.ns).into_iter().collect(),
            None => Vec::new(),
        };
        if self.target.is_some() {
            let among = question.among.get_or_insert_default();
            for ns in now {
                if !among.contains(&ns) {
                    among.push(ns);
                }
            }
        }
        Some(question.answer(census, sight).listing)
    }

    /// Whether the process or namespace is still there.
    pub(super) fn is_there(&self, picture: &Picture) -> bool {
        match &self.target {
            Some(Target::Process(_)) => !self.had_ended,
            Some(Target::Namespace(name)) => name.entry(picture.census()).is_some(),
            None => true,
        }
    }

    /// Says that it is not there; returns the status to end with.
    pub(super) fn refuse(&self) -> ExitStatus {
        match &self.target {
            Some(Target::Namespace(name)) => {
                out::error(&format!("no namespace {name} is found that a process is in or a file holds"))
            }
            Some(Target::Process(named)) => out::error(&format!("process {} has ended", named.pid)),
            None => {}
        }
        ExitStatus::NO_MATCH
    }
}

/// The namespaces of a listing.
pub(super) fn namespaces(listing: &Listing) -> impl Iterator<Item = u64> {
    listing.rows.iter().filter_map(|row| listing.number(row, Column::Ns))
}
