//! The harness itself, tried on programs other than nsx: a harness that cannot fail proves nothing.

use crate::support::{Need, Session, Test, both, filter::Filter, procfs, until};
use rustix::process::Signal;
use std::{panic, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_command_runs_as_the_tests_user_in_a_fixed_environment),
        both(a_wrong_status_fails_and_shows_the_output),
        both(a_command_that_does_not_end_is_killed_with_its_descendants),
        both(leftover_processes_are_found),
        both(a_filter_refuses_the_calls_that_it_names),
        both(a_terminal_interrupts_and_stops_its_foreground_group),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Tool("perl"), Need::Tool("bash")]))
    .collect()
}

/// Runs `body`, and returns the message if `body` fails as a test fails.
fn fails(session: &Session, body: fn(&Session)) -> Option<String> {
    let failure = panic::catch_unwind(panic::AssertUnwindSafe(|| body(session))).err()?;
    failure.downcast_ref::<String>().cloned()
}

fn a_command_runs_as_the_tests_user_in_a_fixed_environment(session: &Session) {
    let (user, group) = session.ids();
    assert_eq!(
        session.shell("echo $(id -u) $(id -g)").output(),
        format!("{user} {group}")
    );
    assert_eq!(
        session.command("pwd -P").output(),
        session.directory().to_str().unwrap()
    );
    assert_eq!(
        session
            .command("cat")
            .input(b"a\xff\n")
            .run()
            .exited(0)
            .stdout,
        b"a\xff\n"
    );
    assert_eq!(
        session.shell("cat; echo $A").env("A", "b c").output(),
        "b c"
    );
    let names = session
        .shell("env | cut -d= -f1 | sort | tr '\\n' ' '")
        .output();
    assert_eq!(names, "HOME LC_ALL NSX_TEST_SESSION PATH PWD SHELL TERM ");
    if !session.is_root() {
        assert_eq!(
            session.command("id -G").output(),
            session.ids().1.to_string(),
            "supplementary groups"
        );
    }
}

fn a_wrong_status_fails_and_shows_the_output(session: &Session) {
    session.shell("exit 7").run().exited(7);
    session.shell("kill -TERM $$").run().killed_by(Signal::TERM);
    let failure = fails(session, |session| {
        drop(
            session
                .shell("echo out; echo err >&2; exit 7")
                .run()
                .exited(0),
        )
    });
    let failure = failure.unwrap();
    assert!(
        failure.contains("out\n") && failure.contains("err\n") && failure.contains("exit 7"),
        "{failure}"
    );
    assert!(
        fails(session, |session| drop(
            session.shell("exit 143").run().killed_by(Signal::TERM)
        ))
        .is_some()
    );
    assert!(
        fails(session, |session| drop(
            session.shell("echo this >&2").run().says(&["that"])
        ))
        .is_some()
    );
}

fn a_command_that_does_not_end_is_killed_with_its_descendants(session: &Session) {
    let process = session.shell("echo begun; setsid sleep 100 & wait").start();
    let sleep = process.program("sleep");
    assert_eq!(process.line(), "begun");
    let failure = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        process.wait_for(Duration::from_millis(10)).exited(0)
    }));
    let failure = failure.err().unwrap();
    assert!(failure.downcast_ref::<String>().unwrap().contains("begun"));
    assert!(sleep.ended(Duration::from_secs(10)));
}

fn leftover_processes_are_found(session: &Session) {
    assert!(session.marked().is_empty());
    session
        .shell("setsid sleep 100 >/dev/null 2>&1 &")
        .run()
        .exited(0);
    until("the sleep is found", || {
        session
            .marked()
            .iter()
            .any(|process| procfs::comm(process.id()) == "sleep")
    });
    session
        .marked()
        .iter()
        .for_each(|process| process.signal(Signal::KILL));
    session.assert_nothing_left();
}

fn a_filter_refuses_the_calls_that_it_names(session: &Session) {
    let perl = |script: &str| session.command("perl -e").arg(script);
    // Each call fails with the error of the filter; without the filter the error is another.
    let (setns, clone3, fsopen) = (libc::SYS_setns, libc::SYS_clone3, libc::SYS_fsopen);
    let (openat2, by_handle) = (libc::SYS_openat2, libc::SYS_open_by_handle_at);
    for (filter, call, error) in [
        (
            Filter::SetnsByPidfd,
            &*format!("syscall({setns}, -1, 0x40000000)"),
            libc::EINVAL,
        ),
        // NS_GET_TGID_IN_PIDNS
        (
            Filter::PidTranslation,
            "open(N, '/proc/self/ns/pid'); ioctl(N, 0x8004b709, 0)",
            libc::ENOTTY,
        ),
        (
            Filter::NewCalls,
            &format!("syscall({clone3}, 0, 0)"),
            libc::ENOSYS,
        ),
        (
            Filter::NewCalls,
            &format!("syscall({fsopen}, 0, 0)"),
            libc::ENOSYS,
        ),
        // listmount, NS_GET_ID, and a namespace by its id
        (Filter::Since5_4, "syscall(458, 0, 0)", libc::ENOSYS),
        (
            Filter::Since5_4,
            &format!("syscall({openat2}, 0, 0, 0, 0)"),
            libc::ENOSYS,
        ),
        (
            Filter::Since5_4,
            "open(N, '/proc/self/ns/uts'); ioctl(N, 0x8008b70d, 0)",
            libc::ENOTTY,
        ),
        (
            Filter::Since5_4,
            "open(N, '/proc/self/ns/pid'); ioctl(N, 0x8004b709, 0)",
            libc::ENOTTY,
        ),
        (
            Filter::Since5_4,
            &format!("syscall({by_handle}, -10003, 0, 0)"),
            libc::EBADF,
        ),
        (
            Filter::Namespaces,
            &format!("syscall({setns}, -1, 0)"),
            libc::EPERM,
        ),
        (
            Filter::Mounts,
            &format!("syscall({}, 0, 0, 0, 0, 0)", libc::SYS_mount),
            libc::EPERM,
        ),
    ] {
        let script = format!("{call}; print $!+0");
        assert_eq!(
            perl(&script).under(filter).output(),
            error.to_string(),
            "{filter:?}"
        );
        assert_ne!(
            perl(&script).output(),
            error.to_string(),
            "without {filter:?}"
        );
    }
    // One file may be joined without its kind.
    let script = format!("syscall({setns}, -1, 0); print $!+0");
    assert_eq!(
        perl(&script).under(Filter::SetnsByPidfd).output(),
        libc::EBADF.to_string()
    );
}

fn a_terminal_interrupts_and_stops_its_foreground_group(session: &Session) {
    let mut terminal = session.terminal();
    terminal.line("sleep 100");
    let sleep = terminal.shell().program("sleep");
    terminal.stop();
    assert_eq!(procfs::stat(sleep.id()).unwrap().state, 'T');
    terminal.resume(&sleep);
    terminal.press("\x03");
    terminal.prompt();
    terminal.line("echo status=$?");
    terminal.shows("status=130");
    assert!(
        fails(session, |session| drop(
            session.terminal().shows_within("nothing", Duration::ZERO)
        ))
        .is_some()
    );
}
