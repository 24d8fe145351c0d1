//! The user namespace of a target, and the names of ids there and here.

use crate::{error::Error, hints, target};
use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdChain, IdChainError, IdKind, process_in},
    ns::{NsId, NsKind},
    pid::{Pid, Process},
    proc::{ProcError, ProcRoot},
};
use rustix::fs::OFlags;
use std::{error::Error as StdError, ffi::OsStr, os::unix::ffi::OsStrExt};

/// The names of ids.
pub(super) type Names = HashMap<u32, Vec<u8>>;

/// A user namespace, by a process that is in it.
pub(super) struct UserNs<'a> {
    pub(super) proc: &'a ProcRoot,
    pub(super) process: Process,
    /// The id of the process in the procfs.
    pub(super) pid: Pid,
    pub(super) chain: IdChain,
}

impl<'a> UserNs<'a> {
    /// Finds a user namespace by its inode, or that of a process or container.
    pub(super) fn find(word: &OsStr, proc: &'a ProcRoot) -> Result<Self, Error> {
        let process = match NsId::parse(word.as_bytes()) {
            Ok(ns) if ns.kind == NsKind::User => process_in(ns, proc).map_err(|error| {
                Error::failed(format!("find a process in {ns}"), error).absent()
            })?,
            _ => target::resolve(word)?.process,
        };
        let pid = process
            .pid_in(proc)
            .map_err(|error| unread(&process, error))?;
        let chain = IdChain::of(&process, proc).map_err(|error| {
            let hints = match error {
                IdChainError::Proc(ProcError::Denied) => hints::of_guard(&process),
                _ => Vec::new(),
            };
            unread(&process, error).with_hints(hints)
        })?;
        Ok(Self {
            proc,
            process,
            pid,
            chain,
        })
    }

    /// Returns the names that the files in the target's root directory have for users or groups.
    pub(super) fn names(&self, ids: IdKind) -> Names {
        let Ok(root) = self
            .proc
            .open_entry(self.pid, "root", OFlags::PATH | OFlags::DIRECTORY)
        else {
            return Names::default();
        };
        let names = match ids {
            IdKind::User => accounts::user_names_below(root),
            IdKind::Group => accounts::group_names_below(root),
        };
        names.unwrap_or_default()
    }
}

fn unread(process: &Process, error: impl StdError + 'static) -> Error {
    let act = format!("read the id mappings of process {}", process.pid());
    Error::failed(act, error)
}

/// Returns the names that the caller's own files have for users or groups.
pub(super) fn own_names(ids: IdKind) -> Names {
    let names = match ids {
        IdKind::User => accounts::user_names(),
        IdKind::Group => accounts::group_names(),
    };
    names.unwrap_or_default()
}
