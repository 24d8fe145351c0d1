//! The namespaces of a process, or the holders of a namespace: whatever a word names.

use super::{
    namespaces::{self, Namespaces},
    operand::{Operand, is_namespace},
    process,
    saved::Saved,
    selection::Selection,
    why,
};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::system::System,
    text,
};
use nsx_core::ns::NsSet;
use std::ffi::OsString;

/// The request to show what is known of a process or a namespace.
pub(super) struct Target {
    pub(super) word: OsString,
    /// The kinds of a process's namespaces to show, if any are named.
    pub(super) kinds: Option<NsSet>,
    /// `true` if everything that holds the namespaces is searched.
    pub(super) deep: bool,
}

impl Target {
    /// Shows a process or a namespace of a system.
    pub(super) fn answer(self, system: &System, format: Format) -> Result<Answer, Error> {
        if system.proc.is_copy() && !is_namespace(&self.word) {
            return self.namespaces(format).answer(system, format);
        }
        match Operand::find(&self.word, &system.proc)? {
            Operand::Process(named) => {
                let kinds = self.kinds.unwrap_or(NsSet::ALL);
                process::answer(&named, kinds, self.deep, system, format)
            }
            Operand::Namespace(_) if self.kinds.is_some() => Err(Error::usage(format!(
                "-t is for the namespaces of a process, and {} is a namespace",
                text::shown(&self.word)
            ))),
            Operand::Namespace(wanted) => why::of_namespace(wanted, self.deep, system, format),
        }
    }

    /// Shows a process or a namespace of a census that was saved.
    pub(super) fn answer_from(self, saved: Saved, format: Format) -> Result<Answer, Error> {
        if is_namespace(&self.word) {
            saved.holders(&self.word, false, format)
        } else {
            self.namespaces(format).answer_from(saved, format)
        }
    }

    /// Returns the request to list the namespaces of a process that does not run here, of which no
    /// more is known.
    fn namespaces(self, format: Format) -> Namespaces {
        Namespaces {
            selection: Selection {
                kinds: self.kinds.unwrap_or(NsSet::ALL),
                process: Some(self.word),
                filter: None,
                deep: self.deep,
            },
            columns: namespaces::usual_columns(format),
            order: None,
        }
    }
}
