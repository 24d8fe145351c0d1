//! Which PID namespace a word means, and in words what a PID namespace belongs to.

use crate::{exit::ExitStatus, out, target, text::escape};
use nsx_core::{
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::{Lineages, Numbering, Pid, Process, Tasks, Translator},
    proc::ProcRoot,
};
use nsx_target::{Found, Host};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

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
    match target::look_up(word).map_err(|error| target::failed(&error))? {
        Found::Process(subject) => of_pinned(&subject.process, proc),
        Found::Namespace(ns) if ns.id().kind != NsKind::Pid => Err(is_none()),
        Found::Namespace(ns) => Numbering::of_namespace(ns, proc)
            .map_err(|error| out::failed(&format!("open the PID namespace {}", out::shown(word)), &error)),
    }
}

/// The numbering of the PID namespace that a process, or a container's first process, is in.
pub(super) fn of_process(word: &OsStr, proc: &ProcRoot) -> Result<Numbering, ExitStatus> {
    of_pinned(&target::resolve(word).map_err(|error| target::failed(&error))?.process, proc)
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
        let container = Host::system().ok().and_then(|host| {
            let container = nsx_target::container_of(&host, shown, first);
            target::note_cut_off(&host);
            container
        });
        if let Some(container) = container {
            return Some(escape(container.address().as_bytes()));
        }
        let name = self.proc.status(shown, &mut Vec::new()).ok()?.name;
        Some(format!("{first} ({})", escape(&name)))
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
