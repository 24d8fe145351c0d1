//! The ways nsx ends: with the program's status, with a status of its own, by the program's signal;
//! and that no process outlives nsx.

use crate::support::{Need, Process, Session, Test, Ways, both, procfs::Pinned, until};
use rustix::process::Signal;
use std::{fs, os::unix::fs::PermissionsExt, thread, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(nsx_ends_as_its_program_does),
        both(nsx_has_three_statuses_of_its_own),
        both(a_shell_sees_143_for_a_program_killed_by_term),
        both(signals_reach_a_program_that_would_drop_them),
        both(a_program_may_handle_its_signals_itself),
        both(an_init_that_waits_for_signals_gets_them).needs([Need::Tool("perl")]),
        both(a_shell_that_forks_all_the_time_can_be_ended),
        both(a_signal_is_not_lost_however_early_it_comes),
        both(nsx_stops_with_its_program_and_resumes_it),
        both(cont_does_not_disturb_a_running_program).needs([Need::Tool("perl")]),
        both(nsx_as_pid_1_exits_with_128_and_the_signal),
        both(a_killed_nsx_takes_its_program_with_it),
        both(nothing_is_left_behind_however_early_nsx_is_killed),
        both(no_kill_child_lets_the_program_live_on),
        both(kill_child_names_the_signal),
        both(timeout_ends_nsx_and_its_program),
        both(a_caller_that_ignores_children_gets_the_status),
        both(no_core_is_dumped_twice),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// The time limit for a process that must end.
const SOON: Duration = Duration::from_secs(10);

/// nsx with a running `sleep 100`, which is nsx itself unless it is a child.
fn sleeping(session: &Session, prefix: &str) -> (Process, Pinned) {
    let nsx = session.command(&format!("{prefix}sleep 100")).start();
    let sleep = nsx.program("sleep");
    (nsx, sleep)
}

fn nsx_ends_as_its_program_does(session: &Session) {
    for prefix in &Ways::new(session).prefixes {
        for status in [0, 1, 7, 125, 126, 127, 143, 255] {
            session
                .command(&format!("{prefix}sh -c"))
                .arg(format!("exit {status}"))
                .run()
                .exited(status);
        }
        let (nsx, sleep) = sleeping(session, prefix);
        sleep.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
    }
    session
        .unshare("--pid --mount --net sh -c")
        .arg("exit 7")
        .run()
        .exited(7);
}

fn nsx_has_three_statuses_of_its_own(session: &Session) {
    for (name, text, mode) in [
        ("plain", "echo ran > ran\n", 0o644),
        ("bad", "#!/no/such/interpreter\n", 0o755),
    ] {
        fs::write(session.path(name), text).unwrap();
        fs::set_permissions(session.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for prefix in &Ways::new(session).prefixes {
        let run = |program: &str| session.command(&format!("{prefix}{program}")).run();
        run("nosuch").exited(127).says(&["nosuch", "no"]);
        run("./nosuch")
            .exited(127)
            .says(&["./nosuch", "no such file"]);
        run("./bad").exited(127);
        run("/").exited(126).says(&["/", "permission denied"]);
        run("./plain")
            .exited(126)
            .says(&["./plain", "permission denied"]);
        run("--bogus").exited(125).says(&["--bogus"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_shell_sees_143_for_a_program_killed_by_term(session: &Session) {
    // If the program kills itself, and if nsx is killed: the shell knows only nsx.
    for prefix in &Ways::new(session).prefixes {
        if !prefix.contains("unshare") || !prefix.contains("--pid") {
            // PID 1 cannot be killed by its own signals.
            let script = format!("{prefix}sh -c 'kill -TERM $$'; echo $?");
            assert_eq!(session.shell(&script).output(), "143", "{script}");
        }
        let script = format!(
            "rm -f ready; {prefix}sh -c 'touch ready; while :; do sleep 0.01; done' &
            until [ -e ready ]; do sleep 0.01; done; kill -TERM $!; wait $!; echo $?"
        );
        assert_eq!(session.shell(&script).output(), "143", "{script}");
    }
}

fn signals_reach_a_program_that_would_drop_them(session: &Session) {
    // PID 1 has no handler and drops each of them.
    let signals = [
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
        Signal::USR1,
        Signal::ALARM,
        Signal::PIPE,
    ];
    for prefix in Ways::new(session).waiting() {
        for signal in signals {
            let (nsx, sleep) = sleeping(session, prefix);
            nsx.signal(signal);
            nsx.wait_for(SOON).killed_by(signal);
            assert!(
                sleep.ended(Duration::ZERO),
                "{prefix}: nsx ends after its program"
            );
        }
    }
}

fn a_program_may_handle_its_signals_itself(session: &Session) {
    let script =
        "trap 'echo got; exit 3' TERM USR1; trap '' HUP; echo ready; while :; do sleep 0.01; done";
    for prefix in &Ways::new(session).prefixes {
        for signal in [Signal::TERM, Signal::USR1] {
            let nsx = session
                .command(&format!("{prefix}sh -c"))
                .arg(script)
                .start();
            nsx.line();
            // Ignored, so it changes nothing.
            nsx.signal(Signal::HUP);
            nsx.signal(signal);
            assert_eq!(
                nsx.wait_for(SOON).exited(3).text(),
                "ready\ngot",
                "{prefix}"
            );
        }
    }
}

fn an_init_that_waits_for_signals_gets_them(session: &Session) {
    // The programs have no handler and ignore nothing. The first waits in rt_sigtimedwait(2), as
    // small inits do. The second blocks the signal and looks at pending signals later, as programs
    // with a signalfd(2) do.
    let block = "use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); $| = 1; print \
    qq(ready\\n);";
    let wait = format!(
        "$s = pack('Q', 1 << 14); $n = syscall({}, $s, 0, 0, 8);",
        libc::SYS_rt_sigtimedwait
    );
    let look = "$p = POSIX::SigSet->new; do { select(undef, undef, undef, 0.01); sigpending($p) }
        until $p->ismember(SIGTERM); select(undef, undef, undef, 0.5); $n = 15;";
    for take in [&wait, look] {
        for prefix in Ways::new(session).waiting() {
            let script = format!("{block} {take} print qq(got $n\\n); _exit(3)");
            let nsx = session
                .command(&format!("{prefix}perl -e"))
                .arg(script)
                .start();
            nsx.line();
            nsx.signal(Signal::TERM);
            assert_eq!(
                nsx.wait_for(SOON).exited(3).text(),
                "ready\ngot 15",
                "{prefix}"
            );
        }
    }
}

fn a_shell_that_forks_all_the_time_can_be_ended(session: &Session) {
    // A shell blocks all signals for a moment while it forks, which does not mean that it wants
    // them.
    for _ in 0..20 {
        let nsx = session
            .unshare("--pid sh -c")
            .arg("echo ready; while :; do /bin/true; done")
            .start();
        nsx.line();
        nsx.signal(Signal::TERM);
        nsx.wait_for(SOON).killed_by(Signal::TERM);
    }
}

fn a_signal_is_not_lost_however_early_it_comes(session: &Session) {
    for prefix in Ways::new(session).waiting() {
        // From before nsx starts until after the program has started.
        for moment in 0..200 {
            let nsx = session.command(&format!("{prefix}sleep 100")).start();
            thread::sleep(Duration::from_micros(50 * (moment % 100)));
            nsx.signal(Signal::TERM);
            nsx.wait_for(SOON).killed_by(Signal::TERM);
        }
    }
}

fn nsx_stops_with_its_program_and_resumes_it(session: &Session) {
    for prefix in Ways::new(session).waiting() {
        let (nsx, sleep) = sleeping(session, prefix);
        for _ in 0..3 {
            sleep.signal(Signal::STOP);
            until("nsx stops with it", || nsx.pinned().state() == 'T');
            // Sent to nsx alone, as a shell never does.
            nsx.signal(Signal::CONT);
            until("nsx goes on", || nsx.pinned().state() == 'S');
            until("the program goes on with it", || sleep.state() == 'S');
        }
        // Not by nsx, which notices and stays as it is.
        sleep.signal(Signal::STOP);
        until("nsx stops with it", || nsx.pinned().state() == 'T');
        sleep.signal(Signal::CONT);
        until("the program goes on", || sleep.state() == 'S');
        nsx.signal(Signal::CONT);
        until("nsx goes on", || nsx.pinned().state() == 'S');
        sleep.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
    }
}

fn cont_does_not_disturb_a_running_program(session: &Session) {
    let script = "$SIG{CONT} = sub { print qq(told\n); exit 3 }; $| = 1; print qq(ready\n); sleep \
    100 while 1";
    for prefix in &Ways::new(session).prefixes {
        let nsx = session
            .command(&format!("{prefix}perl -e"))
            .arg(script)
            .start();
        nsx.line();
        nsx.signal(Signal::CONT);
        assert_eq!(
            nsx.wait_for(SOON).exited(3).text(),
            "ready\ntold",
            "{prefix}"
        );
    }
}

fn nsx_as_pid_1_exits_with_128_and_the_signal(session: &Session) {
    // PID 1 cannot end by a signal that it sends itself.
    for signal in [Signal::TERM, Signal::QUIT, Signal::KILL] {
        let nsx = session.unshare("--pid nsx unshare --pid sleep 100").start();
        let sleep = nsx.program("sleep");
        if signal == Signal::KILL {
            sleep.signal(signal)
        } else {
            nsx.signal(signal)
        }
        nsx.wait_for(SOON).exited(128 + signal.as_raw());
        assert!(sleep.ended(Duration::ZERO), "{signal:?}");
    }
}

fn a_killed_nsx_takes_its_program_with_it(session: &Session) {
    for prefix in &Ways::new(session).prefixes {
        let (nsx, sleep) = sleeping(session, prefix);
        nsx.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
        assert!(sleep.ended(SOON), "{prefix}");
    }
}

/// The session checks that nothing is left.
fn nothing_is_left_behind_however_early_nsx_is_killed(session: &Session) {
    let ways = Ways::new(session);
    for prefix in ways
        .prefixes
        .iter()
        .filter(|prefix| prefix.contains(" enter "))
    {
        for moment in 0..200 {
            let nsx = session.command(&format!("{prefix}sleep 100")).start();
            thread::sleep(Duration::from_micros(50 * (moment % 100)));
            nsx.signal(Signal::KILL);
            nsx.wait_for(SOON).killed_by(Signal::KILL);
        }
    }
}

fn kill_child_names_the_signal(session: &Session) {
    let script = "trap 'echo told >told; exit' USR1; echo ready; while :; do sleep 0.01; done";
    let nsx = session
        .unshare("--uts --kill-child=USR1 sh -c")
        .arg(script)
        .start();
    until("the program is ready", || {
        nsx.stdout().starts_with(b"ready")
    });
    nsx.signal(Signal::KILL);
    until("the program is told", || session.path("told").exists());
    session
        .unshare("--uts --kill-child=NONE touch ran")
        .run()
        .exited(125)
        .says(&["signal"]);
    session
        .unshare("--uts --kill-child --no-fork touch ran")
        .run()
        .exited(125);
    assert!(!session.path("ran").exists());
}

fn no_kill_child_lets_the_program_live_on(session: &Session) {
    for options in ["--pid", "--uts --fork"] {
        let (nsx, sleep) = sleeping(
            session,
            &format!(
                "nsx unshare {}{options} --no-kill-child ",
                session.map_root()
            ),
        );
        nsx.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
        assert!(!sleep.ended(Duration::from_millis(100)), "{options}");
        sleep.signal(Signal::KILL);
    }
}

fn timeout_ends_nsx_and_its_program(session: &Session) {
    for prefix in &Ways::new(session).prefixes {
        session
            .command(&format!("timeout 0.2 {prefix}sleep 100"))
            .run()
            .exited(124);
    }
}

fn a_caller_that_ignores_children_gets_the_status(session: &Session) {
    // The kernel itself reaps the children of such a process, and its waits fail with ECHILD.
    for prefix in &Ways::new(session).prefixes {
        let command = session.command(&format!("env --ignore-signal=CHLD {prefix}sh -c"));
        command.arg("exit 7").run().exited(7);
    }
}

fn no_core_is_dumped_twice(session: &Session) {
    // The program may dump its core. nsx ends by the same signal, but must not dump one.
    for prefix in Ways::new(session).waiting() {
        let nsx = session
            .shell(&format!("ulimit -c unlimited; exec {prefix}sleep 100"))
            .start();
        nsx.program("sleep");
        nsx.signal(Signal::QUIT);
        nsx.wait_for(SOON).killed_by(Signal::QUIT);
    }
}
