//! State that the caller gives and the program must get: each test compares with the same program
//! run without nsx.

use crate::support::{Need, Session, Test, Ways, both, procfs::Pinned, until};
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(signal_dispositions_and_mask_are_kept),
        both(umask_limits_and_process_group_are_kept),
        both(the_environment_is_kept_to_the_byte),
        both(arguments_are_kept_to_the_byte),
        both(open_and_closed_descriptors_are_kept),
        both(closed_standard_descriptors_disturb_nothing),
        both(standard_input_and_output_are_kept),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Redirections that close standard descriptors, in every combination.
const CLOSED: [&str; 7] = [
    "<&-",
    ">&-",
    "2>&-",
    "<&- >&-",
    "<&- 2>&-",
    ">&- 2>&-",
    "<&- >&- 2>&-",
];

/// Runs a command line as it is and with each prefix, after `before`; all must print the same.
#[track_caller]
fn assert_same(session: &Session, before: &str, command: &str) {
    let expected = session.shell(&format!("{before}{command}")).run().exited(0);
    assert!(!expected.stdout.is_empty(), "{command}");
    for prefix in &Ways::new(session).prefixes {
        let outcome = session
            .shell(&format!("{before}{prefix}{command}"))
            .run()
            .exited(0);
        let texts = [&expected.stdout, &outcome.stdout].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(texts[0], texts[1], "{before}{prefix}{command}");
    }
}

fn signal_dispositions_and_mask_are_kept(session: &Session) {
    let show = "grep -E '^(SigBlk|SigIgn|SigCgt|ShdPnd)' /proc/self/status";
    assert_same(session, "", show);
    assert_same(
        session,
        "exec env --ignore-signal=HUP,INT,PIPE,CHLD,USR2,TTIN,TTOU,TSTP ",
        show,
    );
    assert_same(
        session,
        "exec env --block-signal=TERM,CHLD,USR1,WINCH,PIPE ",
        show,
    );
    assert_same(
        session,
        "exec env --default-signal --block-signal=RTMIN --ignore-signal=TERM ",
        show,
    );
}

fn umask_limits_and_process_group_are_kept(session: &Session) {
    assert_same(session, "umask 027; ", "sh -c umask");
    assert_same(
        session,
        "ulimit -c 0; ulimit -n 77; ",
        "cat /proc/self/limits",
    );
    assert_same(session, "ulimit -Sc unlimited; ", "cat /proc/self/limits");
    // Session, process group and terminal as seen from outside, because a PID namespace changes
    // their numbers.
    let group = |command: &str| {
        let process = session.shell(&format!("exec {command}sleep 100")).start();
        let sleep = process.program("sleep").id();
        let stat = fs::read_to_string(format!("/proc/{sleep}/stat")).unwrap();
        let fields: Vec<String> = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .map(str::to_owned)
            .collect();
        (fields[2] == process.id().to_string(), fields[4].clone())
    };
    for prefix in &Ways::new(session).prefixes {
        assert_eq!(group(prefix), group(""), "{prefix}");
    }
}

fn the_environment_is_kept_to_the_byte(session: &Session) {
    assert_same(session, "", "cat /proc/self/environ");
    let odd = session
        .shell("printf 'a\\377=\\033\\n b'")
        .run()
        .exited(0)
        .stdout;
    // By its path: without PATH nsx is not found.
    let nsx = session.shell("command -v nsx").output();
    let print = |prefix: &str| {
        let command = session
            .command("env -i Z=1")
            .arg(OsStr::from_bytes(&odd))
            .args("A=");
        command
            .args(&format!("{prefix}/bin/cat /proc/self/environ"))
            .run()
            .exited(0)
            .stdout
    };
    let expected = print("");
    assert!(expected.windows(odd.len()).any(|part| part == odd));
    for prefix in &Ways::new(session).prefixes {
        assert_eq!(
            print(&prefix.replacen("nsx", &nsx, 1)),
            expected,
            "{prefix}"
        );
    }
}

fn arguments_are_kept_to_the_byte(session: &Session) {
    let odd = [&b"a b"[..], b"", b"--bogus", b"\xff\x1b\n", b"-r", b"--"];
    for prefix in &Ways::new(session).prefixes {
        let print = session
            .command(&format!("{prefix}sh -c"))
            .arg("printf '%s\\0' \"$0\" \"$@\"")
            .arg("name");
        let outcome = odd
            .iter()
            .fold(print, |command, word| command.arg(OsStr::from_bytes(word)))
            .run()
            .exited(0);
        assert!(
            outcome.stdout == [b"name\0", &odd.join(&0)[..], b"\0"].concat(),
            "{prefix}: {outcome}"
        );
    }
}

fn open_and_closed_descriptors_are_kept(session: &Session) {
    // Read from outside, because reading inside opens a descriptor.
    let descriptors = |process: &Pinned| -> Vec<String> {
        let directory = format!("/proc/{}/fd", process.id());
        let names = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let shown = |name: String| {
            Some(format!(
                "{name} {}",
                fs::read_link(format!("{directory}/{name}")).ok()?.display()
            ))
        };
        let mut shown: Vec<_> = names.filter_map(shown).collect();
        shown.sort();
        shown
    };
    let start = |prefix: &str, redirections: &str| {
        let process = session
            .shell(&format!("exec {prefix}sleep 100 {redirections}"))
            .start();
        let sleep = process.program("sleep");
        (process, sleep)
    };
    // The loader of the program opens files too, but closes them soon.
    let settled = |process: &Pinned| {
        let libraries =
            |descriptors: &[String]| descriptors.iter().any(|shown| shown.contains(".so"));
        until("the program has started", || {
            !libraries(&descriptors(process)) && process.state() == 'S'
        });
        descriptors(process)
    };
    let ways = Ways::new(session);
    for redirections in CLOSED.into_iter().chain(["", "7</etc/passwd 8>&1"]) {
        let (_process, sleep) = start("", redirections);
        let expected = settled(&sleep);
        for prefix in &ways.prefixes {
            let (_process, sleep) = start(prefix, redirections);
            assert_eq!(
                settled(&sleep),
                expected,
                "{prefix}sleep 100 {redirections}"
            );
        }
    }
}

fn closed_standard_descriptors_disturb_nothing(session: &Session) {
    // A file that nsx opens for itself must not become standard error.
    for closed in CLOSED {
        for prefix in &Ways::new(session).prefixes {
            session
                .shell(&format!("exec {prefix}sh -c 'exit 7' {closed}"))
                .run()
                .exited(7);
            session
                .shell(&format!("exec {prefix}nosuch {closed}"))
                .run()
                .exited(127);
            session
                .shell(&format!("exec {prefix}--bogus true {closed}"))
                .run()
                .exited(125);
        }
    }
    let options = session.map_root();
    session
        .shell(&format!(
            "exec nsx unshare {options}--uts --explain true >&-"
        ))
        .run()
        .exited(125);
    session.shell("exec nsx ls >&-").run().exited(2);
}

fn standard_input_and_output_are_kept(session: &Session) {
    for prefix in &Ways::new(session).prefixes {
        let outcome = session
            .command(&format!("{prefix}cat - /nosuch"))
            .input(b"in\xff")
            .run()
            .exited(1);
        assert_eq!(outcome.stdout, b"in\xff", "{prefix}");
        outcome.says(&["/nosuch"]);
    }
}
