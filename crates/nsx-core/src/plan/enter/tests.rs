//! The order of steps that enter namespaces, as text.

use super::*;
use crate::{
    pid::Pid,
    plan::{CapabilityState, Confinement, Label, Limit},
};
use rustix::thread::CapabilitySet;

fn own() -> (Process, Caller, ProcRoot) {
    let proc = ProcRoot::system().unwrap();
    let caller = Caller::read(&proc).unwrap();
    let process = Process::pin(Pid::from_raw(std::process::id().cast_signed()).unwrap()).unwrap();
    (process, caller, proc)
}

fn calls(request: Request, caller: &Caller, proc: &ProcRoot) -> Vec<String> {
    let plan = plan(request, caller, proc).unwrap();
    plan.steps()
        .iter()
        .map(|planned| format!("{} {}", planned.actor(), planned.call()))
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
        file: rustix::io::dup(&process).unwrap().into(),
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
