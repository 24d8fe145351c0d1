//! Facts about the host, read when the first row needs them and kept for the others.

use super::{super::Complaint, wording};
use nsx_core::{
    accounts,
    census::{Entry, Relation, Relations},
    hash::HashMap,
    ns::{Namespace, NsId, NsKind, NsidSocket},
    pid::Pid,
    proc::{Mount, ProcRoot},
};
use std::{collections::BTreeMap, rc::Rc};

/// The number of bytes of a command line that are shown.
const LONGEST_COMMAND: usize = 8191;

/// A process, as it was when it was read.
#[derive(Debug)]
pub(super) struct Process {
    /// 0 if the parent is outside the PID namespace of the procfs.
    pub(super) ppid: i32,
    pub(super) uid: u32,
    /// Empty if no column needs it.
    pub(super) command: Vec<u8>,
}

/// The namespaces that are bound to files, each with its mounts in the order of the table.
pub(super) type Mounts = BTreeMap<NsId, Vec<Mount>>;

/// A way to open a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// Through a process in it, or else through anything that keeps it.
    Entry(&'a Entry),
    Mount(&'a Mount),
}

pub(super) struct Host<'a> {
    pub(super) proc: &'a ProcRoot,
    /// `true` if command lines are requested.
    commands: bool,
    processes: HashMap<Pid, Option<Rc<Process>>>,
    users: Option<HashMap<u32, Vec<u8>>>,
    relations: Relations,
    numbers: Option<NsidSocket>,
}

impl<'a> Host<'a> {
    pub(super) fn new(proc: &'a ProcRoot, commands: bool) -> Self {
        Self {
            proc,
            commands,
            processes: HashMap::default(),
            users: None,
            relations: Relations::default(),
            numbers: None,
        }
    }

    /// Returns a process; `None` if it has ended.
    pub(super) fn process(&mut self, pid: Pid) -> Option<Rc<Process>> {
        if let Some(known) = self.processes.get(&pid) {
            return known.clone();
        }
        let process = self.proc.status(pid).ok().map(|status| {
            let mut command = Vec::new();
            if self.commands {
                command = self.proc.command(pid, &status);
                command.truncate(LONGEST_COMMAND);
            }
            Rc::new(Process {
                ppid: status.ppid.map_or(0, Pid::as_raw_pid),
                uid: status.euid,
                command,
            })
        });
        self.processes.insert(pid, process.clone());
        process
    }

    /// Returns the name of a user, or its number if it has no name.
    pub(super) fn user(&mut self, uid: u32) -> Vec<u8> {
        let users = self
            .users
            .get_or_insert_with(|| accounts::user_names().unwrap_or_default());
        users
            .get(&uid)
            .cloned()
            .unwrap_or_else(|| uid.to_string().into_bytes())
    }

    /// Returns the parent and the owner of a namespace; `None` if the namespace is gone or the caller
    /// cannot open it.
    ///
    /// # Errors
    /// A complaint if the kernel does not know relations between namespaces.
    pub(super) fn relation(
        &mut self,
        ns: NsId,
        way: Option<Way<'_>>,
    ) -> Result<Option<Relation>, Complaint> {
        if let Some(known) = self.relations.of(ns) {
            return Ok(Some(known));
        }
        let Some(open) = way.and_then(|way| self.open(ns, way)) else {
            return Ok(None);
        };
        let relation = self.relations.learn(&open);
        relation.map(Some).map_err(|_| wording::no_relations())
    }

    /// Returns the namespaces whose relations are known.
    pub(super) fn related(&self) -> impl Iterator<Item = NsId> {
        self.relations.iter().map(|(ns, _)| ns)
    }

    /// Returns the text for the number that a network namespace has in the caller's; `None` if that
    /// cannot be read.
    pub(super) fn netnsid(&mut self, ns: NsId, way: Option<Way<'_>>) -> Option<Vec<u8>> {
        if ns.kind != NsKind::Net {
            return None;
        }
        let open = self.open(ns, way?)?;
        if self.numbers.is_none() {
            self.numbers = NsidSocket::new().ok();
        }
        let number = self.numbers.as_ref()?.number(&open).ok()?;
        Some(number.map_or_else(
            || b"unassigned".to_vec(),
            |number| number.to_string().into_bytes(),
        ))
    }

    fn open(&self, ns: NsId, way: Way<'_>) -> Option<Namespace> {
        let open = match way {
            Way::Entry(entry) => entry.open(self.proc).ok()?,
            Way::Mount(mount) => Namespace::open_mount(mount).ok()?,
        };
        // The process may have left it meanwhile.
        (open.id() == ns).then_some(open)
    }
}

/// Returns the namespaces that are bound to files in the caller's mount namespace.
///
/// # Errors
/// A complaint if the table of mounts cannot be read.
pub(super) fn mounts(proc: &ProcRoot) -> Result<Mounts, Complaint> {
    let mounts = proc
        .read_own("mountinfo")
        .and_then(|text| Mount::parse_all(&text));
    let mut bound = Mounts::new();
    for mount in mounts.map_err(|error| wording::no_mounts(&error))? {
        if let Some(ns) = mount.namespace() {
            bound.entry(ns).or_default().push(mount);
        }
    }
    Ok(bound)
}
