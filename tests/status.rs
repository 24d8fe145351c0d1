//! How nsx ends: with the program's status, with one of its own, by the program's signal; and that nothing outlives it.

use crate::support::{Need, Process, Session, Test, both};
use rustix::process::Signal;
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(unshare_ends_as_its_program_does),
        both(unshare_has_three_statuses_of_its_own),
        both(a_shell_sees_143_for_a_program_killed_by_term),
        both(unshare_hands_signals_to_pid_1),
        both(pid_1_may_handle_its_signals_itself),
        both(a_child_that_is_not_pid_1_gets_the_signals_too),
        both(a_killed_nsx_takes_pid_1_with_it),
        both(no_kill_child_lets_pid_1_live_on),
        both(timeout_ends_it),
        both(a_caller_that_ignores_children_gets_the_status),
        both(a_quit_leaves_no_core_dump_of_nsx),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Ways to be of one process with the program, and to wait for it.
const WAYS: [&str; 4] = ["--uts", "--uts --fork", "--pid", "--pid --mount --net"];

/// How long a process may take to end that must.
const SOON: Duration = Duration::from_secs(10);

/// A running `sleep 100` below nsx as PID 1, itself if it is no child.
fn sleeping(session: &Session, options: &str) -> (Process, crate::support::procfs::Pinned) {
    let nsx = session.unshare(&format!("{options} sleep 100")).start();
    let sleep = nsx.program("sleep");
    (nsx, sleep)
}

fn unshare_ends_as_its_program_does(session: &Session) {
    for way in WAYS {
        for status in [0, 1, 7, 125, 126, 127, 143, 255] {
            session.unshare(&format!("{way} sh -c")).arg(format!("exit {status}")).run().exited(status);
        }
    }
}

fn unshare_has_three_statuses_of_its_own(session: &Session) {
    fs::write(session.path("plain"), "echo ran > ran\n").unwrap();
    fs::set_permissions(session.path("plain"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(session.path("bad"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(session.path("bad"), fs::Permissions::from_mode(0o755)).unwrap();
    for way in WAYS {
        let run = |program: &str| session.unshare(&format!("{way} {program}")).run();
        run("nosuch").exited(127).says(&["nosuch", "no"]);
        run("./nosuch").exited(127).says(&["./nosuch", "no such file"]);
        run("./bad").exited(127);
        run("/").exited(126).says(&["/", "permission denied"]);
        run("./plain").exited(126).says(&["./plain", "permission denied"]);
        run("--hostname").exited(125);
    }
    assert!(!session.path("ran").exists());
}

fn a_shell_sees_143_for_a_program_killed_by_term(session: &Session) {
    let options = session.map_root();
    // The program itself, where nsx becomes it; where nsx waits for it, TERM goes to nsx.
    let script = format!("nsx unshare {options}--uts sh -c 'kill -TERM $$'; echo $?");
    assert_eq!(session.shell(&script).output(), "143");
    let script = format!("nsx unshare {options}--uts --fork sh -c 'kill -TERM $$'; echo $?");
    assert_eq!(session.shell(&script).output(), "143");
    let script = format!(
        "nsx unshare {options}--pid sh -c 'touch ready; while :; do sleep 0.01; done' &
        until [ -e ready ]; do sleep 0.01; done; kill -TERM $!; wait $!; echo $?"
    );
    assert_eq!(session.shell(&script).output(), "143");
}

fn unshare_hands_signals_to_pid_1(session: &Session) {
    // PID 1 would drop each of them, having no handler.
    let signals = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::ALARM, Signal::PIPE];
    for signal in signals {
        let (nsx, sleep) = sleeping(session, "--pid");
        nsx.signal(signal);
        nsx.wait_for(SOON).killed_by(signal);
        assert!(sleep.ended(Duration::ZERO), "{signal:?}: nsx ends after its program");
    }
}

fn pid_1_may_handle_its_signals_itself(session: &Session) {
    let script = "trap 'echo got; exit 3' TERM USR1; trap '' HUP; echo ready; while :; do sleep 0.01; done";
    for signal in [Signal::TERM, Signal::USR1] {
        let nsx = session.unshare("--pid sh -c").arg(script).start();
        nsx.line();
        // Ignored, so it changes nothing.
        nsx.signal(Signal::HUP);
        nsx.signal(signal);
        assert_eq!(nsx.wait_for(SOON).exited(3).text(), "ready\ngot");
    }
}

fn a_child_that_is_not_pid_1_gets_the_signals_too(session: &Session) {
    for signal in [Signal::TERM, Signal::USR2] {
        let (nsx, sleep) = sleeping(session, "--uts --fork");
        nsx.signal(signal);
        nsx.wait_for(SOON).killed_by(signal);
        assert!(sleep.ended(Duration::ZERO), "{signal:?}");
    }
}

fn a_killed_nsx_takes_pid_1_with_it(session: &Session) {
    for options in ["--pid", "--pid --net", "--uts --fork"] {
        let (nsx, sleep) = sleeping(session, options);
        nsx.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
        assert!(sleep.ended(SOON), "{options}");
    }
}

fn no_kill_child_lets_pid_1_live_on(session: &Session) {
    let (nsx, sleep) = sleeping(session, "--pid --no-kill-child");
    nsx.signal(Signal::KILL);
    nsx.wait_for(SOON).killed_by(Signal::KILL);
    assert!(!sleep.ended(Duration::from_millis(200)));
    sleep.signal(Signal::KILL);
}

fn timeout_ends_it(session: &Session) {
    let options = session.map_root();
    for way in WAYS {
        session.command(&format!("timeout 0.3 nsx unshare {options}{way} sleep 100")).run().exited(124);
    }
}

fn a_caller_that_ignores_children_gets_the_status(session: &Session) {
    // The kernel reaps the children of such a process by itself, and its waits fail with ECHILD.
    let options = session.map_root();
    for way in WAYS {
        let command = format!("env --ignore-signal=CHLD nsx unshare {options}{way} sh -c");
        session.command(&command).arg("exit 7").run().exited(7);
    }
}

fn a_quit_leaves_no_core_dump_of_nsx(session: &Session) {
    let options = session.map_root();
    for way in ["--pid", "--uts --fork"] {
        let script = format!("ulimit -c unlimited; exec nsx unshare {options}{way} sleep 100");
        let nsx = session.shell(&script).start();
        let sleep = nsx.program("sleep");
        // The program is ended without a core dump too, or there would be one of it.
        sleep.signal(Signal::KILL);
        nsx.wait_for(SOON).killed_by(Signal::KILL);
        let nsx = session.shell(&script).start();
        nsx.program("sleep");
        nsx.signal(Signal::QUIT);
        nsx.wait_for(SOON).killed_by(Signal::QUIT);
    }
}
