//! The word after `nsx ls`: a process, or a namespace.

use super::named::NamedProcess;
use crate::{error::Error, target};
use nsx_core::{
    census::Wanted,
    pid,
    proc::{ProcRoot, decimal},
};
use nsx_target::{Found, Target};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The process or namespace that a word names.
#[derive(Debug)]
pub(super) enum Operand {
    Process(NamedProcess),
    Namespace(Wanted),
}

impl Operand {
    /// Finds what `word` names. A namespace that is named by a number is left for a census to find,
    /// which looks further than for what can be opened.
    pub(super) fn find(word: &OsStr, proc: &ProcRoot) -> Result<Self, Error> {
        match read(word.as_bytes()) {
            Some(Target::Namespace(ns)) => Ok(Self::Namespace(Wanted::Full(ns))),
            Some(Target::Inode(inode)) => Ok(Self::Namespace(Wanted::Inode(inode))),
            Some(Target::Id(id)) => Ok(Self::Namespace(Wanted::Id64(id))),
            Some(Target::Process { .. }) => NamedProcess::find(word, proc).map(Self::Process),
            _ => match target::look_up(word)? {
                Found::Namespace(ns) => Ok(Self::Namespace(Wanted::Full(ns.id()))),
                Found::Process(subject) => {
                    NamedProcess::of(subject.process, proc).map(Self::Process)
                }
            },
        }
    }
}

/// Returns whether a word names a namespace by a number.
pub(super) fn is_namespace(word: &OsStr) -> bool {
    matches!(
        read(word.as_bytes()),
        Some(Target::Namespace(_) | Target::Inode(_) | Target::Id(_))
    )
}

/// Reads a word; `None` if it has no form of a target. A number is an inode number if it is too
/// large for a process id.
fn read(word: &[u8]) -> Option<Target> {
    let is_inode = decimal(word).is_some_and(|number| number >= pid::LIMIT.unsigned_abs().into());
    let parse = if is_inode {
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
    fn a_number_too_large_for_a_process_is_an_inode_number() {
        assert_eq!(read(b"4026531833"), Some(Target::Inode(4_026_531_833)));
        assert!(matches!(read(b"4711"), Some(Target::Process { .. })));
        let net = "net:[4026531833]".parse().unwrap();
        assert_eq!(read(b"net:[4026531833]"), Some(Target::Namespace(net)));
        assert_eq!(read(b"id:x"), None);
    }
}
