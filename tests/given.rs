//! What the caller gave is what the program gets: each thing is compared with the same program run without nsx.

use crate::support::{Need, Session, Test, both, procfs};
use std::{fs, os::unix::ffi::OsStrExt};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(signals_that_are_ignored_or_blocked),
        both(umask_limits_and_process_group),
        both(environment_to_the_byte),
        both(arguments_to_the_byte),
        both(descriptors_open_and_closed),
        both(standard_input_and_output),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// nsx as a prefix of another command, with its options: becoming the program, waiting for it, and entering.
fn prefixes(session: &Session) -> Vec<String> {
    let options = session.map_root();
    ["--uts", "--uts --fork", "--pid --net"].map(|kinds| format!("nsx unshare {options}{kinds} ")).into()
}

/// Runs a command line as it is and behind each prefix, under `before`; all must print the same.
#[track_caller]
fn assert_same(session: &Session, before: &str, command: &str) {
    let expected = session.shell(&format!("{before}{command}")).run().exited(0);
    assert!(!expected.stdout.is_empty(), "{command}");
    for prefix in prefixes(session) {
        let outcome = session.shell(&format!("{before}{prefix}{command}")).run().exited(0);
        let texts = [&expected.stdout, &outcome.stdout].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(texts[0], texts[1], "{before}{prefix}{command}");
    }
}

fn signals_that_are_ignored_or_blocked(session: &Session) {
    let show = "grep -E '^(SigBlk|SigIgn|SigCgt|ShdPnd)' /proc/self/status";
    assert_same(session, "", show);
    assert_same(session, "exec env --ignore-signal=HUP,INT,PIPE,CHLD,USR2,TTIN,TTOU,TSTP ", show);
    assert_same(session, "exec env --block-signal=TERM,CHLD,USR1,WINCH,PIPE ", show);
    assert_same(session, "exec env --default-signal --block-signal=RTMIN --ignore-signal=TERM ", show);
}

fn umask_limits_and_process_group(session: &Session) {
    assert_same(session, "umask 027; ", "sh -c umask");
    assert_same(session, "ulimit -c 0; ulimit -n 77; ", "cat /proc/self/limits");
    assert_same(session, "ulimit -Sc unlimited; ", "cat /proc/self/limits");
    // Session, process group and terminal as seen from outside, where a PID namespace does not change their numbers.
    let group = |command: &str| {
        let process = session.shell(&format!("exec {command}sleep 100")).start();
        let sleep = process.program("sleep").id();
        let stat = fs::read_to_string(format!("/proc/{sleep}/stat")).unwrap();
        let fields: Vec<String> = stat.rsplit(") ").next().unwrap().split(' ').map(str::to_owned).collect();
        (fields[2] == process.id().to_string(), fields[4].clone())
    };
    for prefix in prefixes(session) {
        assert_eq!(group(&prefix), group(""), "{prefix}");
    }
}

fn environment_to_the_byte(session: &Session) {
    assert_same(session, "", "cat /proc/self/environ");
    let odd = session.shell("printf 'a\\377=\\033\\n b'").run().exited(0).stdout;
    let print = "cat /proc/self/environ";
    let path = session.command("printenv PATH").output();
    let expected = session.command("env -i Z=1").arg(std::ffi::OsStr::from_bytes(&odd)).args("A=").args(print);
    let expected = expected.run().exited(0).stdout;
    assert!(expected.windows(odd.len()).any(|part| part == odd));
    for prefix in prefixes(session) {
        // `env` finds nsx by the PATH that it was given, before it is gone.
        let nsx = session.shell("command -v nsx").output();
        let prefix = prefix.trim_end().strip_prefix("nsx").unwrap().to_owned();
        let command = session.command("env -i Z=1").arg(std::ffi::OsStr::from_bytes(&odd)).args("A=");
        let outcome = command.arg(nsx).args(prefix.trim_start()).args("/bin/cat /proc/self/environ").run().exited(0);
        assert!(outcome.stdout == expected, "{prefix} with {path}: {outcome}");
    }
}

fn arguments_to_the_byte(session: &Session) {
    let odd = [&b"a b"[..], b"", b"--bogus", b"\xff\x1b\n", b"-r", b"--"];
    for prefix in prefixes(session) {
        let mut command = session.command(prefix.trim_end()).args("sh -c").arg("cat /proc/$$/cmdline; :").arg("name");
        for word in odd {
            command = command.arg(std::ffi::OsStr::from_bytes(word));
        }
        let expected = [&b"sh\0-c\0cat /proc/$$/cmdline; :\0name\0"[..], &odd.join(&0), b"\0"].concat();
        let outcome = command.run().exited(0);
        assert!(outcome.stdout == expected, "{prefix}: {outcome}");
    }
}

fn descriptors_open_and_closed(session: &Session) {
    // Looked at from outside, because whoever looks from inside opens one.
    let descriptors = |command: &str, redirections: &str| {
        let process = session.shell(&format!("exec {command}sleep 100 {redirections}")).start();
        let sleep = process.program("sleep").id();
        let entries = fs::read_dir(format!("/proc/{sleep}/fd")).unwrap().map(|entry| entry.unwrap());
        let mut open: Vec<_> = entries.map(|entry| (entry.file_name(), fs::read_link(entry.path()).unwrap())).collect();
        open.sort();
        open
    };
    let redirections =
        ["", "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-", "7</etc/passwd 3<&-"];
    for redirections in redirections {
        let names = |open: &[(std::ffi::OsString, std::path::PathBuf)]| -> Vec<_> {
            open.iter().map(|(name, file)| format!("{} {}", name.to_string_lossy(), file.display())).collect()
        };
        let expected = names(&descriptors("", redirections));
        for prefix in prefixes(session) {
            assert_eq!(names(&descriptors(&prefix, redirections)), expected, "{prefix}sleep 100 {redirections}");
        }
    }
}

fn standard_input_and_output(session: &Session) {
    for prefix in prefixes(session) {
        let outcome = session.command(prefix.trim_end()).args("cat - /nosuch").input(b"in\xff").run().exited(1);
        assert_eq!(outcome.stdout, b"in\xff", "{prefix}");
        outcome.says(&["/nosuch"]);
    }
    assert_eq!(procfs::status("self", "Seccomp"), "0", "the tests run without a filter");
}
