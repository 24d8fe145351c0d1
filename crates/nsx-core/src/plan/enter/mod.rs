//! From a request to enter namespaces to a plan.
//!
//! Everything that needs the caller's view is read and opened while the plan is made. The target is
//! pinned: what was read by its number is believed only because it had not ended afterwards.
//!
//! No process that the target can see has more than the program will have. If the target's PID
//! namespace is joined, a joiner that stays in the caller's takes every step, and the process that
//! it makes last has nothing left to do but to become the program. If not, nsx becomes the program
//! itself, or a child does: the target sees it only if both share a PID namespace.

mod children;
mod groups;
mod guard;
mod request;
mod target;
#[cfg(test)]
mod tests;
mod view;

pub use children::ForChildren;
pub use guard::Guard;
pub use request::{CgroupFile, Directory, Groups, Program, Request, Wait};
pub use target::TargetProcess;
pub use view::{OwnProc, View};

use super::{Actor, Caller, NamespaceFile, Plan, PlanError, PlannedStep, Signals, Step, restrict};
use crate::{
    ns::{NsKind, NsSet},
    pid::Process,
    proc::ProcRoot,
    pty::Pty,
};
use groups::GroupSteps;

/// Returns the plan of a request.
///
/// # Errors
/// [`PlanError`]: the target has ended or shares every namespace with the caller, or `proc` does
/// not show the caller's PID namespace. Without a `proc`, nothing is read of the target.
pub fn plan<'a>(
    mut request: Request,
    caller: &Caller,
    proc: impl Into<Option<&'a ProcRoot>>,
) -> Result<Plan, PlanError> {
    let proc = proc.into();
    if proc.is_some_and(|proc| !proc.is_callers()) {
        return Err(PlanError::ForeignProc);
    }
    let files: NsSet = request.files.iter().map(NamespaceFile::kind).collect();
    let target = request
        .target
        .as_ref()
        .zip(proc)
        .map(|(process, proc)| TargetProcess {
            process,
            proc,
            is_whole: false,
        });
    let kinds = request.kinds.difference(files);
    let kinds = match &target {
        Some(target) if !request.exactly => target.differing(kinds.intersection(caller.kinds))?,
        _ => kinds,
    };
    let joined = kinds.union(files);
    if joined.is_empty() && !request.kinds.is_empty() {
        return Err(PlanError::NothingToEnter);
    }
    let groups = GroupSteps::of(
        &request.groups,
        request.gid,
        joined,
        target.as_ref(),
        (caller, proc),
    );
    if request.target.as_ref().is_some_and(Process::ended) {
        return Err(PlanError::TargetEnded);
    }

    let mut plan = Plan::default();
    request.guard.push(&mut plan, joined);
    let foreground = request
        .terminal
        .as_ref()
        .map(Pty::try_clone)
        .transpose()
        .map_err(PlanError::Terminal)?;
    if let Some(pty) = request.terminal {
        plan.push(Actor::Nsx, Step::OwnTerminal(pty));
    }
    // Only a child enters a PID namespace, and only one whose parent is on its terminal can be
    // stopped there. In the target's files a program may be a link to /proc/self/fd and so lead to
    // what nsx has open (CVE-2024-21626), and only a child can close that before its exec. Without
    // any of these, nsx itself joins and becomes the program.
    let into_pid = joined.contains(NsKind::Pid);
    let is_exposed = request.guard.descriptors.is_some() && joined.contains(NsKind::Mnt);
    let waits = match request.wait {
        Wait::AsNeeded { ties } if into_pid || is_exposed || foreground.is_some() => Some(ties),
        _ => None,
    };
    // A child in the PID namespace is in sight of the target from its birth. A joiner that stays
    // outside takes every step before that, so that the child never has more than the program.
    let by_joiner = waits.is_some() && into_pid;
    let actor = if by_joiner {
        Actor::Joiner
    } else {
        Actor::Inside
    };
    match waits {
        Some(_) if by_joiner => plan.push(Actor::Nsx, Step::ForkJoiner),
        Some(_) => plan.push(
            Actor::Nsx,
            Step::Fork {
                init: false,
                signals: Signals::PassOn,
            },
        ),
        None => {}
    }
    if !request.confinement.limits_inside {
        restrict::push_limits(&mut plan, actor, &mut request.confinement, true);
    }
    // Inside the PID namespace the target has another id, by which it could not be traced.
    restrict::push_filters(
        &mut plan,
        actor,
        &request.confinement,
        request.target.as_ref(),
    );
    for cgroup in request.cgroups {
        // An ordinary user may own the cgroup, but not what it has in common with the one he comes
        // from.
        let optional = !caller.is_privileged() && !request.cgroups_required;
        plan.0
            .push(PlannedStep::new(actor, Step::JoinCgroup(cgroup), optional));
    }
    if let Some(before) = groups.before {
        plan.push(actor, before);
    }
    plan.push(actor, Step::Conceal);
    for step in joins_in_order(kinds, request.target, request.files, caller) {
        plan.push(actor, step);
    }
    if request.confinement.limits_inside {
        restrict::push_limits(&mut plan, actor, &mut request.confinement, true);
    }
    for (step, optional) in request.view.steps() {
        plan.0.push(PlannedStep::new(actor, step, optional));
    }
    let falls_back = matches!(request.directory, Some(Directory::InsideOrRoot(_)));
    let stays = matches!(request.directory, Some(Directory::Stay));
    if let Some(root) = request.root.and_then(|root| change_root(root, stays)) {
        plan.push(actor, root);
    }
    if let Some(step) = request.directory.and_then(change_directory) {
        plan.0.push(PlannedStep::new(actor, step, falls_back));
    }
    // A copy of the mounts comes with the root and working directory that the process has by then.
    let own_proc = request.own_proc.map(Step::MountOwnProc);
    plan.0
        .extend(own_proc.map(|step| PlannedStep::new(actor, step, true)));
    let id =
        |id: Option<u32>, set: fn(u32) -> Step, other: Option<Step>| match id.map(set).or(other) {
            None if request.root_if_mapped => Some((set(0), true)),
            step => step.map(|step| (step, false)),
        };
    let ids = restrict::Ids {
        groups: groups.after.map(|step| (step, false)),
        group: id(
            request.gid,
            Step::SetGroup,
            request.gid_of.map(Step::SetGroupOf),
        ),
        user: id(
            request.uid,
            Step::SetUser,
            request.uid_of.map(Step::SetUserOf),
        ),
    };
    let tie = waits
        .unwrap_or(false)
        .then_some(Step::DieWithParent(libc::SIGKILL));
    let closes = by_joiner || is_exposed && waits.is_some();
    let close = closes.then_some(Step::CloseDescriptors(request.guard.descriptors));
    if by_joiner {
        restrict::push_after(
            &mut plan,
            actor,
            request.confinement,
            ids,
            [close, None],
            None,
        );
        plan.push(Actor::Joiner, Step::ForkSibling);
        plan.0.extend(
            foreground.map(|terminal| required(Actor::Nsx, Step::TakeForeground(terminal))),
        );
        plan.0.extend(tie.map(|tie| required(Actor::Inside, tie)));
    } else {
        plan.0.extend(
            foreground.map(|terminal| required(Actor::Nsx, Step::TakeForeground(terminal))),
        );
        restrict::push_after(
            &mut plan,
            actor,
            request.confinement,
            ids,
            [tie, close],
            None,
        );
    }
    let environment = request.environment;
    plan.push(
        Actor::Inside,
        match request.program {
            Program::First(programs) => Step::Exec {
                programs,
                environment,
            },
            Program::LoginShell => Step::LoginShell { environment },
        },
    );
    Ok(plan)
}

fn required(actor: Actor, step: Step) -> PlannedStep {
    PlannedStep::new(actor, step, false)
}

fn change_root(directory: Directory, stays: bool) -> Option<Step> {
    match directory {
        Directory::Opened(directory, named) => Some(Step::ChangeRoot {
            directory,
            named,
            stays,
        }),
        Directory::Inside(path) | Directory::InsideOrRoot(path) => Some(Step::Chroot(path)),
        Directory::Stay => None,
    }
}

fn change_directory(directory: Directory) -> Option<Step> {
    match directory {
        Directory::Opened(directory, named) => Some(Step::ChangeDirectory { directory, named }),
        Directory::Inside(path) | Directory::InsideOrRoot(path) => Some(Step::SetDirectory(path)),
        Directory::Stay => None,
    }
}

/// Returns the steps that join, in the order in which the kernel allows them.
///
/// By a pidfd all kinds are joined at once, and the kernel requires the rights over each that the
/// caller has before. Files are joined one by one: a process with CAP_SYS_ADMIN in its user
/// namespace loses that with the namespace, so it joins the user namespace last; any other process
/// gains CAP_SYS_ADMIN there, so it joins the user namespace first.
fn joins_in_order(
    kinds: NsSet,
    target: Option<Process>,
    files: Vec<NamespaceFile>,
    caller: &Caller,
) -> Vec<Step> {
    let (user, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| file.kind() == NsKind::User);
    let user = user.into_iter().map(Step::JoinFile);
    let others = others.into_iter().map(Step::JoinFile);
    let one_by_one = one_by_one(kinds, caller);
    let process = target
        .filter(|_| !kinds.is_empty())
        .map(|target| Step::Join {
            target,
            kinds,
            one_by_one,
        });
    let process_first = !caller.is_privileged() && kinds.contains(NsKind::User);
    match (caller.is_privileged(), process_first) {
        (true, _) => others.chain(process).chain(user).collect(),
        (false, true) => process.into_iter().chain(others).collect(),
        (false, false) => user.chain(process).chain(others).collect(),
    }
}

fn one_by_one(kinds: NsSet, caller: &Caller) -> Vec<NsKind> {
    let others = kinds.without(NsKind::User).iter();
    let user = kinds.contains(NsKind::User).then_some(NsKind::User);
    if caller.is_privileged() {
        others.chain(user).collect()
    } else {
        user.into_iter().chain(others).collect()
    }
}
