//! The word after `nsx ls`: a process, or a namespace.

use crate::{exit::ExitStatus, out};
use nsx_core::{
    census::{Census, Entry},
    ns::{Namespace, NsId},
    pid::{self, Process},
    proc::decimal,
};
use rustix::{fs::CWD, io::Errno};
use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt};

/// What the word names.
#[derive(Debug)]
pub(super) enum Operand {
    Process(Process),
    Namespace(Name),
}

/// Which namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `net:[4026531833]`, or what a file holds.
    Full(NsId),
    /// An inode number: no two namespaces have the same, of whatever kind.
    Inode(u64),
    /// `id:77`, the id that is never used again.
    Id64(u64),
}

impl Operand {
    /// Finds what `word` names; a number is an inode where only a namespace fits, or where no process can have it.
    ///
    /// # Errors
    /// The status to end with, once the reason is on standard error.
    pub(super) fn find(word: &OsStr, only_namespace: bool) -> Result<Self, ExitStatus> {
        match Name::parse(word.as_bytes(), only_namespace) {
            Some(name) => Ok(Self::Namespace(name)),
            None if word.as_bytes().contains(&b'/') => {
                let open = Namespace::open(CWD, word).map_err(|errno| {
                    let why = if errno == Errno::INVAL { "it is no namespace".into() } else { out::reason(&errno) };
                    out::error(&format!("failed to open the namespace {}: {why}", out::shown(word)));
                    if errno == Errno::NOENT { ExitStatus::NO_MATCH } else { ExitStatus::FAILURE }
                })?;
                Ok(Self::Namespace(Name::Full(open.id())))
            }
            None if only_namespace => {
                let forms = "net:[4026531833], its number alone, id:77, or a file that holds it";
                out::error(&format!("{} is not a namespace, which is named as {forms}", out::shown(word)));
                Err(ExitStatus::FAILURE)
            }
            None => super::process_named(word).map(Self::Process),
        }
    }
}

impl Name {
    /// Reads a word that is no path.
    fn parse(word: &[u8], only_namespace: bool) -> Option<Self> {
        if let Some(id) = word.strip_prefix(b"id:") {
            return decimal(id).map(Self::Id64);
        }
        let inode = decimal(word).filter(|inode| only_namespace || *inode >= pid::LIMIT.unsigned_abs().into());
        NsId::parse(word).ok().map(Self::Full).or(inode.map(Self::Inode))
    }

    /// The namespace's entry in a census that has [`Sources::RELATIONS`](nsx_core::census::Sources::RELATIONS).
    pub(super) fn entry(self, census: &Census) -> Option<&Entry> {
        match self {
            Self::Full(ns) => census.entry(ns),
            Self::Inode(inode) => census.namespaces.iter().find(|entry| entry.ns.inode == inode),
            Self::Id64(id) => {
                census.namespaces.iter().find(|entry| entry.relation.and_then(|relation| relation.id64) == Some(id))
            }
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(ns) => ns.fmt(f),
            Self::Inode(inode) => inode.fmt(f),
            Self::Id64(id) => write!(f, "id:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_inode_where_no_process_can_have_it() {
        let net = "net:[4026531833]".parse().unwrap();
        assert_eq!(Name::parse(b"net:[4026531833]", false), Some(Name::Full(net)));
        assert_eq!(Name::parse(b"4026531833", false), Some(Name::Inode(4_026_531_833)));
        assert_eq!(Name::parse(b"4711", false), None);
        assert_eq!(Name::parse(b"4711", true), Some(Name::Inode(4711)));
        assert_eq!(Name::parse(b"id:77", false), Some(Name::Id64(77)));
        for word in [&b"id:"[..], b"id:x", b"net:[1", b"web", b"", b"1:2"] {
            assert_eq!(Name::parse(word, true), None);
        }
    }
}
