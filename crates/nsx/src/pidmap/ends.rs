//! The two PID namespaces between which ids are translated.

use super::namespace;
use crate::error::Error;
use nsx_core::{
    pid::{IdsOf, Numbering, Translator},
    proc::ProcRoot,
};
use std::ffi::OsString;

/// The targets of `--from` and `--to`; the caller's own PID namespace takes the part of a missing
/// one.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) from: Option<OsString>,
    pub(super) to: Option<OsString>,
}

/// The PID namespaces of [`Ends`], held open.
pub(super) struct OpenEnds {
    /// The caller's own, in whose numbers processes are pinned.
    pub(super) own: Numbering,
    pub(super) from: Numbering,
    pub(super) to: Numbering,
}

impl Ends {
    /// Returns whether one of them is named.
    pub(super) fn is_named(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Finds the PID namespaces.
    pub(super) fn open(&self, proc: &ProcRoot) -> Result<OpenEnds, Error> {
        let own = Numbering::own(proc).map_err(|error| {
            Error::failed(
                "find this process in /proc, which may be of another PID namespace",
                error,
            )
        })?;
        let find = |target: &Option<OsString>| match target {
            Some(target) => namespace::of_target(target, proc),
            None => Ok(own.clone()),
        };
        Ok(OpenEnds {
            from: find(&self.from)?,
            to: find(&self.to)?,
            own,
        })
    }
}

impl OpenEnds {
    /// Returns the translator from one to the other.
    pub(super) fn translator<'a>(&self, proc: &'a ProcRoot, tasks: IdsOf) -> Translator<'a> {
        Translator::new(proc, self.from.clone(), self.to.clone(), tasks)
    }
}
