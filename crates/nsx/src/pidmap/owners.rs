//! The owners of PID namespaces.

use crate::text::escape;
use nsx_core::{
    hash::HashMap,
    ns::NsId,
    pid::{IdsOf, Level, Lineages, Numbering, Pid, Process, Translator},
    proc::ProcRoot,
};
use nsx_target::{Host, Inventory};

/// The owners of PID namespaces, each found once.
pub(super) struct Owners<'a> {
    proc: &'a ProcRoot,
    own: &'a Numbering,
    /// The containers that are known; `None` if the host cannot be looked at.
    inventory: Option<Inventory<'a>>,
    known: HashMap<u64, Option<Owner>>,
}

/// The owner of a PID namespace.
#[derive(Clone)]
enum Owner {
    /// The host, or the caller.
    Known(&'static str),
    /// The first process, which the namespace lives and dies with, and its container.
    Process {
        process: String,
        container: Option<String>,
    },
}

impl<'a> Owners<'a> {
    pub(super) fn new(proc: &'a ProcRoot, own: &'a Numbering, host: Option<&'a Host>) -> Self {
        Self {
            proc,
            own,
            inventory: host.map(Inventory::new),
            known: HashMap::default(),
        }
    }

    /// Returns the owner of each level, the outermost first: `host`, `here` for the caller's own,
    /// the container as `nsx ls` names it, or else the first process. A namespace within a
    /// container's own one is that of its first process in the container. `None` if the first
    /// process has ended or cannot be seen.
    pub(super) fn of(&mut self, levels: &[Level], lineages: &Lineages) -> Vec<Option<String>> {
        let mut around: Option<String> = None;
        let mut owners = Vec::with_capacity(levels.len());
        for level in levels {
            owners.push(match level.ns.and_then(|ns| self.owner(ns, lineages)) {
                None => None,
                Some(Owner::Known(word)) => Some(word.to_owned()),
                Some(Owner::Process { process, container }) => Some(match container {
                    None => process,
                    Some(container) if around.as_ref() == Some(&container) => {
                        format!("{process} in {container}")
                    }
                    Some(container) => around.insert(container).clone(),
                }),
            });
        }
        owners
    }

    fn owner(&mut self, id: NsId, lineages: &Lineages) -> Option<Owner> {
        if let Some(known) = self.known.get(&id.inode) {
            return known.clone();
        }
        let owner = self.find(id, lineages);
        self.known.insert(id.inode, owner.clone());
        owner
    }

    fn find(&mut self, id: NsId, lineages: &Lineages) -> Option<Owner> {
        if id.is_initial() {
            return Some(Owner::Known("host"));
        }
        if id == self.own.id() {
            return Some(Owner::Known("here"));
        }
        let numbering = Numbering::of_namespace(lineages.get(id)?.clone(), self.proc).ok()?;
        let first = Translator::new(self.proc, numbering, self.own.clone(), IdsOf::Processes)
            .translate(Pid::INIT)
            .ok()?;
        let process = Process::hold(first).ok()?;
        let shown = process.chain_in(self.proc).ok()?.outermost();
        let name = self.proc.status(shown).ok()?.name;
        let container = self
            .inventory
            .as_mut()
            .and_then(|inventory| inventory.origin(shown).container().cloned());
        let container = container.map(|container| escape(container.address().as_bytes()));
        // All of this was read by the number.
        if process.reaped() {
            return None;
        }
        Some(Owner::Process {
            process: format!("{first} ({})", escape(&name)),
            container,
        })
    }
}

/// Returns a note on what cannot be seen from the PID namespace that nsx runs in, if that is not
/// the initial one.
pub(super) fn limits(own: &Numbering) -> Option<&'static str> {
    (!own.id().is_initial()).then_some(
        "run in a container: PID namespaces above this one, and processes that only those see, \
        cannot be seen from here",
    )
}
