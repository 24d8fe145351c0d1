//! The word after `nsx ls`: a process, or a namespace.

use super::Named;
use crate::{exit::ExitStatus, target};
pub(super) use nsx_core::census::Wanted as Name;
use nsx_core::{
    pid,
    proc::{ProcRoot, decimal},
};
use nsx_target::{Found, Target};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The process or namespace that a word names.
#[derive(Debug)]
pub(super) enum Operand {
    Process(Named),
    Namespace(Name),
}

impl Operand {
    /// Finds what `word` names; a number is an inode where no process can have it. A namespace that
    /// is named by its id is left for a census to find, which looks further than for what can be
    /// opened.
    ///
    /// # Errors
    /// The status to end with, once the reason is on standard error.
    pub(super) fn find(word: &OsStr, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        match read(word.as_bytes()) {
            Some(Target::Namespace(ns)) => Ok(Self::Namespace(Name::Full(ns))),
            Some(Target::Inode(inode)) => Ok(Self::Namespace(Name::Inode(inode))),
            Some(Target::Id(id)) => Ok(Self::Namespace(Name::Id64(id))),
            Some(Target::Process { .. }) => Named::find(word, proc).map(Self::Process),
            _ => match target::look_up(word).map_err(|error| target::failed(&error))? {
                Found::Namespace(ns) => Ok(Self::Namespace(Name::Full(ns.id()))),
                Found::Process(subject) => Named::of(subject.process, proc).map(Self::Process),
            },
        }
    }
}

/// Reads the word; none where it has no form, which whoever looks for a process says.
fn read(word: &[u8]) -> Option<Target> {
    let inode = decimal(word).is_some_and(|number| number >= pid::LIMIT.unsigned_abs().into());
    let parse = if inode {
        Target::parse_namespace
    } else {
        Target::parse
    };
    parse(word).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_inode_where_no_process_can_have_it() {
        assert_eq!(read(b"4026531833"), Some(Target::Inode(4_026_531_833)));
        assert!(matches!(read(b"4711"), Some(Target::Process { .. })));
        let net = "net:[4026531833]".parse().unwrap();
        assert_eq!(read(b"net:[4026531833]"), Some(Target::Namespace(net)));
        assert_eq!(read(b"id:x"), None);
    }
}
