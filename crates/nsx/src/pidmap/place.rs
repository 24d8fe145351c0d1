//! Which PID namespace a word means, and in words what a PID namespace belongs to.

use crate::{exit::ExitStatus, out, target, text::escape};
use nsx_core::{
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::{Lineages, Numbering, Pid, Process, Tasks, Translator},
    proc::ProcRoot,
};
use nsx_target::{
    Found, Target,
    cgroup::{Named, Place},
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The inode number of the PID namespace that a host starts with.
const INITIAL: u64 = 0xeffffffc;

/// The numbering of the PID namespace that a target is, holds or is in. An error is the status to end with, once its reason
/// is said.
pub(super) fn named(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    let is_none = || {
        out::error(&format!("{} is no PID namespace", out::shown(word)));
        ExitStatus::FAILURE
    };
    // What says itself that it is of another kind need not be looked for.
    if NsId::parse(word.as_bytes()).is_ok_and(|ns| ns.kind != NsKind::Pid) {
        return Err(is_none());
    }
    match nsx_target::look_up(word).map_err(|error| target::failed(&error))? {
        Found::Process(subject) => of_pinned(&subject.process, proc),
        Found::Namespace(ns) if ns.id().kind != NsKind::Pid => Err(is_none()),
        Found::Namespace(ns) => Numbering::of_namespace(ns, proc)
            .map_err(|error| out::failed(&format!("open the PID namespace {}", out::shown(word)), &error)),
    }
}

/// The numbering of the PID namespace that a process, or a container's first process, is in.
pub(super) fn of_process(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    of_pinned(&nsx_target::resolve(word).map_err(|error| target::failed(&error))?.process, proc)
}

fn of_pinned(process: &Process, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    Numbering::of(process, proc)
        .map_err(|error| out::failed(&format!("open the PID namespace of process {}", process.pid()), &error))
}

/// What PID namespaces belong to, each found out once.
pub(super) struct Owners<'a> {
    proc: &'a ProcRoot,
    own: &'a Numbering,
    known: HashMap<u64, Option<String>>,
}

impl<'a> Owners<'a> {
    pub(super) fn new(proc: &'a ProcRoot, own: &'a Numbering) -> Self {
        Self { proc, own, known: HashMap::default() }
    }

    /// `host`, `here` for the caller's own, the container whose first process is the namespace's too, or else that process,
    /// which the namespace lives and dies with. Nothing where it has ended or cannot be seen.
    pub(super) fn of(&mut self, id: NsId, lineages: &Lineages) -> Option<String> {
        if let Some(known) = self.known.get(&id.inode) {
            return known.clone();
        }
        let owner = self.find(id, lineages);
        self.known.insert(id.inode, owner.clone());
        owner
    }

    fn find(&self, id: NsId, lineages: &Lineages) -> Option<String> {
        if id.inode == INITIAL {
            return Some("host".to_owned());
        }
        if id == self.own.id() {
            return Some("here".to_owned());
        }
        let numbering = Numbering::of_namespace(lineages.get(id)?.clone(), self.proc).ok()?;
        let first =
            Translator::new(self.proc, numbering, self.own.clone(), Tasks::Processes).translate(Pid::INIT).ok()?;
        let shown = Process::hold(first).ok()?.chain_in(self.proc).ok()?.outermost();
        let mut buffer = Vec::new();
        if let Some(container) = self.container(shown, first, &mut buffer) {
            return Some(container);
        }
        let name = self.proc.status(shown, &mut buffer).ok()?.name;
        Some(format!("{first} ({})", escape(&name)))
    }

    /// The container that a process is in, by the word that names it; by its id where it is not the container's first process,
    /// or the engine's records cannot be read.
    fn container(&self, shown: Pid, process: Pid, buffer: &mut Vec<u8>) -> Option<String> {
        self.proc.read(shown, "cgroup", buffer).ok()?;
        let Named { engine, id } = Place::parse(buffer).container?;
        let name = OsString::from_vec(id);
        let target = engine
            .map_or_else(|| Target::Name(name.clone()), |engine| Target::Container { engine, name: name.clone() });
        let found = nsx_target::find(&target).ok().filter(|found| found.process.pid() == process);
        match found.and_then(|found| found.container) {
            Some(container) => Some(escape(container.address().as_bytes())),
            None => engine.map(|engine| format!("{engine}:{}", escape(&name.as_bytes()[..name.len().min(12)]))),
        }
    }
}

/// Says once what cannot be seen from where nsx runs.
pub(super) fn note_limits(own: &Numbering) {
    if own.id().inode != INITIAL {
        out::note(
            "run in a container: PID namespaces above this one, and who is only in them, cannot be seen from here",
        );
    }
}
