//! `nsx unshare`: new namespaces, and their setup.

mod ids;
mod joins;
pub(crate) mod kernel_files;
mod like;
mod limits;
mod links;
mod mounts;
mod nat;
mod oci;
mod overlays;
mod pins;
mod ranges;
mod rights;
pub(crate) mod root_directory;
mod root_mounts;
pub(crate) mod sets;
mod status_fd;
mod uplinks;

use crate::support::{
    Need, Session, Test, both,
    procfs::{self, KINDS},
    root,
};
use std::{collections::BTreeSet, fs};

pub(crate) fn tests() -> Vec<Test> {
    let areas = [
        new_namespaces(),
        ids::tests(),
        joins::tests(),
        kernel_files::tests(),
        like::tests(),
        limits::tests(),
        links::tests(),
        nat::tests(),
        mounts::tests(),
        oci::tests(),
        overlays::tests(),
        pins::tests(),
        ranges::tests(),
        rights::tests(),
        root_directory::tests(),
        root_mounts::tests(),
        sets::tests(),
        status_fd::tests(),
        uplinks::tests(),
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
        root(propagation_is_set_as_requested),
        both(mounts_inside_stay_inside),
        both(the_program_starts_in_the_requested_directory),
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
