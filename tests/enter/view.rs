//! `nsx enter` with kinds named: the caller's files stay, and those that would show the wrong
//! namespace are replaced for the program alone.

use crate::{
    support::{
        Cgroups, Host, Need, Session, Test, both,
        filter::Filter,
        procfs::{self, Pinned},
        root,
    },
    unshare::{
        kernel_files::{PRINT_TOPS, below_the_top},
        quoted,
    },
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(proc_shows_the_pid_namespace_and_stays_as_it_is_for_others),
        both(sys_shows_the_network_and_keeps_the_cgroups),
        both(the_message_queues_are_those_of_the_target),
        root(cgroups_are_seen_from_the_joined_namespace),
        both(no_fix_leaves_the_callers_mounts),
        both(a_refusal_of_proc_names_the_remedy_that_works),
        both(the_callers_files_and_directory_stay),
        both(nothing_is_mounted_if_the_mount_namespace_is_joined),
        both(mounts_are_explained),
        root(the_files_of_a_named_network_are_seen_as_ip_netns_shows_them)
            .needs([Need::Tool("ip")]),
        both(names_are_looked_up_as_the_target_does),
        root(the_files_of_a_named_network_come_before_the_targets).needs([Need::Tool("ip")]),
        root(a_program_without_mapped_ids_sees_network_files_too),
        root(a_link_in_etc_is_followed_to_the_file_that_is_covered).needs([Need::Tool("ip")]),
        root(nothing_is_mounted_if_mount_namespaces_are_exhausted),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36), Need::Kernel(5, 6)]))
    .collect()
}

/// A `sleep` that shares the caller's files, but not its processes and network.
fn target(session: &Session) -> (crate::support::Process, Pinned) {
    let unshare = session
        .original_unshare("--net --pid --uts --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

/// The option that an ordinary user needs.
fn user(session: &Session) -> &'static str {
    if session.is_root() { "" } else { "-U " }
}

fn proc_shows_the_pid_namespace_and_stays_as_it_is_for_others(session: &Session) {
    let (_unshare, sleep) = target(session);
    let (id, user) = (sleep.id(), user(session));
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for filter in [None, Some(Filter::SetnsByPidfd), Some(Filter::NewCalls)] {
        let enter = session.nsx(&format!("enter {id} {user}--pid -- sh -c"));
        let enter = enter.arg("cat /proc/1/comm; cat /proc/$$/comm; cd /proc; echo [0-9]*");
        let output = filter
            .map_or(enter.clone(), |filter| enter.under(filter))
            .output();
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(lines[..2], ["sleep", "sh"], "{filter:?}");
        assert_eq!(
            lines[2].split(' ').count(),
            2,
            "PID 1 and the program: {output}"
        );
    }
    let mine = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_eq!(
        mine.matches(" - proc ").count(),
        before.matches(" - proc ").count(),
        "nothing is mounted outside"
    );
}

fn sys_shows_the_network_and_keeps_the_cgroups(session: &Session) {
    let (_unshare, sleep) = target(session);
    let enter = session.nsx(&format!(
        "enter {} {}--net -- sh -c",
        sleep.id(),
        user(session)
    ));
    let output = enter
        .arg("echo /sys/class/net/*; ls /sys/fs/cgroup")
        .output();
    let (network, cgroups) = output.split_once('\n').unwrap();
    assert_eq!(network, "/sys/class/net/lo");
    assert_eq!(cgroups, session.command("ls /sys/fs/cgroup").output());
}

fn the_message_queues_are_those_of_the_target(session: &Session) {
    // A /dev as systemd has it, on any host. There are only two queues: a user may have few
    // (RLIMIT_MSGQUEUE).
    let script =
        "mount -t tmpfs none /dev && mkdir /dev/mqueue && mount -t mqueue none /dev/mqueue && \
        touch /dev/mqueue/outer /dev/null
        unshare --ipc --mount sh -ec 'mount -t mqueue none /dev/mqueue; touch /dev/mqueue/inner; \
        exec sleep 100' & T=$!
        until nsenter --ipc --mount -t $T ls /dev/mqueue/inner; do kill -0 $T; sleep 0.05; done \
        >/dev/null 2>&1
        nsenter --ipc -t $T ls /dev/mqueue
        nsx enter $T --ipc -- ls /dev/mqueue
        nsx enter --ipc=/proc/$T/ns/ipc -- ls /dev/mqueue
        nsx enter $T --host-tools -- ls /dev/mqueue
        nsx enter $T --ipc --no-fix -- ls /dev/mqueue
        nsx enter $T --ipc --mount -- ls /dev/mqueue
        kill $T; ls /dev/mqueue";
    let output = session
        .command(&format!(
            "unshare {}--mount --ipc sh -ec",
            session.map_root()
        ))
        .arg(script)
        .output();
    let seen: Vec<&str> = output.lines().collect();
    // util-linux leaves it, and so does --no-fix. Outside nothing changes.
    assert_eq!(
        seen,
        [
            "outer", "inner", "inner", "inner", "outer", "inner", "outer"
        ]
    );
}

fn cgroups_are_seen_from_the_joined_namespace(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let tops = |enter: &str| {
            let script = format!(
                "unshare --cgroup sleep 100 & own=$(readlink /proc/self/ns/cgroup)
                until [ $(readlink /proc/$!/ns/cgroup) != $own ]; do sleep 0.05; done
                {enter} -- sh -c {}; kill $!",
                quoted(PRINT_TOPS)
            );
            below_the_top(&host, &script)
        };
        assert_eq!(
            tops("nsenter --cgroup -t $!"),
            "/..",
            "{cgroups:?}: util-linux leaves them"
        );
        assert_eq!(tops("nsx enter $! --cgroup"), "/", "{cgroups:?}");
        assert_eq!(tops("nsx enter $! --cgroup --no-fix"), "/..", "{cgroups:?}");
    }
}

fn no_fix_leaves_the_callers_mounts(session: &Session) {
    let (_unshare, sleep) = target(session);
    let enter = session.nsx(&format!(
        "enter {} {}--no-fix --net --pid --",
        sleep.id(),
        user(session)
    ));
    assert_eq!(
        enter.clone().args("readlink /proc/self/ns/mnt").output(),
        procfs::ns("self", "mnt")
    );
    assert_eq!(
        enter.clone().args("cat /proc/1/comm").output(),
        procfs::comm(1)
    );
    assert_eq!(
        enter.args("ls /sys/class/net").output(),
        session.command("ls /sys/class/net").output()
    );
}

/// Parts of a container's /proc are mounted over, and a user namespace inside may not mount
/// another.
fn a_refusal_of_proc_names_the_remedy_that_works(session: &Session) {
    let script = "mount -t tmpfs none /proc/tty; unshare --user --map-root-user --pid --fork \
    --kill-child sleep 100 &
        until read target </proc/$!/task/$!/children; [ \"$(cat /proc/$target/comm)\" = sleep ]; \
    do sleep 0.01; done 2>/dev/null
        trap 'kill -9 $!' EXIT; nsx enter $target --userns --pid OPTIONS true";
    let enter = |options: &str| {
        let own = session.command("unshare --user --map-root-user --mount sh -c");
        own.arg(script.replace("OPTIONS", options)).run()
    };
    let refused = enter("")
        .exited(125)
        .says(&["/proc/tty is mounted over", "--no-fix"]);
    assert!(!refused.text().contains("--no-mount-proc"), "{refused}");
    enter("--no-fix").exited(0);
    // unshare has its own.
    let unshare = session.command("unshare --user --map-root-user --mount sh -c");
    let refused = unshare
        .arg("mount -t tmpfs none /proc/tty; nsx unshare -r --pid true")
        .run();
    refused
        .exited(125)
        .says(&["/proc/tty is mounted over", "--no-mount-proc"]);
}

fn the_callers_files_and_directory_stay(session: &Session) {
    let (_unshare, sleep) = target(session);
    fs::write(session.path("mine"), "seen").unwrap();
    let enter = session.nsx(&format!(
        "enter {} {}--net --pid --",
        sleep.id(),
        user(session)
    ));
    let output = enter
        .clone()
        .args("sh -c")
        .arg("pwd; cat mine; readlink /proc/self/root")
        .output();
    assert_eq!(output, format!("{}\nseen/", session.directory().display()));
    // As do his privileges.
    let capabilities = session.command("grep ^Cap /proc/self/status").output();
    if session.is_root() {
        assert_eq!(
            enter.args("grep ^Cap /proc/self/status").output(),
            capabilities
        );
    }
}

fn nothing_is_mounted_if_the_mount_namespace_is_joined(session: &Session) {
    let unshare = session
        .original_unshare("--mount --net --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let user = user(session);
    for words in [
        format!("enter {}", sleep.id()),
        format!("enter {} {user}--mount --net --pid", sleep.id()),
    ] {
        let output = session
            .nsx(&format!("{words} -- readlink /proc/thread-self/ns/mnt"))
            .run();
        // The target's /proc is the caller's, which shows no process by that PID to a process in
        // another namespace.
        output.exited(0);
        let explained = session.nsx(&format!("{words} --explain true")).output();
        assert!(!explained.contains("mount("), "{explained}");
    }
}

fn mounts_are_explained(session: &Session) {
    let (_unshare, sleep) = target(session);
    let explained = session
        .nsx(&format!(
            "enter {} {}--net --pid --explain true",
            sleep.id(),
            user(session)
        ))
        .output();
    let places = [
        "setns(",
        "unshare(CLONE_NEWNS)",
        "mount(sysfs, /sys)",
        "mount(proc, /proc",
        "clone(CLONE_PARENT)",
    ];
    let places = places.map(|call| {
        explained
            .find(call)
            .unwrap_or_else(|| panic!("{call} in {explained}"))
    });
    assert!(places.is_sorted(), "{explained}");
    // In its own user namespace the target gains nothing by that.
    assert_eq!(
        explained.contains("(CAP_SYS_PTRACE) can take it over"),
        session.is_root(),
        "{explained}"
    );
    let explained = session
        .nsx(&format!(
            "enter {} {}--uts --explain true",
            sleep.id(),
            user(session)
        ))
        .output();
    assert!(!explained.contains("mount"), "nothing lies: {explained}");
}

/// Runs a script with /etc and /run of its own, in which it may make `etc/netns/NAME/FILE` and
/// named networks.
fn with_own_etc(session: &Session, script: &str) -> String {
    let prepare = "mount -t tmpfs none /run && mkdir -p upper work /run/netns && \
        mount -t overlay -o lowerdir=/etc,upperdir=$PWD/upper,workdir=$PWD/work none /etc && set \
    -e; ";
    let unshare = session
        .command("unshare --mount --propagation private sh -c")
        .arg(format!("{prepare}{script}"));
    unshare.output()
}

/// A named network with a resolver of its own, and a process in it; `$1` is the command to run.
const NAMED_NETWORK: &str = "ip netns add blue; mkdir -p /etc/netns/blue; echo blue \
>/etc/netns/blue/resolv.conf; \
    echo mine >/etc/netns/blue/hosts; nsenter --net=/run/netns/blue sleep 100 & target=$!; \
    until [ $(readlink /proc/$target/ns/net) != $(readlink /proc/$$/ns/net) ]; do sleep 0.01; \
done; \
    trap 'kill $target' EXIT; ";

fn the_files_of_a_named_network_are_seen_as_ip_netns_shows_them(session: &Session) {
    let prepare = format!("rm -f /etc/resolv.conf; echo host >/etc/resolv.conf; {NAMED_NETWORK}");
    let show = "cat /etc/resolv.conf /etc/hosts; ls /sys/class/net";
    let ours = format!("nsx enter $target --net -- sh -c '{show}'; cat /etc/resolv.conf");
    let theirs = format!("ip netns exec blue sh -c '{show}'; cat /etc/resolv.conf");
    let output = with_own_etc(session, &format!("{prepare}{ours}"));
    assert_eq!(output, "blue\nmine\nlo\nhost");
    fs::remove_dir_all(session.path("upper")).unwrap();
    fs::remove_dir_all(session.path("work")).unwrap();
    assert_eq!(output, with_own_etc(session, &format!("{prepare}{theirs}")));
}

/// A `sleep` with its own network and mounts, among them a resolver and host names.
fn resolving(session: &Session, options: &str) -> (crate::support::Process, Pinned) {
    fs::write(session.path("resolver"), "nameserver 127.0.0.11\n").unwrap();
    fs::write(session.path("names"), "192.0.2.1 target\n").unwrap();
    let script =
        "mount --bind resolver /etc/resolv.conf; mount --bind names /etc/hosts; exec sleep 100";
    let unshare = session
        .original_unshare(&format!("{options}--net --mount sh -ec"))
        .arg(script)
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn names_are_looked_up_as_the_target_does(session: &Session) {
    let (_unshare, sleep) = resolving(session, "");
    let (id, user) = (sleep.id(), user(session));
    let show = "cat /etc/resolv.conf /etc/hosts";
    let theirs = "nameserver 127.0.0.11\n192.0.2.1 target";
    for filter in [None, Some(Filter::NewCalls)] {
        for options in [
            format!("{user}--net"),
            "--host-tools".into(),
            format!("--host-tools {user}--net"),
        ] {
            let enter = session.nsx(&format!("enter {id} {options} -- {show}"));
            let enter = filter.map_or(enter.clone(), |filter| enter.under(filter));
            assert_eq!(enter.output(), theirs, "{options} {filter:?}");
        }
    }
    let own = session.command(show).output();
    // The caller's files stay if the network does, and with --no-fix.
    assert_eq!(
        session
            .nsx(&format!("enter {id} {user}--net --no-fix -- {show}"))
            .output(),
        own
    );
    let file = format!("/proc/{id}/ns/net");
    if session.is_root() {
        assert_eq!(
            session
                .nsx(&format!("enter {id} --uts --ipc -- {show}"))
                .output(),
            own
        );
        assert_eq!(
            session.nsx(&format!("enter {file} -- {show}")).output(),
            own
        );
        assert_eq!(
            session
                .nsx(&format!("enter {id} --net={file} -- {show}"))
                .output(),
            theirs
        );
    }
    assert_eq!(session.command(show).output(), own);
    // The file is a copy: the target must not see what the program writes.
    let enter = session
        .nsx(&format!("enter {id} {user}--net -- sh -c"))
        .arg("echo mine >/etc/resolv.conf")
        .run();
    enter.exited(2).says(&["read-only file system"]);
    assert_eq!(
        fs::read_to_string(session.path("resolver")).unwrap(),
        "nameserver 127.0.0.11\n"
    );
    let enter = session
        .nsx(&format!("enter {id} {user}--net -- sh -c"))
        .arg("cd /etc; stat -c %a hosts; ls | wc -l");
    assert_eq!(
        enter.output(),
        session.shell("cd /etc; echo 644; ls | wc -l").output(),
        "nothing else is hidden"
    );
}

fn the_files_of_a_named_network_come_before_the_targets(session: &Session) {
    let show = "mount --make-private /etc; cp -a /etc/hosts /run/hosts; rm /etc/netns/blue/hosts; \
    rm -f /etc/resolv.conf; \
        echo host >/etc/resolv.conf; echo target >/run/theirs; \
        nsenter --net=/run/netns/blue unshare --mount sh -c \
            'mount --bind /run/theirs /etc/resolv.conf; mount --bind /run/theirs /etc/hosts; exec \
    sleep 100' & \
        other=$!; trap 'kill $target $other' EXIT; until grep -q sleep /proc/$other/comm; do sleep \
    0.01; done; \
        nsx enter $other --net -- cat /etc/resolv.conf /etc/hosts";
    assert_eq!(
        with_own_etc(session, &format!("{NAMED_NETWORK}{show}")),
        "blue\ntarget"
    );
}

/// root's user id is not mapped there, and the file has another owner.
fn a_program_without_mapped_ids_sees_network_files_too(session: &Session) {
    let mapper = "unshare --map-users 0:100000:10 --map-groups 0:100000:10 -S 0 -G 0";
    fs::write(session.path("resolver"), "nameserver 127.0.0.11\n").unwrap();
    let script = "mount --bind resolver /etc/resolv.conf; exec sleep 100";
    session
        .shell("chmod 755 .; chmod 644 resolver")
        .run()
        .exited(0);
    let unshare = session
        .nsx(mapper)
        .args("--net --mount sh -ec")
        .arg(script)
        .start();
    let sleep = unshare.program("sleep");
    let enter = session.nsx(&format!(
        "enter {} --userns --net -- cat /etc/resolv.conf",
        sleep.id()
    ));
    assert_eq!(enter.output(), "nameserver 127.0.0.11");
}

fn a_link_in_etc_is_followed_to_the_file_that_is_covered(session: &Session) {
    let link = "rm -f /etc/resolv.conf; mkdir /run/there; echo host >/run/there/stub; \
        ln -s ../run/there/stub /etc/resolv.conf; ";
    // Beside it, a link that leads nowhere, as a source, and one that covers no file.
    let more = "ln -s nowhere /etc/netns/blue/dangling; echo new >/etc/netns/blue/not-in-etc; ";
    let show = "nsx enter $target --net -v -- sh -c 'cat /etc/resolv.conf; cat /run/there/stub' \
    2>&1; cat /etc/resolv.conf";
    let output = with_own_etc(session, &format!("{link}{NAMED_NETWORK}{more}{show}"));
    let (note, shown) = output.split_once('\n').unwrap();
    assert!(note.contains("/etc/not-in-etc"), "{output}");
    assert_eq!(shown, "blue\nblue\nhost");
}

fn nothing_is_mounted_if_mount_namespaces_are_exhausted(session: &Session) {
    let sleep = session.command("unshare --user --map-root-user sh -c");
    let script = "echo 1 >/proc/sys/user/max_mnt_namespaces && unshare --mount --net --pid --fork \
    --kill-child sleep 100";
    let unshare = sleep.arg(script).start();
    let sleep = unshare.program("sleep");
    let outer = fs::read_to_string(format!("/proc/{}/mountinfo", unshare.id())).unwrap();
    let enter = session.nsx(&format!("enter {} -U --pid --net -- touch ran", sleep.id()));
    enter
        .run()
        .exited(125)
        .says(&["mnt namespace", "user.max_"]);
    assert!(!session.path("ran").exists());
    assert_eq!(
        outer,
        fs::read_to_string(format!("/proc/{}/mountinfo", unshare.id())).unwrap()
    );
}
