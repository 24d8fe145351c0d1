//! Which PID namespace a word means, and in words what a PID namespace belongs to.

use crate::{exit::ExitStatus, out, target, text::escape};
use nsx_core::{
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::{Level, Lineages, Numbering, Pid, Process, Tasks, Translator},
    proc::{ProcError, ProcRoot},
};
use nsx_target::{Found, Host, Inventory};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The inode number of the PID namespace that a host starts with.
const INITIAL: u64 = 0xeffffffc;

/// The numbering of the PID namespace that a target is, holds or is in. An error is the status to
/// end with, once its reason is said.
pub(super) fn named(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    let is_none = || {
        out::error(&format!("{} is no PID namespace", out::shown(word)));
        ExitStatus::FAILURE
    };
    // What says itself that it is of another kind need not be looked for.
    if NsId::parse(word.as_bytes()).is_ok_and(|ns| ns.kind != NsKind::Pid) {
        return Err(is_none());
    }
    match target::look_up(word).map_err(|error| target::failed(&error))? {
        Found::Process(subject) => of_pinned(&subject.process, proc),
        Found::Namespace(ns) if ns.id().kind != NsKind::Pid => Err(is_none()),
        Found::Namespace(ns) => Numbering::of_namespace(ns, proc).map_err(|error| {
            out::failed(
                &format!("open the PID namespace {}", out::shown(word)),
                &error,
            )
        }),
    }
}

/// The numbering of the PID namespace that a process, or a container's first process, is in.
pub(super) fn of_process(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    of_pinned(
        &target::resolve(word)
            .map_err(|error| target::failed(&error))?
            .process,
        proc,
    )
}

fn of_pinned(process: &Process, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    Numbering::of(process, proc).map_err(|error| {
        let status = out::failed(
            &format!("open the PID namespace of process {}", process.pid()),
            &error,
        );
        if error == ProcError::Denied {
            target::hint_at_guard(process);
        }
        status
    })
}

/// The owners of PID namespaces, each found once.
pub(super) struct Owners<'a> {
    proc: &'a ProcRoot,
    own: &'a Numbering,
    /// The containers that are known; none if the host cannot be looked at.
    inventory: Option<Inventory<'a>>,
    known: HashMap<u64, Option<Owner>>,
}

/// The owner of a PID namespace.
#[derive(Clone)]
enum Owner {
    /// The host, or the caller.
    Told(&'static str),
    /// The first process, which the namespace lives and dies with, and the container that it is in.
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
    /// container's own one is that of its first process in the container. Nothing if the first
    /// process has ended or cannot be seen.
    pub(super) fn of(&mut self, levels: &[Level], lineages: &Lineages) -> Vec<Option<String>> {
        let mut around: Option<String> = None;
        let owners = levels.iter().map(|level| {
            Some(match self.owner(level.ns?, lineages)? {
                Owner::Told(word) => word.to_owned(),
                Owner::Process {
                    process,
                    container: None,
                } => process,
                Owner::Process {
                    process,
                    container: Some(container),
                } if around.as_ref() == Some(&container) => {
                    format!("{process} in {container}")
                }
                Owner::Process {
                    container: Some(container),
                    ..
                } => {
                    around = Some(container.clone());
                    container
                }
            })
        });
        owners.collect()
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
        if id.inode == INITIAL {
            return Some(Owner::Told("host"));
        }
        if id == self.own.id() {
            return Some(Owner::Told("here"));
        }
        let numbering = Numbering::of_namespace(lineages.get(id)?.clone(), self.proc).ok()?;
        let first = Translator::new(self.proc, numbering, self.own.clone(), Tasks::Processes)
            .translate(Pid::INIT)
            .ok()?;
        let process = Process::hold(first).ok()?;
        let shown = process.chain_in(self.proc).ok()?.outermost();
        let name = self.proc.status(shown, &mut Vec::new()).ok()?.name;
        let container = self
            .inventory
            .as_mut()
            .and_then(|inventory| inventory.origin(shown).container().cloned());
        let container = container.map(|container| escape(container.address().as_bytes()));
        // All of it was read by the number.
        if process.reaped() {
            return None;
        }
        Some(Owner::Process {
            process: format!("{first} ({})", escape(&name)),
            container,
        })
    }
}

/// Says once what cannot be seen from where nsx runs.
pub(super) fn note_limits(own: &Numbering) {
    if own.id().inode != INITIAL {
        out::note(
            "run in a container: PID namespaces above this one, and who is only in them, cannot be \
            seen from here",
        );
    }
}
