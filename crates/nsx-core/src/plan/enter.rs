//! From a request to enter a process's namespaces to a plan.
//!
//! Everything that needs the caller's view is read and opened while the plan is made. The target is pinned: what was read
//! by its number is believed only because it had not ended afterwards.

use super::{Actor, Caller, Plan, PlanError, Step};
use crate::{
    idmap::IdMap,
    ns::{NsKind, NsSet},
    pid::Process,
    proc::{NsLink, ProcError, ProcRoot},
};
use rustix::{fs::OFlags, thread::CapabilitySet};
use std::{ffi::CString, path::PathBuf};

/// What is wanted.
#[derive(Debug)]
pub struct Request {
    /// Whose namespaces.
    pub target: Process,
    /// Which kinds; all in which the target differs from the caller where none are given.
    pub kinds: Option<NsSet>,
    /// The directory in which the program starts, as the target sees it; the target's own where none is given.
    pub directory: Option<PathBuf>,
    /// The program's user id, in the namespace that is joined; 0 there, where that is mapped, if none is given.
    pub uid: Option<u32>,
    /// The program's group id, likewise.
    pub gid: Option<u32>,
    /// Argument vectors, of which the first whose program exists is run.
    pub programs: Vec<Vec<CString>>,
}

/// The plan of a request.
///
/// # Errors
/// [`PlanError`]: the target has ended, may not be read, or shares all its namespaces with the caller.
pub fn plan(request: Request, caller: &Caller, proc: &ProcRoot) -> Result<Plan, PlanError> {
    if !proc.is_callers() {
        return Err(PlanError::ForeignProc);
    }
    let target = Target { process: &request.target, proc };
    let differing = target.differing(request.kinds.unwrap_or(caller.kinds))?;
    if differing.is_empty() && request.kinds.is_none() {
        return Err(PlanError::NothingToEnter);
    }
    let opened = differing.contains(NsKind::Mnt).then(|| target.open_root_and_directory()).transpose()?;
    let ids = Ids::of(&request, &target, caller, differing)?;
    if request.target.ended() {
        return Err(PlanError::TargetEnded);
    }

    let mut plan = Plan::default();
    // Only a child enters a PID namespace; without one, nsx itself joins and becomes the program.
    let forks = differing.contains(NsKind::Pid);
    let joins = if forks { Actor::Joiner } else { Actor::Inside };
    if forks {
        plan.push(Actor::Nsx, Step::ForkJoiner);
    }
    if ids.groups == Groups::DropBefore {
        plan.push(joins, Step::SetGroups(Vec::new()));
    }
    if !differing.is_empty() {
        let one_by_one = one_by_one(differing, caller);
        plan.push(joins, Step::Join { target: request.target, kinds: differing, one_by_one });
    }
    if forks {
        plan.push(Actor::Joiner, Step::ForkSibling);
    }
    if let Some((root, directory)) = opened {
        plan.push(Actor::Inside, Step::ChangeRoot(root));
        if request.directory.is_none() {
            plan.push(Actor::Inside, Step::ChangeDirectory(directory));
        }
    }
    if let Some(directory) = request.directory {
        plan.push(Actor::Inside, Step::SetDirectory(directory));
    }
    if ids.groups == Groups::DropAfter {
        plan.push(Actor::Inside, Step::SetGroups(Vec::new()));
    }
    if let Some(gid) = ids.gid {
        plan.push(Actor::Inside, Step::SetGroup(gid));
    }
    if let Some(uid) = ids.uid {
        plan.push(Actor::Inside, Step::SetUser(uid));
    }
    if forks {
        plan.push(Actor::Inside, Step::DieWithParent(libc::SIGKILL));
    }
    plan.push(Actor::Inside, Step::Exec { programs: request.programs, environment: None });
    Ok(plan)
}

/// Whoever has CAP_SYS_ADMIN where it stands would lose it with its user namespace, so joins that last; anyone else gains
/// it there, so joins that first.
fn one_by_one(kinds: NsSet, caller: &Caller) -> Vec<NsKind> {
    let others = kinds.without(NsKind::User).iter();
    let user = kinds.contains(NsKind::User).then_some(NsKind::User);
    if caller.is_privileged() { others.chain(user).collect() } else { user.into_iter().chain(others).collect() }
}

struct Target<'a> {
    process: &'a Process,
    proc: &'a ProcRoot,
}

impl Target<'_> {
    fn failure(&self, what: &'static str) -> impl Fn(ProcError) -> PlanError {
        let ended = self.process.ended();
        move |source| if ended { PlanError::TargetEnded } else { PlanError::Target { what, source } }
    }

    /// Those of `kinds` in which it is not where the caller is.
    fn differing(&self, kinds: NsSet) -> Result<NsSet, PlanError> {
        let mut differing = NsSet::EMPTY;
        for kind in kinds.iter() {
            let link = NsLink::Own(kind);
            let own = match self.proc.own_ns(link) {
                Err(ProcError::Vanished) => return Err(PlanError::NoSuchKind(kind)),
                own => own.map_err(self.failure("caller's namespaces"))?,
            };
            if self.proc.ns(self.process.pid(), link).map_err(self.failure("namespaces"))? != own {
                differing.insert(kind);
            }
        }
        Ok(differing)
    }

    fn open_root_and_directory(&self) -> Result<(rustix::fd::OwnedFd, rustix::fd::OwnedFd), PlanError> {
        let open = |link, what| {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            self.proc.open_entry(self.process.pid(), link, flags).map_err(self.failure(what))
        };
        Ok((open("root", "root directory")?, open("cwd", "working directory")?))
    }

    fn read(&self, file: &'static str) -> Result<Vec<u8>, PlanError> {
        let mut text = Vec::new();
        self.proc.read(self.process.pid(), file, &mut text).map_err(self.failure(file))?;
        Ok(text)
    }

    fn maps(&self, file: &'static str, inside: u32) -> Result<bool, PlanError> {
        let map = IdMap::parse(&self.read(file)?).map_err(self.failure(file))?;
        Ok(map.to_outside(inside).is_some())
    }
}

/// When the supplementary groups are dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// Never: the caller's stay.
    Keep,
    /// In the caller's user namespace, where it may; inside it may be denied.
    DropBefore,
    /// In the namespace that was joined.
    DropAfter,
}

/// Who the program is to be.
struct Ids {
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Groups,
}

impl Ids {
    /// In a user namespace that is joined the caller's own id may have no name: the program is its root, as far as that
    /// exists.
    fn of(request: &Request, target: &Target<'_>, caller: &Caller, kinds: NsSet) -> Result<Self, PlanError> {
        let (mut uid, mut gid) = (request.uid, request.gid);
        if !kinds.contains(NsKind::User) {
            let groups = if gid.is_some() { Groups::DropAfter } else { Groups::Keep };
            return Ok(Self { uid, gid, groups });
        }
        if uid.is_none() && target.maps("uid_map", 0)? {
            uid = Some(0);
        }
        if gid.is_none() && target.maps("gid_map", 0)? {
            gid = Some(0);
        }
        let groups = if gid.is_none() {
            Groups::Keep
        } else if caller.can(CapabilitySet::SETGID) {
            Groups::DropBefore
        } else if target.read("setgroups")?.starts_with(b"allow") {
            Groups::DropAfter
        } else {
            Groups::Keep
        };
        Ok(Self { uid, gid, groups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::Pid;

    fn own_request(kinds: Option<NsSet>) -> (Request, Caller, ProcRoot) {
        let proc = ProcRoot::system().unwrap();
        let caller = Caller::read(&proc).unwrap();
        let target = Process::pin(Pid::from_raw(std::process::id().cast_signed()).unwrap()).unwrap();
        let request =
            Request { target, kinds, directory: None, uid: None, gid: None, programs: vec![vec![c"true".into()]] };
        (request, caller, proc)
    }

    #[test]
    fn there_is_nothing_to_enter_in_oneself() {
        let (request, caller, proc) = own_request(None);
        assert!(matches!(plan(request, &caller, &proc), Err(PlanError::NothingToEnter)));
    }

    #[test]
    fn a_kind_that_is_named_but_shared_is_not_joined() {
        let (request, caller, proc) = own_request(Some([NsKind::Net, NsKind::User].into_iter().collect()));
        let plan = plan(request, &caller, &proc).unwrap();
        let calls: Vec<_> = plan.tasks().iter().map(|task| task.step.call()).collect();
        assert_eq!(calls, ["execvp(true)"]);
    }

    #[test]
    fn privilege_decides_when_the_user_namespace_is_joined() {
        let mut caller = Caller { uid: 0, gid: 0, capabilities: CapabilitySet::all(), kinds: NsSet::ALL };
        let kinds = [NsKind::Net, NsKind::User, NsKind::Uts].into_iter().collect();
        assert_eq!(one_by_one(kinds, &caller), [NsKind::Net, NsKind::Uts, NsKind::User]);
        caller.capabilities = CapabilitySet::empty();
        assert_eq!(one_by_one(kinds, &caller), [NsKind::User, NsKind::Net, NsKind::Uts]);
    }
}
