//! `nsx enter` alone: the program is like a program of the target, in its privileges and its files.

use crate::support::{
    Need, Process, Session, Test, both,
    filter::Filter,
    procfs::{self, Pinned},
    root,
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_environment_is_the_targets),
        both(the_environment_is_the_callers_if_the_mounts_are),
        both(limits_are_the_targets),
        both(the_program_has_the_targets_status),
        root(a_user_with_capabilities_gets_them_again),
        root(keeping_privileges_prints_a_note),
        both(seccomp_filters_are_copied_if_root_may_read_them),
        root(a_traced_target_is_left_alone).needs([Need::Tool("strace")]),
        both(a_removed_working_directory_is_left_out),
        both(nested_user_namespaces_are_entered_without_options),
        both(checks_are_explained),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36)]))
    .collect()
}

/// A `sleep` with its own mounts and host name. The words of a command line set everything else.
pub(super) fn target(session: &Session, words: &str) -> (Process, Pinned) {
    let unshare = session
        .original_unshare(&format!("--mount --uts {words} sleep 100"))
        .env("A", "target")
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

fn the_environment_is_the_targets(session: &Session) {
    let (_unshare, sleep) = target(session, "env -u HOME");
    let print = |options: &str| {
        let enter = session
            .nsx(&format!("enter {} {options}", sleep.id()))
            .env("A", "caller")
            .env("B", "caller's");
        enter.args("-- sh -c").arg("echo $A,$B,$HOME").output()
    };
    let home = session.directory().display();
    // The ordinary user is root inside.
    assert_eq!(print("-v"), "target,,/root");
    assert_eq!(print("--host-env"), format!("caller,caller's,{home}"));
    assert_eq!(print("--env A --env B=x=y --env HOME=/x"), "caller,x=y,/x");
    assert_eq!(print("--unset-env A"), ",,/root");
    assert_eq!(
        print("--host-env --unset-env B --env NONE"),
        format!("caller,,{home}")
    );
    let variables = session.nsx(&format!("enter {} env", sleep.id())).output();
    let environ =
        String::from_utf8(fs::read(format!("/proc/{}/environ", sleep.id())).unwrap()).unwrap();
    let mut expected: Vec<&str> = environ.split_terminator('\0').collect();
    expected.push("HOME=/root");
    let mut variables: Vec<_> = variables.lines().collect();
    variables.sort_unstable();
    expected.sort_unstable();
    assert_eq!(variables, expected);
    session
        .nsx(&format!("enter {} --env =x true", sleep.id()))
        .run()
        .exited(125);
}

/// Otherwise a target could make the loader of a host program load its own code.
fn the_environment_is_the_callers_if_the_mounts_are(session: &Session) {
    let unshare = session
        .original_unshare("--uts env A=target LD_PRELOAD=/evil /bin/sleep 100")
        .start();
    let id = unshare.program("sleep").id();
    let outcome = session
        .nsx(&format!("enter {id} -- sh -c"))
        .env("A", "caller")
        .arg("echo $A,$LD_PRELOAD")
        .run();
    assert_eq!(outcome.exited(0).text(), "caller,");
}

fn limits_are_the_targets(session: &Session) {
    let (_unshare, sleep) = target(
        session,
        "prlimit --nofile=50:60 --core=0:1000 choom -n 300 --",
    );
    let limits = |process: &dyn std::fmt::Display| {
        fs::read_to_string(format!("/proc/{process}/limits")).unwrap()
    };
    let id = sleep.id();
    let print = "cat /proc/self/limits /proc/self/oom_score_adj";
    let output = session.nsx(&format!("enter {id} {print}")).output();
    assert_eq!(output, limits(&id) + "300");
    let own = session
        .nsx(&format!("enter {id} --no-limits {print}"))
        .output();
    assert_eq!(
        own,
        limits(&"self")
            + fs::read_to_string("/proc/self/oom_score_adj")
                .unwrap()
                .trim_end()
    );
    assert_eq!(
        session.nsx(&format!("enter {id} -U -m {print}")).output(),
        own,
        "with kinds named they stay"
    );
}

/// The lines of `status` that show the ids and the privileges of a process.
const WHO: [&str; 10] = [
    "Uid",
    "Gid",
    "Groups",
    "NoNewPrivs",
    "Seccomp",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
];

/// Enters a process of the caller's PID namespace and prints these lines.
#[track_caller]
fn assert_alike(session: &Session, sleep: &Pinned, options: &str) {
    let script = "cat /proc/self/status";
    let status = session
        .nsx(&format!("enter {} {options} {script}", sleep.id()).replace("  ", " "))
        .output();
    for line in WHO {
        let has = |status: &str| {
            let value = status
                .lines()
                .find_map(|it| it.strip_prefix(line)?.strip_prefix(':').map(str::trim));
            value
                .unwrap_or_else(|| panic!("{line} is not in {status}"))
                .to_owned()
        };
        let theirs = fs::read_to_string(format!("/proc/{}/status", sleep.id())).unwrap();
        // The ids of the program are printed inside, and 0 there is the user who made the
        // namespace.
        if !session.is_root() && line.ends_with("id") {
            assert!(has(&status).starts_with("0\t"), "{line}: {status}");
        } else if session.is_root() || line != "Groups" {
            assert_eq!(has(&status), has(&theirs), "{line} with {options}");
        }
    }
}

fn the_program_has_the_targets_status(session: &Session) {
    for words in [
        "setpriv --no-new-privs",
        "setpriv --bounding-set=-sys_time,-net_raw",
        "env",
    ] {
        let (_unshare, sleep) = target(session, words);
        assert_alike(session, &sleep, "");
        assert_alike(session, &sleep, "-v");
    }
}

fn a_user_with_capabilities_gets_them_again(session: &Session) {
    let user = "setpriv --reuid=33 --regid=44 --groups=5,6";
    for words in [
        user.to_owned(),
        format!("{user} --inh-caps=+net_raw,+chown --ambient-caps=+net_raw"),
        format!("{user} --bounding-set=-all,+chown,+setpcap --no-new-privs"),
    ] {
        let (_unshare, sleep) = target(session, &words);
        // The capabilities that the kernel dropped at setpriv's own exec are dropped at the
        // program's too.
        assert_alike(session, &sleep, "");
    }
    let (_unshare, sleep) = target(
        session,
        &format!("{user} --inh-caps=+net_raw --ambient-caps=+net_raw"),
    );
    let who = |options: &str| {
        let enter = session.nsx(&format!("enter {} {options} sh -c", sleep.id()));
        enter
            .arg("id -u; id -g; id -G; grep CapAmb /proc/self/status | cut -f2")
            .output()
    };
    assert_eq!(who("--user 7:8"), "7\n8\n8\n0000000000002000");
    assert_eq!(who("-G 9"), "33\n9\n9\n0000000000002000");
    assert_eq!(who("-S 0 --host-caps"), "0\n44\n44 5 6\n0000000000000000");
}

fn keeping_privileges_prints_a_note(session: &Session) {
    let (_unshare, sleep) = target(
        session,
        "setpriv --reuid=33 --regid=44 --clear-groups --bounding-set=-all --no-new-privs",
    );
    let enter = session
        .nsx(&format!(
            "enter {} --privileged cat /proc/self/status",
            sleep.id()
        ))
        .run();
    let status = enter.exited(0).says(&["unconfined"]).text().to_owned();
    for line in ["NoNewPrivs", "CapEff", "CapBnd", "Uid", "Gid"] {
        let own = format!("{line}:\t{}", procfs::status("self", line));
        assert!(
            status.lines().any(|it| it == own),
            "{own} is not in {status}"
        );
    }
    // Only user 0 keeps capabilities across an exec.
    for (options, words, none) in [
        ("-S 0", "with your capabilities", false),
        ("-S 5", "user 5, who has no capabilities", true),
    ] {
        let enter = session.nsx(&format!(
            "enter {} --privileged {options} grep CapEff /proc/self/status",
            sleep.id()
        ));
        let enter = enter.run().exited(0).says(&[words]);
        assert_eq!(
            enter.text().ends_with("\t0000000000000000"),
            none,
            "{enter}"
        );
    }
    let quiet = session
        .nsx(&format!("enter {} true", sleep.id()))
        .run()
        .exited(0);
    assert!(quiet.stderr.is_empty());
}

/// `openat2` with an invalid directory: EBADF, unless a filter answers it with ENOSYS.
const OPENAT2: &str = "perl -e $p=\"\";syscall(437,-1,$p,0,0);print(int($!))";

fn seccomp_filters_are_copied_if_root_may_read_them(session: &Session) {
    let unshare = session
        .original_unshare("--mount --uts sleep 100")
        .under(Filter::NewCalls)
        .start();
    let sleep = unshare.program("sleep");
    let without = session.command(OPENAT2).output();
    assert_ne!(without, libc::ENOSYS.to_string());
    let enter = |options: &str| {
        let enter = session
            .nsx(&format!("enter {} {options} {OPENAT2}", sleep.id()))
            .run()
            .exited(0);
        (
            enter.text().to_owned(),
            String::from_utf8(enter.stderr).unwrap(),
        )
    };
    let (filtered, said) = enter("-v");
    if session.is_root() {
        assert_eq!((filtered, said), (libc::ENOSYS.to_string(), String::new()));
    } else {
        assert_eq!(filtered, without);
        assert!(said.contains("seccomp"), "{said}");
    }
    assert_eq!(enter("--no-seccomp"), (without, String::new()));
    assert_eq!(
        (sleep.state(), procfs::status(sleep.id(), "TracerPid")),
        ('S', "0".to_owned()),
        "the target runs on"
    );
}

/// Only its tracer can read its filters, so the program runs without them.
fn a_traced_target_is_left_alone(session: &Session) {
    let strace = session
        .command("strace -f -o /dev/null unshare --mount --uts sleep 100")
        .under(Filter::NewCalls)
        .start();
    let sleep = strace.program("sleep");
    let enter = session
        .nsx(&format!("enter {} -v {OPENAT2}", sleep.id()))
        .run()
        .exited(0)
        .says(&["seccomp"]);
    assert_ne!(enter.text(), libc::ENOSYS.to_string());
}

fn a_removed_working_directory_is_left_out(session: &Session) {
    fs::create_dir(session.path("gone")).unwrap();
    let (_unshare, sleep) = target(session, "--wd=gone");
    fs::remove_dir(session.path("gone")).unwrap();
    let outcome = session
        .nsx(&format!("enter {} pwd -P", sleep.id()))
        .run()
        .exited(0);
    assert_eq!(outcome.says(&["working directory", "removed"]).text(), "/");
    let outcome = session
        .nsx(&format!("enter {} --wd /nowhere touch ran", sleep.id()))
        .run();
    outcome.exited(125).says(&["/nowhere"]);
}

fn nested_user_namespaces_are_entered_without_options(session: &Session) {
    // The outer user namespace owns the network, the inner one owns all others.
    let words = "unshare --user --map-root-user --net unshare --user --map-root-user --mount --pid \
    --fork --kill-child --uts";
    let unshare = session
        .command(&format!("{words} --mount-proc sleep 100"))
        .start();
    let sleep = unshare.program("sleep");
    let namespaces: Vec<_> = procfs::KINDS
        .into_iter()
        .map(|kind| procfs::ns(sleep.id(), kind))
        .collect();
    let script = "id -u; cd /proc/self/ns && readlink cgroup ipc mnt net pid time user uts";
    for filter in [None, Some(Filter::SetnsByPidfd)] {
        let enter = session
            .nsx(&format!("enter {} -- sh -c", sleep.id()))
            .arg(script);
        let enter = filter.map_or(enter.clone(), |filter| enter.under(filter));
        assert_eq!(
            enter.output(),
            format!("0\n{}", namespaces.join("\n")),
            "{filter:?}"
        );
    }
}

fn checks_are_explained(session: &Session) {
    let (_unshare, sleep) = target(session, "setpriv --no-new-privs");
    let id = sleep.id();
    let plan = session.nsx(&format!("enter {id} --explain -- id")).output();
    for words in [
        "checked",
        &format!("process {id}"),
        "its own mnt",
        "and uts",
        "shared with you: cgroup",
        "no engine's",
    ] {
        assert!(plan.contains(words), "{words} is not in {plan}");
    }
    let lines = |start: &str| plan.lines().filter(|line| line.starts_with(start)).count();
    assert!(lines("checked") >= 3 && lines("inside") >= 5, "{plan}");
    assert!(plan.contains("PR_SET_NO_NEW_PRIVS"), "{plan}");
}
