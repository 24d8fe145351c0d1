//! The user and the command of a process.

use super::cell::Cell;
use crate::text::{self, escape};
use nsx_core::{
    accounts,
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcRoot, Status},
};
use serde::Serialize;

/// The user and the command of a process; empty if the process was gone before nsx read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ProcessInfo {
    /// Effective user id.
    uid: Option<u32>,
    /// The name of the user in /etc/passwd; `None` for a user of a container.
    #[serde(serialize_with = "text::lossy")]
    user: Option<Vec<u8>>,
    /// The command line or the name of the process, as the process wrote it.
    #[serde(serialize_with = "text::lossy")]
    command: Option<Vec<u8>>,
}

impl ProcessInfo {
    /// Returns the user's name, or the id if the user has no name.
    pub(crate) fn user_cell(&self) -> Cell {
        match (&self.user, self.uid) {
            (Some(name), _) => Cell::Text(name.clone()),
            (None, Some(uid)) => Cell::Unnamed(uid),
            (None, None) => Cell::Unknown,
        }
    }

    /// Returns the user's id.
    pub(crate) fn uid_cell(&self) -> Cell {
        self.uid
            .map_or(Cell::Unknown, |uid| Cell::Number(uid.into()))
    }

    /// Returns the command.
    pub(crate) fn command_cell(&self) -> Cell {
        self.command.clone().map_or(Cell::Unknown, Cell::Text)
    }

    /// Returns the user's name, or the id if the user has no name, for a table.
    pub(crate) fn user(&self) -> String {
        text::named(self.user.as_deref(), self.uid)
    }

    /// Returns the command for a table.
    pub(crate) fn command(&self) -> String {
        self.command
            .as_deref()
            .map_or_else(|| text::UNKNOWN.to_owned(), escape)
    }
}

/// Reads the users and commands of processes. What all processes share is read once.
pub(crate) struct ProcessReader<'a> {
    proc: &'a ProcRoot,
    names: HashMap<u32, Vec<u8>>,
    /// The caller's root directory, by device and inode.
    root: Option<(u64, u64)>,
    /// The creator of each user namespace that was met.
    creators: HashMap<NsId, Option<u32>>,
}

impl<'a> ProcessReader<'a> {
    pub(crate) fn new(proc: &'a ProcRoot) -> Self {
        // Without names, ids are shown. A copy is of another host, which has other users.
        let names = if proc.is_copy() {
            HashMap::default()
        } else {
            accounts::user_names().unwrap_or_default()
        };
        Self {
            proc,
            names,
            root: proc.own_root().ok(),
            creators: HashMap::default(),
        }
    }

    /// Returns the name of a user in /etc/passwd.
    pub(crate) fn name(&self, uid: u32) -> Option<&Vec<u8>> {
        self.names.get(&uid)
    }

    /// Returns the name of a process's user in the caller's /etc/passwd.
    ///
    /// That file does not name the users of a container. If a process has another root directory,
    /// only root and the creator of the process's user namespace have a name. If the root directory
    /// is hidden, a process in a nested PID namespace counts as one with another root directory.
    fn user_of(&mut self, pid: Pid, uid: u32, status: Option<&Status>) -> Option<Vec<u8>> {
        let name = self.names.get(&uid)?.clone();
        let has_callers_root = match self.proc.root_of(pid) {
            Ok(root) => Some(root) == self.root,
            Err(_) => status.is_none_or(|status| status.chain.depth() == 0),
        };
        (uid == 0 || has_callers_root || self.creator(pid) == Some(uid)).then_some(name)
    }

    /// Returns the user who created a process's user namespace, unless the caller is in it too.
    fn creator(&mut self, pid: Pid) -> Option<u32> {
        let link = NsLink::Own(NsKind::User);
        let ns = self
            .proc
            .ns(pid, link)
            .ok()
            .filter(|ns| self.proc.own_ns(link) != Ok(*ns))?;
        let ask = || {
            let open = self.proc.open_ns(pid, link).ok()?;
            if open.id() == ns {
                open.owner_uid().ok()
            } else {
                None
            }
        };
        *self.creators.entry(ns).or_insert_with(ask)
    }

    /// Returns the user and the command of `pid`.
    pub(crate) fn read(&mut self, pid: Pid) -> ProcessInfo {
        let Ok(uid) = self.proc.euid(pid) else {
            return ProcessInfo::default();
        };
        let command = match self.proc.command_line(pid) {
            // A kernel thread and a zombie have only a name.
            None => self.proc.status(pid).ok().map(|status| status.name),
            command => command,
        };
        ProcessInfo {
            uid: Some(uid),
            user: self.user_of(pid, uid, None),
            command,
        }
    }

    /// Returns the user and the command of `pid`, whose status was read earlier while it was in
    /// `ns`, and whether `pid` still is that process. If another process has the PID by now, the
    /// command is the name in the status.
    pub(crate) fn read_since(
        &mut self,
        pid: Pid,
        status: &Status,
        ns: Option<NsId>,
    ) -> (ProcessInfo, bool) {
        let mut who = self.read_with(pid, status);
        let of = |status: &Status| (status.chain.clone(), status.ppid, status.ruid, status.euid);
        let is_still = self
            .proc
            .status(pid)
            .is_ok_and(|now| of(&now) == of(status))
            && ns.is_none_or(|ns| self.proc.ns(pid, NsLink::Own(ns.kind)) == Ok(ns));
        if !is_still {
            who.command = Some(status.name.clone());
        }
        (who, is_still)
    }

    /// Returns the user and the command of `pid`, whose status was read. The caller makes sure that
    /// `pid` is still that process.
    pub(crate) fn read_with(&mut self, pid: Pid, status: &Status) -> ProcessInfo {
        ProcessInfo {
            uid: Some(status.euid),
            user: self.user_of(pid, status.euid, Some(status)),
            command: Some(self.proc.command(pid, status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_safe_to_show() {
        let who = ProcessInfo {
            uid: Some(7),
            user: None,
            command: Some(b"a\x1b[2Jb\xff".to_vec()),
        };
        assert_eq!(who.user(), "7");
        assert_eq!(who.command(), "a\\x1b[2Jb\\xff");
        let json = serde_json::to_string(&who).unwrap();
        assert_eq!(
            json,
            "{\"uid\":7,\"user\":null,\"command\":\"a\\u001b[2Jb\u{fffd}\"}"
        );
    }

    #[test]
    fn a_process_that_is_gone_is_unknown() {
        let gone = ProcessInfo::default();
        assert_eq!(
            (gone.user(), gone.command()),
            ("?".to_owned(), "?".to_owned())
        );
        assert_eq!(
            serde_json::to_string(&gone).unwrap(),
            r#"{"uid":null,"user":null,"command":null}"#
        );
    }
}
