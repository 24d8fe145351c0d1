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
mod guard;
mod request;
mod target;
mod view;

pub use children::ForChildren;
pub use guard::Guard;
pub use request::{CgroupFile, Directory, Groups, Program, Request, Wait};
pub use target::TargetProcess;
pub use view::{OwnProc, View};

use super::{
    Actor, Caller, GroupsDenied, NamespaceFile, Plan, PlanError, PlannedStep, Signals, Step,
    restrict,
};
use crate::{
    ns::{NsKind, NsSet},
    pid::Process,
    proc::ProcRoot,
    pty::Pty,
};
use rustix::thread::CapabilitySet;

/// The plan of a request.
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

/// The steps that join, in the order in which the kernel allows them.
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

/// The steps that set the supplementary groups: in the caller's user namespace, or in the one that
/// is joined.
#[derive(Default)]
struct GroupSteps {
    before: Option<Step>,
    after: Option<Step>,
}

impl GroupSteps {
    /// `group` is the one that the program is to be in.
    fn of(
        groups: &Groups,
        group: Option<u32>,
        joined: NsSet,
        target: Option<&TargetProcess<'_>>,
        (caller, proc): (&Caller, Option<&ProcRoot>),
    ) -> Self {
        let leave = |denied| Step::LeaveGroups { denied, group };
        match groups {
            Groups::Keep => Self::default(),
            Groups::MustDrop => Self {
                before: joined
                    .contains(NsKind::User)
                    .then(|| leave(GroupsDenied::Keep)),
                after: Some(leave(GroupsDenied::FailAlways)),
            },
            Groups::TryDrop => Self {
                after: Some(leave(GroupsDenied::Keep)),
                ..Self::default()
            },
            Groups::Are(groups) => Self {
                after: Some(Step::groups(groups)),
                ..Self::default()
            },
            Groups::Drop { .. } if !joined.contains(NsKind::User) => Self {
                after: Some(leave(GroupsDenied::Fail)),
                ..Self::default()
            },
            // Setting groups may be denied inside. If it is denied to the caller, it is denied
            // inside too.
            Groups::Drop { .. }
                if caller.can(CapabilitySet::SETGID) && proc.is_none_or(caller_may_set_groups) =>
            {
                Self {
                    before: Some(leave(GroupsDenied::Fail)),
                    ..Self::default()
                }
            }
            Groups::Drop { required: true } => Self {
                after: Some(leave(GroupsDenied::Fail)),
                ..Self::default()
            },
            Groups::Drop { required: false }
                if target.is_none_or(|it| it.may_set_groups().unwrap_or(true)) =>
            {
                Self {
                    after: Some(leave(GroupsDenied::Keep)),
                    ..Self::default()
                }
            }
            Groups::Drop { required: false } => Self::default(),
        }
    }
}

/// Returns whether programs in the caller's user namespace may set their groups; `true` if that
/// cannot be read.
fn caller_may_set_groups(proc: &ProcRoot) -> bool {
    let mut text = Vec::new();
    proc.read_own("setgroups", &mut text).is_err() || !text.starts_with(b"deny")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pid::Pid,
        plan::{CapabilityState, Confinement, Label, Limit},
    };

    fn own() -> (Process, Caller, ProcRoot) {
        let proc = ProcRoot::system().unwrap();
        let caller = Caller::read(&proc).unwrap();
        let process =
            Process::pin(Pid::from_raw(std::process::id().cast_signed()).unwrap()).unwrap();
        (process, caller, proc)
    }

    fn calls(request: Request, caller: &Caller, proc: &ProcRoot) -> Vec<String> {
        let plan = plan(request, caller, proc).unwrap();
        plan.steps()
            .iter()
            .map(|planned| format!("{} {}", planned.actor(), planned.step().call()))
            .collect()
    }

    #[test]
    fn nothing_differs_from_the_caller_itself() {
        let (process, caller, proc) = own();
        let target = TargetProcess {
            process: &process,
            proc: &proc,
            is_whole: false,
        };
        assert_eq!(target.differing(caller.kinds).unwrap(), NsSet::EMPTY);
    }

    #[test]
    fn the_program_is_put_into_a_cgroup_before_it_loses_sight_of_it() {
        let (process, mut caller, proc) = own();
        caller.capabilities = CapabilitySet::all();
        let cgroup = CgroupFile {
            path: "/sys/fs/cgroup/a/tasks".into(),
            file: rustix::io::dup(&process).unwrap(),
            directory: None,
        };
        let request = Request {
            exactly: true,
            target: Some(process),
            kinds: [NsKind::Pid, NsKind::User].into_iter().collect(),
            cgroups: vec![cgroup],
            groups: Groups::Drop { required: false },
            uid: Some(0),
            directory: Some(Directory::Inside("/tmp".into())),
            program: Program::First(vec![vec![c"true".into()]]),
            ..Request::default()
        };
        let pid = std::process::id();
        assert_eq!(
            calls(request, &caller, &proc),
            [
                "nsx fork()".to_owned(),
                "joiner write /sys/fs/cgroup/a/tasks \"0\"".to_owned(),
                "joiner setgroups(0)".to_owned(),
                "joiner prctl(PR_SET_DUMPABLE, 0)".to_owned(),
                format!("joiner setns(pidfd of {pid}, CLONE_NEWPID|CLONE_NEWUSER)"),
                "joiner chdir(/tmp)".to_owned(),
                "joiner setuid(0)".to_owned(),
                "joiner close(each that the exec closes)".to_owned(),
                "joiner clone(CLONE_PARENT)".to_owned(),
                "inside prctl(PR_SET_PDEATHSIG, SIGKILL)".to_owned(),
                "inside execvp(true)".to_owned(),
            ]
        );
    }

    #[test]
    fn the_program_is_held_as_the_kernel_lets_it_be() {
        let held = |no_new_privs| {
            let (process, mut caller, proc) = own();
            caller.capabilities = CapabilitySet::all();
            let kill = CapabilitySet::KILL;
            let confinement = Confinement {
                bounding: Some(kill),
                capabilities: Some(CapabilityState::of(kill, false)),
                no_new_privs,
                seccomp: true,
                filter: None,
                label: Some(Label::AppArmor(c"docker-default".into())),
                limits: Limit::parse_all(b"Max open files 5 6 files"),
                oom_score: Some(7),
                umask: Some(0o27),
                limits_inside: false,
            };
            let request = Request {
                exactly: true,
                target: Some(process),
                kinds: NsSet::EMPTY.with(NsKind::User),
                groups: Groups::Are(vec![5, 4, 5]),
                uid: Some(1),
                gid: Some(2),
                confinement,
                program: Program::First(vec![vec![c"true".into()]]),
                ..Request::default()
            };
            calls(request, &caller, &proc)
                .into_iter()
                .map(|call| call.replace("inside ", ""))
                .collect::<Vec<_>>()
        };
        let pid = std::process::id();
        let start = [
            "setrlimit(NOFILE 5:6)".to_owned(),
            "write oom_score_adj \"7\"".to_owned(),
            format!("ptrace(PTRACE_SECCOMP_GET_FILTER, {pid})"),
            "prctl(PR_SET_DUMPABLE, 0)".to_owned(),
            format!("setns(pidfd of {pid}, CLONE_NEWUSER)"),
            "umask(027)".to_owned(),
            "write attr/exec \"exec docker-default\"".to_owned(),
            "setgroups(4, 5)".to_owned(),
            "prctl(PR_CAPBSET_DROP, all but KILL)".to_owned(),
            "prctl(PR_SET_KEEPCAPS, 1)".to_owned(),
            "setgid(2)".to_owned(),
            "setuid(1)".to_owned(),
        ];
        let end = |words: &[&str]| {
            start
                .iter()
                .cloned()
                .chain(words.iter().map(|&word| word.to_owned()))
                .collect()
        };
        let filter = "seccomp(SECCOMP_SET_MODE_FILTER)";
        let expected: Vec<String> = end(&[filter, "capset(KILL)", "execvp(true)"]);
        assert_eq!(held(false), expected);
        let expected: Vec<String> = end(&[
            "capset(KILL)",
            "prctl(PR_SET_NO_NEW_PRIVS, 1)",
            filter,
            "execvp(true)",
        ]);
        assert_eq!(held(true), expected);
    }

    #[test]
    fn limits_of_a_user_are_set_with_the_rights_inside() {
        let (process, mut caller, proc) = own();
        for capabilities in [CapabilitySet::all(), CapabilitySet::empty()] {
            caller.capabilities = capabilities;
            let request = Request {
                exactly: true,
                target: Some(process.try_clone().unwrap()),
                kinds: [NsKind::User, NsKind::Pid].into_iter().collect(),
                confinement: Confinement {
                    limits: Limit::parse_all(b"Max open files 5 6 files"),
                    oom_score: Some(-7),
                    limits_inside: true,
                    ..Confinement::default()
                },
                ..Request::default()
            };
            let calls = calls(request, &caller, &proc);
            let last = |word: &str| calls.iter().rposition(|call| call.contains(word)).unwrap();
            assert!(
                last("CLONE_NEWUSER") < last("setrlimit(NOFILE 5:6)"),
                "{calls:?}"
            );
            assert!(
                last("CLONE_NEWUSER") < last("write oom_score_adj \"-7\""),
                "{calls:?}"
            );
        }
    }

    #[test]
    fn filters_are_read_while_the_target_has_the_id_that_is_known() {
        for capabilities in [CapabilitySet::all(), CapabilitySet::empty()] {
            let (process, mut caller, proc) = own();
            caller.capabilities = capabilities;
            let request = Request {
                exactly: true,
                target: Some(process),
                kinds: NsSet::EMPTY.with(NsKind::Pid),
                confinement: Confinement {
                    seccomp: true,
                    ..Confinement::default()
                },
                program: Program::First(vec![vec![c"true".into()]]),
                ..Request::default()
            };
            let calls = calls(request, &caller, &proc);
            let position = |word: &str| calls.iter().position(|call| call.contains(word)).unwrap();
            assert!(
                position("PTRACE_SECCOMP_GET_FILTER") < position("CLONE_NEWPID"),
                "{calls:?}"
            );
            assert_eq!(
                calls.iter().filter(|call| call.contains("ptrace")).count(),
                1,
                "{calls:?}"
            );
        }
    }

    #[test]
    fn privilege_decides_when_the_user_namespace_is_joined() {
        let mut caller = Caller {
            uid: 0,
            gid: 0,
            capabilities: CapabilitySet::all(),
            kinds: NsSet::ALL,
            exec_enters_time: true,
        };
        let kinds = [NsKind::Net, NsKind::User, NsKind::Uts]
            .into_iter()
            .collect();
        assert_eq!(
            one_by_one(kinds, &caller),
            [NsKind::Net, NsKind::Uts, NsKind::User]
        );
        caller.capabilities = CapabilitySet::empty();
        assert_eq!(
            one_by_one(kinds, &caller),
            [NsKind::User, NsKind::Net, NsKind::Uts]
        );
    }
}
