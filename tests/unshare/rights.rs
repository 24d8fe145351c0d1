//! `nsx unshare`: the program's privileges, environment and clocks.

use crate::support::{Command, Need, Session, Test, both, root};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(dropped_capabilities_cannot_be_regained),
        both(a_capability_is_kept_for_any_user),
        root(a_capability_is_kept_across_a_change_of_user),
        both(all_capabilities_are_kept),
        both(no_exec_gains_privileges),
        both(an_interpreter_is_registered_inside).needs([Need::Kernel(6, 7)]),
        both(the_environment_is_changed_as_requested),
        both(wrong_words_are_refused),
        both(clocks_are_set_ahead_and_back).needs([Need::Kernel(5, 6)]),
        both(clock_offsets_are_left_alone).needs([Need::Kernel(5, 6)]),
        both(clock_offsets_are_read_as_people_write_them).needs([Need::Kernel(5, 6)]),
        both(a_clock_cannot_be_set_before_the_start_of_the_machine).needs([Need::Kernel(5, 6)]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Prints the capability sets: inheritable, permitted, effective, bounding, ambient.
const SETS: &str = "echo $(sed -n 's/^Cap...:\\t//p' /proc/self/status)";

/// CAP_NET_RAW is number 13, CAP_SYS_ADMIN 21, see capabilities(7).
const NET_RAW: &str = "0000000000002000";

fn dropped_capabilities_cannot_be_regained(session: &Session) {
    let none = "0000000000000000";
    let output = session
        .unshare("--uts --cap-drop all sh -c")
        .arg(SETS)
        .output();
    assert_eq!(output, [none; 5].join(" "));
    // root of the namespace, which still cannot set the host name.
    session
        .unshare("--uts --cap-drop sys_admin hostname x")
        .run()
        .exited(1);
    let output = session
        .unshare("--uts --cap-drop CAP_SYS_ADMIN --cap-drop net_raw sh -c")
        .arg(SETS)
        .output();
    for set in output.split(' ').skip(1).take(3) {
        let set = u64::from_str_radix(set, 16).unwrap();
        assert!(
            set & (1 << 21 | 1 << 13) == 0 && set & 1 << 7 != 0,
            "{output}"
        );
    }
}

fn a_capability_is_kept_for_any_user(session: &Session) {
    let output = session
        .unshare("--uts --cap-drop all --cap-keep net_raw sh -c")
        .arg(SETS)
        .output();
    assert_eq!(output, [NET_RAW; 5].join(" "));
}

fn a_capability_is_kept_across_a_change_of_user(session: &Session) {
    let options = "--uts --cap-drop all --cap-keep cap_net_raw -S 4242 -G 4242";
    let output = session
        .unshare(&format!("{options} sh -c"))
        .arg(format!("id -u; {SETS}"))
        .output();
    assert_eq!(output, format!("4242\n{}", [NET_RAW; 5].join(" ")));
}

fn all_capabilities_are_kept(session: &Session) {
    let all = session
        .nsx("unshare -r sed -n s/^CapPrm:.//p /proc/self/status")
        .output();
    let ambient = session
        .nsx("unshare -r --keep-caps sed -n s/^CapAmb:.//p /proc/self/status")
        .output();
    assert_eq!(ambient, all);
    session
        .nsx("unshare -r --keep-caps --cap-drop all touch ran")
        .run()
        .exited(125);
}

fn an_interpreter_is_registered_inside(session: &Session) {
    let magic = ":nsx:M::nsx-magic::/bin/cat:";
    let script = "printf nsx-magic >program; chmod +x program; cat /proc/sys/fs/binfmt_misc/nsx | \
    grep -c enabled; exec ./program";
    for options in ["--load-interp", "--mount-binfmt -l", "--pid -l"] {
        let command = session
            .nsx(&format!("unshare -r {options}"))
            .arg(magic)
            .args("sh -c")
            .arg(script);
        assert_eq!(command.output(), "1\nnsx-magic", "{options}");
    }
    assert!(!std::path::Path::new("/proc/sys/fs/binfmt_misc/nsx").exists());
    session
        .nsx("unshare -r -l nonsense touch ran")
        .run()
        .exited(125)
        .says(&["interpreter"]);
    assert!(!session.path("ran").exists());
}

fn no_exec_gains_privileges(session: &Session) {
    assert_eq!(
        session
            .unshare("--uts --no-new-privs grep NoNewPrivs /proc/self/status")
            .output(),
        "NoNewPrivs:\t1"
    );
    assert_eq!(
        session
            .unshare("--uts grep NoNewPrivs /proc/self/status")
            .output(),
        "NoNewPrivs:\t0"
    );
}

fn the_environment_is_changed_as_requested(session: &Session) {
    // Sorted lines.
    let env = |options: &str| {
        let command = session
            .unshare(&format!("{options} --uts /usr/bin/env"))
            .env("A", "1")
            .env("B", "two words");
        let mut lines: Vec<String> = command.output().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(env("--clear-env"), Vec::<String>::new());
    assert_eq!(
        env("--keep-env A --keep-env B --keep-env NONE"),
        ["A=1", "B=two words"]
    );
    assert_eq!(env("--whitelist-env A,NONE"), ["A=1"]);
    assert_eq!(
        env("--whitelist-env NONE"),
        Vec::<String>::new(),
        "util-linux would keep all"
    );
    assert_eq!(env("--clear-env --env C=3 --env D=x=y"), ["C=3", "D=x=y"]);
    let all = env("--no-fork");
    let mut changed: Vec<String> = all.iter().filter(|line| *line != "A=1").cloned().collect();
    assert_eq!(env("--unset-env A"), changed);
    changed.retain(|line| !line.starts_with("B="));
    changed.push("B=".into());
    changed.sort();
    assert_eq!(env("--unset-env A --env B="), changed);
    // The program is looked up in its own PATH.
    session
        .unshare("--uts --env PATH=/nonexistent true")
        .run()
        .exited(127);
}

fn wrong_words_are_refused(session: &Session) {
    for words in [
        "--cap-drop fly",
        "--cap-keep all-of-them",
        "--env A",
        "--env =x",
        "--unset-env A=1",
        "--keep-env=",
        "--monotonic soon",
        "--boottime 1.5h",
        "--monotonic 99999999999999999999",
    ] {
        session
            .unshare(&format!("--uts {words} touch ran"))
            .run()
            .exited(125);
    }
    assert!(!session.path("ran").exists());
}

fn clocks_are_set_ahead_and_back(session: &Session) {
    let offsets = "cat /proc/self/timens_offsets";
    let output = session
        .unshare(&format!("--boottime 3d --monotonic -2s {offsets}"))
        .output();
    let words: Vec<&str> = output.split_whitespace().collect();
    assert_eq!(words, ["monotonic", "-2", "0", "boottime", "259200", "0"]);

    let uptime =
        |text: &str| Duration::from_secs_f64(text.split(' ').next().unwrap().parse().unwrap());
    let outside = uptime(&std::fs::read_to_string("/proc/uptime").unwrap());
    for options in [
        "--boottime 1h",
        "--time --boottime=3600 --fork",
        "--pid --boottime 30m30m",
    ] {
        let inside = uptime(
            &session
                .unshare(&format!("{options} cat /proc/uptime"))
                .output(),
        );
        let ahead = inside.checked_sub(outside).unwrap();
        assert!(
            (3600..3700).contains(&ahead.as_secs()),
            "{options}: {ahead:?}"
        );
    }
}

fn a_clock_cannot_be_set_before_the_start_of_the_machine(session: &Session) {
    session
        .unshare("--monotonic -9999w touch ran")
        .run()
        .exited(125)
        .says(&["clock offset", "out of range"]);
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
