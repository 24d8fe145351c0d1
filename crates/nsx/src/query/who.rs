//! The owner and the command of a row's process.

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

/// A process's owner and command; nothing where the process went before it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Who {
    /// Effective user id.
    uid: Option<u32>,
    /// The name that /etc/passwd has for it; none for a user of a container.
    #[serde(serialize_with = "text::lossy")]
    user: Option<Vec<u8>>,
    /// Command line or name, as the process wrote it.
    #[serde(serialize_with = "text::lossy")]
    command: Option<Vec<u8>>,
}

impl Who {
    /// The user's name, or the number where it has none.
    pub(crate) fn user_cell(&self) -> Cell {
        match (&self.user, self.uid) {
            (Some(name), _) => Cell::Text(name.clone()),
            (None, Some(uid)) => Cell::Unnamed(uid),
            (None, None) => Cell::Unknown,
        }
    }

    /// The user's number.
    pub(crate) fn uid_cell(&self) -> Cell {
        self.uid
            .map_or(Cell::Unknown, |uid| Cell::Number(uid.into()))
    }

    /// The command.
    pub(crate) fn command_cell(&self) -> Cell {
        self.command.clone().map_or(Cell::Unknown, Cell::Text)
    }

    /// For a table: the user's name, or the number where it has none.
    pub(crate) fn user(&self) -> String {
        text::named(self.user.as_deref(), self.uid)
    }

    /// For a table: the command.
    pub(crate) fn command(&self) -> String {
        self.command
            .as_deref()
            .map_or_else(|| text::UNKNOWN.to_owned(), escape)
    }
}

/// Finds out about processes, with what is the same for all of them read once.
pub(crate) struct Registrar<'a> {
    proc: &'a ProcRoot,
    names: HashMap<u32, Vec<u8>>,
    /// The caller's root directory, by device and inode.
    root: Option<(u64, u64)>,
    /// The creators of user namespaces.
    creators: HashMap<NsId, Option<u32>>,
    buffer: Vec<u8>,
}

impl<'a> Registrar<'a> {
    pub(crate) fn new(proc: &'a ProcRoot) -> Self {
        // Numbers say as much where the names cannot be had. A copy is of another host, with other
        // users.
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
            buffer: Vec::new(),
        }
    }

    /// The procfs that is asked.
    pub(crate) fn proc(&self) -> &'a ProcRoot {
        self.proc
    }

    /// The name that /etc/passwd has for a user.
    pub(crate) fn name(&self, uid: u32) -> Option<&Vec<u8>> {
        self.names.get(&uid)
    }

    /// The name that a process's user has here.
    ///
    /// /etc/passwd says nothing of the users in a container: a process whose root directory is
    /// another one has that of root, and that of the user who made its user namespace. If its root
    /// directory is hidden, a process in a nested PID namespace is taken to have another one.
    fn user_of(&mut self, pid: Pid, uid: u32, status: Option<&Status>) -> Option<Vec<u8>> {
        let name = self.names.get(&uid)?.clone();
        let has_callers_root = match self.proc.root_of(pid) {
            Ok(root) => Some(root) == self.root,
            Err(_) => status.is_none_or(|status| status.chain.depth() == 0),
        };
        (uid == 0 || has_callers_root || self.creator(pid) == Some(uid)).then_some(name)
    }

    /// The user who made the user namespace that a process is in, if it is not the caller's.
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

    /// Returns the owner and the command of `pid`.
    pub(crate) fn who(&mut self, pid: Pid) -> Who {
        let Ok(uid) = self.proc.euid(pid) else {
            return Who::default();
        };
        let command = match self.proc.command_line(pid, &mut self.buffer) {
            // A kernel thread and a zombie have no more than a name.
            None => self
                .proc
                .status(pid, &mut self.buffer)
                .ok()
                .map(|status| status.name),
            command => command,
        };
        Who {
            uid: Some(uid),
            user: self.user_of(pid, uid, None),
            command,
        }
    }

    /// Returns who `pid` was when its status was read and it was in `ns`, and whether it still is
    /// that process. If another process has the id by now, the command is the name in the status.
    pub(crate) fn who_was(&mut self, pid: Pid, status: &Status, ns: Option<NsId>) -> (Who, bool) {
        let mut who = self.who_has(pid, status);
        let of = |status: &Status| (status.chain.clone(), status.ppid, status.ruid, status.euid);
        let is_still = self
            .proc
            .status(pid, &mut self.buffer)
            .is_ok_and(|now| of(&now) == of(status))
            && ns.is_none_or(|ns| self.proc.ns(pid, NsLink::Own(ns.kind)) == Ok(ns));
        if !is_still {
            who.command = Some(status.name.clone());
        }
        (who, is_still)
    }

    /// Returns who `pid` is, whose status was read, if something else tells that it is still that
    /// process.
    pub(crate) fn who_has(&mut self, pid: Pid, status: &Status) -> Who {
        Who {
            uid: Some(status.euid),
            user: self.user_of(pid, status.euid, Some(status)),
            command: Some(self.proc.command(pid, status, &mut self.buffer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_wrote_is_safe_to_show() {
        let who = Who {
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
    fn one_that_is_gone_is_unknown() {
        let gone = Who::default();
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
