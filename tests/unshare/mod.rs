//! `nsx unshare`: new namespaces, and their setup.

mod ids;
mod mounts;
mod oci;
mod pins;
mod ranges;
mod rights;
pub(crate) mod root_directory;
mod status_fd;

use crate::support::{
    Cgroups, Command, Host, Need, Session, Test, both,
    procfs::{self, KINDS},
    root,
};
use std::{collections::BTreeSet, fs};

pub(crate) fn tests() -> Vec<Test> {
    let areas = [
        new_namespaces(),
        ids::tests(),
        mounts::tests(),
        oci::tests(),
        pins::tests(),
        ranges::tests(),
        rights::tests(),
        root_directory::tests(),
        status_fd::tests(),
    ];
    areas.into_iter().flatten().collect()
}

fn new_namespaces() -> Vec<Test> {
    vec![
        both(ps_is_alone_as_pid_1).needs([Need::Tool("ps")]),
        both(the_hostname_changes_inside_alone).needs([Need::Tool("hostname")]),
        both(lo_is_alone_and_up).needs([Need::Tool("ip")]),
        both(only_the_named_kind_is_new),
        both(all_kinds_are_new),
        both(a_pid_namespace_comes_with_a_child_and_its_own_proc),
        both(no_fork_leaves_the_pid_namespace_to_the_programs_children),
        both(the_program_is_a_child_if_exec_does_not_enter_the_time_namespace)
            .needs([Need::Kernel(5, 6)]),
        both(fork_makes_the_program_a_child),
        both(proc_is_mounted_on_the_named_directory),
        both(sys_shows_the_new_networks_devices_and_keeps_the_cgroups),
        both(a_sys_that_the_kernel_refuses_is_left_out),
        both(the_message_queues_are_those_of_the_new_namespace),
        root(cgroups_are_seen_from_the_new_namespace),
        root(cgroups_are_seen_under_another_root).needs([Need::Tool("busybox")]),
        root(propagation_is_set_as_requested),
        both(mounts_inside_stay_inside),
        both(the_program_starts_in_the_requested_directory),
        both(clock_offsets_are_left_alone).needs([Need::Kernel(5, 6)]),
        both(clock_offsets_are_read_as_people_write_them).needs([Need::Kernel(5, 6)]),
        both(the_domain_name_changes_inside_alone).needs([Need::Tool("domainname")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A kind's option, long and short.
pub(crate) fn options(kind: &str) -> [&str; 2] {
    match kind {
        "cgroup" => ["--cgroup", "-C"],
        "ipc" => ["--ipc", "-i"],
        "mnt" => ["--mount", "-m"],
        "net" => ["--net", "-n"],
        "pid" => ["--pid", "-p"],
        "time" => ["--time", "-T"],
        "user" => ["--user", "-U"],
        "uts" => ["--uts", "-u"],
        _ => panic!("{kind} is not a kind of namespace"),
    }
}

/// A shell script that prints the namespaces that it runs in, in the order of [`KINDS`].
pub(crate) const PRINT_NAMESPACES: &str =
    "cd /proc/self/ns && readlink cgroup ipc mnt net pid time user uts";

/// The kinds in which the process that printed `namespaces` differs from this one.
#[track_caller]
fn apart(namespaces: &str) -> BTreeSet<&'static str> {
    let namespaces: Vec<&str> = namespaces.lines().collect();
    assert_eq!(namespaces.len(), KINDS.len(), "{namespaces:?}");
    let here = |kind: &str| procfs::ns("self", kind);
    KINDS
        .into_iter()
        .zip(namespaces)
        .filter(|(kind, there)| here(kind) != *there)
        .map(|(kind, _)| kind)
        .collect()
}

fn ps_is_alone_as_pid_1(session: &Session) {
    for options in ["--pid", "-p", "-pf --mount-proc", "--fork --pid"] {
        let output = session
            .nsx(&format!("unshare -r {options} ps aux"))
            .output();
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), 2, "a heading and one process: {output}");
        let fields: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(
            (fields[0], fields[1], &fields[10..]),
            ("root", "1", &["ps", "aux"][..]),
            "{output}"
        );
    }
}

fn the_hostname_changes_inside_alone(session: &Session) {
    let before = fs::read("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(before, b"isolated-box\n");
    assert_eq!(
        session
            .unshare("--uts --hostname isolated-box hostname")
            .output(),
        "isolated-box"
    );
    assert_eq!(
        session.unshare("--hostname isolated-box hostname").output(),
        "isolated-box",
        "--uts is implied"
    );
    assert_eq!(fs::read("/proc/sys/kernel/hostname").unwrap(), before);
}

fn lo_is_alone_and_up(session: &Session) {
    let link = |options: &str| {
        let output = session
            .nsx(&format!("unshare -r {options} ip -br link"))
            .output();
        assert_eq!(output.lines().count(), 1, "{output}");
        assert!(output.starts_with("lo "), "{output}");
        // lo UNKNOWN 00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>
        output.split(['<', '>', ',']).any(|flag| flag == "UP")
    };
    assert!(link("--net"));
    assert!(link("-n"));
    assert!(!link("--net --no-lo"));
}

fn only_the_named_kind_is_new(session: &Session) {
    let user = (!session.is_root()).then_some("user");
    for kind in KINDS {
        let plain = match kind {
            "cgroup" => " --no-mount-cgroup",
            "ipc" => " --no-mount-mqueue",
            "net" => " --no-mount-sys",
            "pid" => " --no-mount-proc",
            _ => "",
        };
        for option in options(kind) {
            let namespaces = session
                .unshare(&format!("{option}{plain} sh -c"))
                .arg(PRINT_NAMESPACES)
                .output();
            assert_eq!(
                apart(&namespaces),
                user.into_iter().chain([kind]).collect(),
                "{option}{plain}"
            );
        }
    }
    // Mounting a new view of the kernel's files requires a mount namespace.
    for kind in ["cgroup", "ipc", "net", "pid"] {
        let namespaces = session
            .unshare(&format!("--{kind} sh -c"))
            .arg(PRINT_NAMESPACES)
            .output();
        assert_eq!(
            apart(&namespaces),
            user.into_iter().chain([kind, "mnt"]).collect(),
            "--{kind}"
        );
    }
}

fn all_kinds_are_new(session: &Session) {
    for option in ["--all", "-a"] {
        let namespaces = session
            .nsx(&format!("unshare {option} sh -c"))
            .arg(PRINT_NAMESPACES)
            .output();
        assert_eq!(apart(&namespaces), KINDS.into_iter().collect(), "{option}");
    }
    if !session.is_root() {
        assert_eq!(
            session.nsx("unshare -a id -u").output(),
            "0",
            "-r is implied"
        );
    }
}

fn a_pid_namespace_comes_with_a_child_and_its_own_proc(session: &Session) {
    let script = "echo $$ $PPID; cd /proc && echo [0-9]*";
    assert_eq!(
        session.unshare("--pid sh -c").arg(script).output(),
        "1 0\n1"
    );
    // Without it, /proc is the caller's, which has the test's process.
    let plain = session
        .unshare("--pid --no-mount-proc sh -c")
        .arg(script)
        .output();
    let (own, listed) = plain.split_once('\n').unwrap();
    assert_eq!(own, "1 0");
    assert!(
        listed
            .split(' ')
            .any(|id| id == std::process::id().to_string()),
        "{listed}"
    );
}

fn no_fork_leaves_the_pid_namespace_to_the_programs_children(session: &Session) {
    // The first child is PID 1, and after its end the namespace accepts no new processes.
    let script = "readlink /proc/$$/ns/pid; exec readlink /proc/self/ns/pid_for_children";
    let process = session
        .unshare("--pid --no-fork sh -c")
        .arg("echo $$; sh -c 'echo $$; :'")
        .start();
    let id = process.id().to_string();
    assert_eq!(process.wait().exited(0).text(), format!("{id}\n1"));
    let output = session
        .unshare("--pid --no-fork sh -c")
        .arg(script)
        .output();
    let (own, childrens) = output.split_once('\n').unwrap();
    assert_eq!(own, procfs::ns("self", "pid"));
    assert_ne!(childrens, own);
}

fn the_program_is_a_child_if_exec_does_not_enter_the_time_namespace(session: &Session) {
    // With this personality the kernel claims to be 2.6; before 6.3 only a fork enters a new time
    // namespace.
    let old =
        |options: &str| session.command(&format!("setarch --uname-2.6 nsx unshare {options}"));
    let user = if session.is_root() { "" } else { "-r " };
    let script = "cat /proc/$PPID/comm";
    for options in ["--time", "--boottime 3d"] {
        let namespaces = old(&format!("{user}{options} sh -c"))
            .arg(PRINT_NAMESPACES)
            .output();
        assert!(
            apart(&namespaces).contains("time"),
            "{options}: {namespaces}"
        );
        assert_eq!(
            old(&format!("{user}{options} sh -c")).arg(script).output(),
            "nsx",
            "{options}"
        );
        let refused = old(&format!("{user}{options} --no-fork touch ran")).run();
        refused
            .exited(125)
            .says(&["--no-fork", "time namespace", "6.3"]);
    }
    assert!(!session.path("ran").exists());
    assert_ne!(
        old(&format!("{user}--uts sh -c")).arg(script).output(),
        "nsx"
    );
}

fn fork_makes_the_program_a_child(session: &Session) {
    for (option, is_child) in [("--fork", true), ("-f", true), ("--no-fork", false)] {
        let process = session
            .unshare(&format!("--uts {option} sh -c"))
            .arg("echo $$ $PPID")
            .start();
        let nsx = process.id().to_string();
        let outcome = process.wait().exited(0);
        let (own, parent) = outcome.text().split_once(' ').unwrap();
        assert_eq!(own == nsx, !is_child, "{option}");
        assert_eq!(parent == nsx, is_child, "{option}");
    }
}

fn proc_is_mounted_on_the_named_directory(session: &Session) {
    let place = session.path("proc");
    fs::create_dir(&place).unwrap();
    let option = format!("--pid --mount-proc={} sh -c", place.display());
    assert_eq!(
        session
            .unshare(&option)
            .arg("cd proc && echo [0-9]* && cat 1/comm")
            .output(),
        "1\nsh"
    );
    assert_eq!(
        fs::read_dir(&place).unwrap().count(),
        0,
        "it is mounted in the new mount namespace alone"
    );

    let missing = format!(
        "--pid --mount-proc={}/missing touch ran",
        session.directory().display()
    );
    session
        .unshare(&missing)
        .run()
        .exited(125)
        .says(&["missing", "no such file"]);
    assert!(!session.path("ran").exists());
}

fn sys_shows_the_new_networks_devices_and_keeps_the_cgroups(session: &Session) {
    let list = |directory: &str| session.command("ls").arg(directory).output();
    let [devices, cgroups] = ["/sys/class/net", "/sys/fs/cgroup"].map(list);
    assert_ne!(
        devices, "lo",
        "a host with no network but lo proves nothing"
    );
    assert_eq!(session.unshare("--net ls /sys/class/net").output(), "lo");
    assert_eq!(session.unshare("--net ls /sys/fs/cgroup").output(), cgroups);
    assert_eq!(
        session
            .unshare("--net --no-mount-sys ls /sys/class/net")
            .output(),
        devices
    );
}

fn a_sys_that_the_kernel_refuses_is_left_out(session: &Session) {
    // A user namespace may mount a sysfs only if it sees another whole one: see
    // mount_too_revealing() in fs/namespace.c.
    let hidden = |command: &str| {
        let script = format!("mount -t tmpfs over /sys/kernel && {command}");
        session
            .command("unshare -r --mount sh -c")
            .arg(script)
            .run()
    };
    let refused = hidden("unshare -r --net mount -t sysfs sysfs /sys").exited(32);
    refused.says(&["permission denied"]);
    let quiet = hidden("nsx unshare -r --net echo ran").exited(0);
    assert_eq!((quiet.text(), quiet.stderr.len()), ("ran", 0), "{quiet}");
    let noted = hidden("nsx unshare -r --net -v echo ran")
        .exited(0)
        .says(&["/sys"]);
    assert_eq!(noted.text(), "ran");
}

fn the_message_queues_are_those_of_the_new_namespace(session: &Session) {
    let show = "sh -c 'ls /dev/mqueue; touch /dev/mqueue/inner && stat -f -c %T /dev/mqueue'";
    let commands = [
        // util-linux leaves it.
        ("unshare --ipc ls /dev/mqueue".to_owned(), "outer"),
        (format!("nsx unshare --ipc {show}"), "mqueue"),
        (format!("nsx unshare -r --ipc --pid {show}"), "mqueue"),
        (format!("nsx unshare --ipc --root / {show}"), "mqueue"),
        (
            "nsx unshare --ipc --no-mount-mqueue ls /dev/mqueue".to_owned(),
            "outer",
        ),
        (
            "nsx unshare --uts --mount ls /dev/mqueue".to_owned(),
            "outer",
        ),
        // The caller's mounts there stay, and nothing is mounted that would be seen outside.
        (
            "nsx unshare --ipc --bind /dev/mqueue ls /dev/mqueue".to_owned(),
            "outer",
        ),
        (
            "nsx unshare --ipc --propagation shared ls /dev/mqueue".to_owned(),
            "outer",
        ),
        ("ls /dev/mqueue".to_owned(), "outer"),
    ];
    // A /dev as systemd has it, on any host. There are only a few queues: a user may not have more
    // (RLIMIT_MSGQUEUE).
    let mut script =
        "mount -t tmpfs none /dev && mkdir /dev/mqueue && mount -t mqueue none /dev/mqueue\n\
        touch /dev/mqueue/outer\n"
            .to_owned();
    commands
        .iter()
        .for_each(|(command, _)| script += &format!("{command}\n"));
    let output = session
        .command(&format!(
            "unshare {}--mount --ipc sh -ec",
            session.map_root()
        ))
        .arg(script)
        .output();
    for ((command, expected), seen) in commands.iter().zip(output.lines()) {
        assert_eq!(seen, *expected, "{command}");
    }
    assert_eq!(output.lines().count(), commands.len(), "{output}");
    // Without the directory nothing is mounted.
    let without = |option: &str| {
        let script = format!("mount -t tmpfs none /dev && nsx unshare --ipc {option} echo ran");
        session
            .command(&format!("unshare {}--mount sh -c", session.map_root()))
            .arg(script)
            .run()
            .exited(0)
    };
    let quiet = without("");
    assert_eq!((quiet.text(), quiet.stderr.len()), ("ran", 0), "{quiet}");
    without("-v").says(&["/dev/mqueue", "no such file"]);
    // A /dev that nsx creates has one.
    assert_eq!(
        session
            .unshare("--dev --ipc stat -f -c %T /dev/mqueue")
            .output(),
        "mqueue"
    );
}

/// Prints the root of each hierarchy's topmost mount: `/` for its top, `/..` for its outside.
pub(crate) const PRINT_TOPS: &str = "awk '$5 ~ \"^/sys/fs/cgroup\" && / - cgroup2? / { top[$5] = \
$4 } \
    END { for (place in top) print top[place] }' /proc/self/mountinfo | sort -u";

/// A shell of root on a host, in a cgroup that is not the top one.
pub(crate) fn below_the_top(host: &Host<'_>, script: &str) -> String {
    let below =
        "for one in $(findmnt --noheadings --list --types cgroup,cgroup2 --output TARGET); \
    do
            mkdir -p $one/box
            [ ! -e $one/cpuset.cpus ] || { cat $one/cpuset.cpus >$one/box/cpuset.cpus; cat \
    $one/cpuset.mems >$one/box/cpuset.mems; }
            echo $$ >$one/box/cgroup.procs
        done";
    host.shell(&format!("{below}\n{script}")).output()
}

fn cgroups_are_seen_from_the_new_namespace(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let tops = |options: &str| {
            // The top of the view has the processes of the new namespace.
            let inside = format!(
                "{PRINT_TOPS}; for one in $(findmnt -nlt cgroup,cgroup2 -o TARGET); do \
                    grep -qx $$ $one/cgroup.procs || echo $one lacks $$; done"
            );
            below_the_top(
                &host,
                &format!("nsx unshare {options} sh -c {}", quoted(&inside)),
            )
        };
        assert_eq!(
            below_the_top(
                &host,
                &format!("unshare --cgroup --mount sh -c {}", quoted(PRINT_TOPS))
            ),
            "/.."
        );
        for options in [
            "--cgroup",
            "-r --cgroup",
            "--cgroup --net",
            "--cgroup --root /",
            "--cgroup --ro-root",
        ] {
            assert_eq!(tops(options), "/", "{options} {cgroups:?}");
        }
        for options in [
            "--cgroup --no-mount-cgroup",
            "--cgroup --propagation shared",
        ] {
            assert!(tops(options).starts_with("/..\n"), "{options} {cgroups:?}");
        }
    }
}

fn cgroups_are_seen_under_another_root(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let script = "ls /sys/fs/cgroup; echo; nsx unshare --cgroup --net --pid --root /run/image \
        ls /sys/fs/cgroup";
        let output = below_the_top(&host, script);
        let (outside, inside) = output.split_once("\n\n").unwrap();
        match cgroups {
            Cgroups::AsOutside => assert_eq!(inside, outside),
            Cgroups::Unified => assert!(
                inside.lines().any(|file| file == "cgroup.procs"),
                "{inside}"
            ),
        }
    }
}

/// A script as one word for a shell.
pub(crate) fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', "'\\''"))
}

fn propagation_is_set_as_requested(session: &Session) {
    // With shared mounts, as systemd has them, on any host.
    let propagation = |options: &str| {
        let inside =
            "awk '$5 == \"/\" { for (i = 7; $i != \"-\"; i++) print $i }' /proc/self/mountinfo";
        let script = format!(
            "nsx unshare --mount {options} sh -c '{}'",
            inside.replace('\'', "'\\''")
        );
        let shared = session
            .command("unshare --mount --propagation shared sh -c")
            .arg(script)
            .output();
        shared
            .lines()
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(propagation(""), "");
    assert_eq!(propagation("--propagation private"), "");
    assert_eq!(propagation("--propagation slave"), "master");
    assert_eq!(propagation("--propagation shared"), "shared");
    assert_eq!(propagation("--propagation unchanged"), "shared");
    session
        .nsx("unshare --mount --propagation bogus touch ran")
        .run()
        .exited(125)
        .says(&["bogus", "private"]);
    assert!(!session.path("ran").exists());
}

fn mounts_inside_stay_inside(session: &Session) {
    let script = "mount -t tmpfs inside . && cat /proc/self/mountinfo";
    let before = fs::read("/proc/self/mountinfo").unwrap();
    let inside = session.unshare("--mount sh -c").arg(script).output();
    assert!(
        inside.contains(session.directory().to_str().unwrap()),
        "{inside}"
    );
    assert_eq!(fs::read("/proc/self/mountinfo").unwrap(), before);
}

fn the_program_starts_in_the_requested_directory(session: &Session) {
    fs::create_dir(session.path("below")).unwrap();
    let own = session.directory().to_str().unwrap();
    for (options, directory) in [
        ("--mount", own),
        ("--pid --net", own),
        ("--uts --wd /usr/lib", "/usr/lib"),
        ("--pid -w /usr/lib", "/usr/lib"),
        ("--mount --wd below", &format!("{own}/below")),
    ] {
        assert_eq!(
            session.unshare(&format!("{options} pwd -P")).output(),
            directory,
            "{options}"
        );
    }
    session
        .unshare("--uts --wd missing touch ran")
        .run()
        .exited(125)
        .says(&["missing", "no such file"]);
    session
        .unshare("--uts --wd /etc/passwd touch ran")
        .run()
        .exited(125)
        .says(&["/etc/passwd", "not a directory"]);
    assert!(!session.path("ran").exists());
}

fn clock_offsets_are_left_alone(session: &Session) {
    let output = session
        .unshare("--time cat /proc/self/timens_offsets")
        .output();
    let fields: Vec<&str> = output.split_whitespace().collect();
    assert_eq!(fields, ["monotonic", "0", "0", "boottime", "0", "0"]);
}

fn clock_offsets_are_read_as_people_write_them(session: &Session) {
    for (words, expected) in [
        (
            &["--boottime", "3 days"][..],
            "monotonic 0 0 boottime 259200 0",
        ),
        (
            &["--monotonic=1 hour 30 min"],
            "monotonic 5400 0 boottime 0 0",
        ),
        (
            &["--monotonic", "-1 second", "--boottime", "2w"],
            "monotonic -1 0 boottime 1209600 0",
        ),
    ] {
        let command = words.iter().fold(session.unshare("--time"), Command::arg);
        let output = command.args("cat /proc/self/timens_offsets").output();
        assert_eq!(
            output.split_whitespace().collect::<Vec<_>>().join(" "),
            expected,
            "{words:?}"
        );
    }
    session
        .unshare("--boottime")
        .arg("3 months")
        .args("touch ran")
        .run()
        .exited(125)
        .says(&["months is not a unit"]);
    session
        .unshare("--boottime")
        .arg("3d 5")
        .args("touch ran")
        .run()
        .exited(125)
        .says(&["5 has no unit"]);
    assert!(!session.path("ran").exists());
}

fn the_domain_name_changes_inside_alone(session: &Session) {
    let before = fs::read("/proc/sys/kernel/domainname").unwrap();
    assert_eq!(
        session.unshare("--domainname example domainname").output(),
        "example",
        "--uts is implied"
    );
    assert_eq!(
        session
            .unshare("--uts --hostname box --domainname example cat /proc/sys/kernel/hostname")
            .output(),
        "box"
    );
    assert_eq!(fs::read("/proc/sys/kernel/domainname").unwrap(), before);
    let long = "x".repeat(65);
    session
        .unshare("--domainname")
        .arg(long)
        .args("true")
        .run()
        .exited(125)
        .says(&["domain name has 65 bytes"]);
}
