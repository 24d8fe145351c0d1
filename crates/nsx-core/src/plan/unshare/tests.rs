//! Plans as text: what is done by whom in which order, with no privilege and no mock.

mod ids;

use super::*;
use crate::{
    idmap::IdMap,
    ns::NsSet,
    plan::{
        CapabilityState, Clock, ClockOffset, Confinement, Contents, FileSystem, Limit, Mount,
        NamespaceFile, Pin, PlannedStep, Propagation, Upper,
    },
    sys::trace::Instruction,
};
use rustix::{mount::MountFlags, thread::CapabilitySet};
use std::ffi::CString;

fn ordinary() -> Caller {
    Caller {
        uid: 1000,
        gid: 1001,
        capabilities: CapabilitySet::empty(),
        kinds: NsSet::ALL,
        exec_enters_time: true,
    }
}

fn root() -> Caller {
    Caller {
        uid: 0,
        gid: 0,
        capabilities: CapabilitySet::all(),
        kinds: NsSet::ALL,
        exec_enters_time: true,
    }
}

fn request(kinds: &[NsKind]) -> Request {
    Request {
        kinds: kinds.iter().copied().collect(),
        programs: vec![vec![c"ps".into(), c"aux".into()]],
        ..Request::default()
    }
}

fn text(plan: &Plan) -> Vec<String> {
    let line = |planned: &PlannedStep| {
        let optional = if planned.is_optional() { "?" } else { "" };
        format!("{}{optional}: {}", planned.actor(), planned.call())
    };
    plan.steps().iter().map(line).collect()
}

#[test]
fn one_namespace_takes_two_steps_and_no_child() {
    let plan = plan(request(&[NsKind::Uts]), &root()).unwrap();
    assert_eq!(
        text(&plan),
        ["nsx: unshare(CLONE_NEWUTS)", "inside: execvp(ps aux)"]
    );
}

#[test]
fn an_ordinary_user_as_root_of_a_private_pid_tree() {
    let mut request = request(&[NsKind::User, NsKind::Pid, NsKind::Mnt]);
    (request.users, request.groups) = (
        Some(IdMap::single(0, 1000).unwrap()),
        Some(IdMap::single(0, 1001).unwrap()),
    );
    (request.fork, request.kill_child) = (true, Some(libc::SIGKILL));
    request.mount_proc = Some("/proc".into());
    assert_eq!(
        text(&plan(request, &ordinary()).unwrap()),
        [
            "nsx: unshare(CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUSER)",
            "nsx: write uid_map \"0 1000 1\"",
            "nsx: write setgroups \"deny\"",
            "nsx: write gid_map \"0 1001 1\"",
            "nsx: fork()",
            "inside: mount(/, MS_REC|MS_PRIVATE)",
            "inside: mount(proc, /proc)",
            "inside: prctl(PR_SET_PDEATHSIG, SIGKILL)",
            "inside: execvp(ps aux)",
        ]
    );
}

#[test]
fn a_new_root_is_furnished_before_the_old_one_goes_and_ids_change_last() {
    let mut request = request(&[NsKind::Net, NsKind::Pid, NsKind::Mnt, NsKind::Uts]);
    request.fork = true;
    request.kill_child = Some(libc::SIGKILL);
    request.loopback = true;
    request.mount_sys = true;
    request.mount_proc = Some("/proc".into());
    request.hostname = Some(c"box".into());
    request.root = Some("/srv/root".into());
    request.directory = Some("/tmp".into());
    (request.uid, request.gid) = (Some(1), Some(2));
    assert_eq!(
        text(&plan(request, &root()).unwrap()),
        [
            "nsx: unshare(CLONE_NEWNS|CLONE_NEWNET|CLONE_NEWPID|CLONE_NEWUTS)",
            "nsx: fork()",
            "inside: mount(/, MS_REC|MS_PRIVATE)",
            "inside: ioctl(SIOCSIFFLAGS, lo, IFF_UP)",
            "inside: sethostname(box)",
            "inside: mount(/srv/root, /srv/root, MS_BIND|MS_REC)",
            "inside?: mount(sysfs, /srv/root/sys)",
            "inside: mount(proc, /srv/root/proc)",
            "inside: pivot_root(/srv/root)",
            "inside: chdir(/tmp)",
            "inside: setgroups(0)",
            "inside: setgid(2)",
            "inside: setuid(1)",
            "inside: prctl(PR_SET_PDEATHSIG, SIGKILL)",
            "inside: execvp(ps aux)",
        ]
    );
}

#[test]
fn a_pin_is_made_once_the_pid_namespace_has_a_process() {
    let mut request = request(&[NsKind::Pid, NsKind::Time]);
    request.fork = true;
    request.clocks = vec![ClockOffset {
        clock: Clock::Boottime,
        seconds: -5,
        nanoseconds: 0,
    }];
    request.pins = vec![Pin {
        kind: NsKind::Pid,
        at: "/run/pid".into(),
        make: true,
    }];
    assert_eq!(
        text(&plan(request, &root()).unwrap()),
        [
            "nsx: unshare(CLONE_NEWPID|CLONE_NEWTIME)",
            "nsx: write timens_offsets \"boottime -5 0\"",
            "nsx: fork()",
            "outside: mount(ns/pid_for_children, /run/pid, MS_BIND)",
            "inside: execvp(ps aux)",
        ]
    );
}

#[test]
fn capabilities_are_bounded_before_the_user_changes_and_set_after() {
    let mut request = request(&[NsKind::User]);
    let net_raw = CapabilitySet::NET_RAW;
    request.confinement.bounding = Some(net_raw);
    request.confinement.capabilities = Some(CapabilityState::of(net_raw, true));
    request.confinement.no_new_privs = true;
    request.uid = Some(5);
    assert_eq!(
        text(&plan(request, &root()).unwrap())[1..],
        [
            "inside: prctl(PR_CAPBSET_DROP, all but NET_RAW)",
            "inside: prctl(PR_SET_KEEPCAPS, 1)",
            "inside: setuid(5)",
            "inside: capset(NET_RAW), ambient too",
            "inside: prctl(PR_SET_NO_NEW_PRIVS, 1)",
            "inside: execvp(ps aux)",
        ]
    );
}

#[test]
fn limits_are_raised_before_a_user_namespace_and_set_in_the_programs_own_process() {
    let confinement = Confinement {
        limits: Limit::parse_all(b"Max open files 5 6 files"),
        oom_score: Some(-7),
        umask: Some(0o27),
        filter: Some(vec![Instruction::default()]),
        ..Confinement::default()
    };
    let own = [
        "inside: setrlimit(NOFILE 5:6)",
        "inside: write oom_score_adj \"-7\"",
    ];
    let rest = [
        "inside: umask(027)",
        "inside: seccomp(SECCOMP_SET_MODE_FILTER)",
        "inside: execvp(ps aux)",
    ];
    let mut wanted = request(&[NsKind::Uts]);
    wanted.confinement = confinement.clone();
    assert_eq!(
        text(&plan(wanted, &root()).unwrap())[1..],
        [&own[..], &rest[..]].concat()
    );
    let mut wanted = request(&[NsKind::User]);
    wanted.confinement = confinement;
    let start = [
        "nsx?: setrlimit(hard, at least NOFILE 5:6)",
        "nsx: write oom_score_adj \"-7\"",
        "nsx: unshare(CLONE_NEWUSER)",
        own[0],
    ];
    assert_eq!(
        text(&plan(wanted, &root()).unwrap()),
        [&start[..], &rest[..]].concat()
    );
}

#[test]
fn everything_bound_is_held_before_the_first_mount_and_mounts_keep_their_order() {
    let mount = |at: &str, contents| Mount {
        at: at.into(),
        contents,
    };
    let bind = |source: &str, flags| Contents::Bind {
        source: source.into(),
        recursive: true,
        flags,
    };
    let size = vec![("size".to_owned(), Some("1M".to_owned()))];
    let tmpfs = FileSystem {
        kind: "tmpfs".into(),
        options: size,
        flags: MountFlags::NOSUID,
        ..FileSystem::default()
    };
    let mut request = request(&[NsKind::Mnt, NsKind::Pid]);
    request.root = Some("/srv".into());
    request.mount_proc = Some("/proc".into());
    request.mounts = vec![
        mount("/", Contents::New(tmpfs)),
        mount("/usr", bind("/usr", MountFlags::RDONLY)),
        mount("/dev", Contents::Devices),
        mount(
            "/etc",
            Contents::Overlay {
                lower: vec!["/a".into(), "b".into()],
                upper: Upper::Lost,
            },
        ),
        mount("/home", bind("home", MountFlags::empty())),
    ];
    assert_eq!(
        text(&plan(request.clone(), &root()).unwrap())[1..],
        [
            "inside: mount(/, MS_REC|MS_PRIVATE)",
            "inside: mount(/srv, /srv, MS_BIND|MS_REC)",
            "inside: open_tree(/usr, OPEN_TREE_CLONE|AT_RECURSIVE)",
            "inside: open(/dev, O_PATH)",
            "inside: open(/a, O_PATH)",
            "inside: open(b, O_PATH)",
            "inside: open_tree(home, OPEN_TREE_CLONE|AT_RECURSIVE)",
            "inside: mount(tmpfs, /srv, MS_NOSUID, size=1M)",
            "inside: mount(/usr, /srv/usr, MS_BIND|MS_RDONLY|MS_REC)",
            "inside: mount(/dev/{null,zero,full,random,urandom,tty}, /srv/dev, MS_BIND)",
            "inside: mount(overlay, /srv/etc, lowerdir=/a:b)",
            "inside: mount(home, /srv/home, MS_BIND|MS_REC)",
            "inside: mount(proc, /srv/proc)",
            "inside: pivot_root(/srv)",
            "inside: execvp(ps aux)",
        ]
    );
    // Without a root that is named, what is mounted on `/` becomes the root.
    request.root = None;
    let text = text(&plan(request.clone(), &root()).unwrap());
    for line in [
        "inside: mount(tmpfs, /, MS_NOSUID, size=1M)",
        "inside: mount(proc, /proc)",
        "inside: pivot_root(/)",
    ] {
        assert!(text.iter().any(|other| other == line), "{line} in {text:?}");
    }
    assert!(
        !text.iter().any(|line| line.contains("mount(/, /")),
        "{text:?}"
    );
    request.propagation = Propagation::Shared;
    assert!(matches!(
        plan(request, &root()),
        Err(PlanError::MountPropagation)
    ));
}

#[test]
fn namespaces_are_joined_before_the_others_are_made() {
    let own = |kind: NsKind| NamespaceFile {
        path: format!("/held/{kind}").into(),
        ns: std::sync::Arc::new(
            crate::ns::Namespace::open(rustix::fs::CWD, format!("/proc/self/ns/{kind}")).unwrap(),
        ),
    };
    let mut request = request(&[NsKind::Uts]);
    request.joins = [NsKind::Mnt, NsKind::Net, NsKind::User].map(own).into();
    request.gid = Some(5);
    assert_eq!(
        text(&plan(request.clone(), &root()).unwrap()),
        [
            "nsx: setgroups(0)",
            "nsx: setns(/held/net, CLONE_NEWNET)",
            "nsx: setns(/held/mnt, CLONE_NEWNS)",
            "nsx: setns(/held/user, CLONE_NEWUSER)",
            "nsx: unshare(CLONE_NEWUTS)",
            "inside?: setgroups(0)",
            "inside: setgid(5)",
            "inside: execvp(ps aux)",
        ]
    );
    // An ordinary user gains the right to the others in the user namespace, and is root in there.
    (request.gid, request.fork) = (None, true);
    request.joins.push(own(NsKind::Pid));
    assert_eq!(
        text(&plan(request.clone(), &ordinary()).unwrap()),
        [
            "nsx: prctl(PR_SET_DUMPABLE, 0)",
            "nsx: setns(/held/user, CLONE_NEWUSER)",
            "nsx: setns(/held/net, CLONE_NEWNET)",
            "nsx: setns(/held/pid, CLONE_NEWPID)",
            "nsx: setns(/held/mnt, CLONE_NEWNS)",
            "nsx?: setgid(0)",
            "nsx?: setuid(0)",
            "nsx: unshare(CLONE_NEWUTS)",
            "nsx: fork()",
            "inside: close(each that the exec closes)",
            "inside: execvp(ps aux)",
        ]
    );
    (request.gid, request.fork) = (Some(5), false);
    (request.kinds, request.joins) = (NsSet::EMPTY, vec![own(NsKind::Net)]);
    request.supplementary_groups = vec![6, 7];
    assert_eq!(
        text(&plan(request, &root()).unwrap())[..2],
        [
            "nsx: setns(/held/net, CLONE_NEWNET)",
            "inside: setgroups(6, 7)"
        ]
    );
}

#[test]
fn what_is_mounted_under_shared_mounts_is_cut_off_first() {
    for propagation in [Propagation::Shared, Propagation::Unchanged] {
        let mut request = request(&[NsKind::Pid, NsKind::Mnt]);
        request.propagation = propagation;
        request.mount_proc = Some("/proc".into());
        let text = text(&plan(request, &root()).unwrap());
        let cut = text
            .iter()
            .position(|line| line == "inside: mount(/proc, MS_REC|MS_PRIVATE)");
        let mount = text
            .iter()
            .position(|line| line == "inside: mount(proc, /proc)");
        assert!(cut.is_some() && cut < mount, "{text:?}");
    }
}

#[test]
fn after_a_chroot_places_are_named_as_the_new_root_has_them() {
    let mut request = request(&[NsKind::User, NsKind::Mnt]);
    request.chroot = Some("/srv/root".into());
    request.mount_from = Some("/tmp".into());
    request.mount_proc = Some("proc".into());
    request.mount_binfmt = Some("/binfmt".into());
    request.interpreter = Some(c":x:M::XYZ::/bin/sh:".into());
    request.programs.clear();
    let after = [
        "inside: chroot(/srv/root)",
        "inside: chdir(/tmp)",
        "inside: mount(proc, proc)",
    ];
    let (mount, shell) = (
        "inside: mount(binfmt_misc, /binfmt)",
        "inside: execvp(the login shell)",
    );
    let text_of = |request: &Request| text(&plan(request.clone(), &root()).unwrap())[2..].to_vec();
    let register = |flags| format!("inside: write /binfmt/register \":x:M::XYZ::/bin/sh:{flags}\"");
    assert_eq!(
        text_of(&request),
        [&after[..], &[mount, &register(""), shell]].concat()
    );
    // F opens the interpreter when it is registered, and the old root has it.
    request.interpreter = Some(c":x:M::XYZ::/bin/sh:F".into());
    assert_eq!(
        text_of(&request),
        [&[mount, &register("F")], &after[..], &[mount, shell]].concat()
    );
}

#[test]
fn what_the_kernel_would_refuse_is_refused_before_the_first_step() {
    let old = Caller {
        kinds: NsSet::ALL.without(NsKind::Time),
        ..root()
    };
    assert!(matches!(
        plan(request(&[NsKind::Time]), &old),
        Err(PlanError::NoSuchKind(NsKind::Time))
    ));

    let mut long = request(&[NsKind::Uts]);
    long.hostname = Some(CString::new("x".repeat(65)).unwrap());
    assert!(matches!(
        plan(long, &root()),
        Err(PlanError::NameTooLong("host name", 65))
    ));
    let mut long = request(&[NsKind::Uts]);
    long.domain_name = Some(CString::new("x".repeat(65)).unwrap());
    assert!(matches!(
        plan(long, &root()),
        Err(PlanError::NameTooLong("domain name", 65))
    ));

    let mut shared = request(&[NsKind::Mnt]);
    shared.root = Some("/srv/root".into());
    shared.propagation = Propagation::Shared;
    assert!(matches!(
        plan(shared, &root()),
        Err(PlanError::RootPropagation)
    ));
}
