//! The program: its user, its shell, its inherited state and its end.

use super::{CHILD_OF, all_same};
use crate::strict::{SIDES, Side, assert_gives, assert_same};
use crate::support::{Need, Session, Test, both, root, until};
use rustix::process::Signal;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(ids_of_the_program_are_the_same),
        both(programs_that_cannot_run_fail_alike),
        both(the_login_shell_is_the_same),
        both(exit_statuses_are_the_same),
        both(the_callers_state_is_kept_alike),
        both(signals_while_unshare_waits_do_the_same),
        both(the_waiting_process_is_in_the_new_namespaces).needs([Need::Tool("nsenter")]),
        both(few_descriptors_are_enough),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

fn ids_of_the_program_are_the_same(session: &Session) {
    all_same(
        session,
        &[
            "unshare -S 5 -G 6 id",
            "unshare -u -S ' 5' id -u",
            "unshare -S +5 id -u",
            "unshare -f -G 7 id",
        ],
    );
}

fn programs_that_cannot_run_fail_alike(session: &Session) {
    all_same(
        session,
        &[
            "unshare -r nosuch",
            "unshare -rf nosuch",
            "unshare -r /etc",
            "unshare -rf /etc/passwd",
            "unshare -r /nosuch/program",
            "echo '#!/nosuch' >script; chmod +x script; unshare -r ./script",
            "echo 'echo $0 ran' >script; chmod +x script; unshare -r ./script",
        ],
    );
}

fn the_login_shell_is_the_same(session: &Session) {
    all_same(
        session,
        &[
            "echo 'echo $0; id -u' | SHELL=/bin/sh unshare -r",
            "echo 'shopt login_shell' | SHELL=/bin/bash unshare -r",
            "SHELL=/nosuch/shell unshare -r",
            // A path, and a program that the kernel accepts.
            "SHELL=sh unshare -r </dev/null",
            "echo 'echo ran' >script; chmod +x script; SHELL=$PWD/script unshare -r; SHELL=script \
            unshare -r",
            "cp /bin/sh shell; echo 'echo $0' | SHELL=shell unshare -r",
        ],
    );
    // Otherwise the shell of the user inside, who is root there.
    let shell = session
        .shell("grep ^root: /etc/passwd | sed 's,.*[:/],-,'")
        .output()
        + "\n";
    for unset in ["SHELL=", "env -u SHELL"] {
        assert_gives(
            session,
            (2, 42),
            &format!("echo 'echo $0' | {unset} unshare -r"),
            0,
            &shell,
            "",
        );
    }
}

fn exit_statuses_are_the_same(session: &Session) {
    for options in ["-r", "-rf", "-rpf"] {
        all_same(
            session,
            &[
                &format!("unshare {options} sh -c 'exit 7'"),
                &format!("unshare {options} sh -c 'kill -TERM $$; echo still there'"),
                &format!("unshare {options} sh -c 'kill -QUIT $$'"),
                &format!("exec unshare {options} sh -c 'exit 300'"),
            ],
        );
    }
}

fn the_callers_state_is_kept_alike(session: &Session) {
    let signals = "grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status";
    let descriptors = "sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo \
    $fd; done >seen'; cat seen";
    for options in ["-r", "-rf", "-rf --kill-child", "-rm"] {
        let unshare = format!("exec env --ignore-signal=HUP,INT,PIPE,USR2,TTOU unshare {options}");
        assert_same(session, &format!("{unshare} {signals}"));
        assert_same(
            session,
            &format!("exec env --block-signal=TERM,INT,USR1,WINCH unshare {options} {signals}"),
        );
        for closed in ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", "7</dev/null"] {
            assert_same(
                session,
                &format!("(unshare {options} {descriptors}) {closed}; cat seen"),
            );
        }
        assert_same(
            session,
            &format!("umask 027; unshare {options} sh -c umask"),
        );
        assert_same(
            session,
            &format!("ulimit -n 77; unshare {options} cat /proc/self/limits"),
        );
        assert_same(
            session,
            &format!("A=1 unshare {options} cat -v /proc/self/environ"),
        );
    }
}

fn signals_while_unshare_waits_do_the_same(session: &Session) {
    for side in SIDES {
        let start = |words: &str| {
            let command = session.command(&format!("unshare {words}"));
            if side == Side::Nsx {
                session.strict(command)
            } else {
                command
            }
            .start()
        };
        // TERM and INT wait for the program's end.
        let process = start("-rf sleep 100");
        let sleep = process.program("sleep");
        process.signal(Signal::TERM);
        process.signal(Signal::INT);
        sleep.signal(Signal::HUP);
        process.wait().killed_by(Signal::HUP);
        // HUP does not.
        let process = start("-rf sleep 100");
        let sleep = process.program("sleep");
        process.signal(Signal::HUP);
        process.wait().killed_by(Signal::HUP);
        assert!(!sleep.ended(std::time::Duration::ZERO), "{side:?}");
        sleep.signal(Signal::KILL);
        // It does not stop with the program.
        let process = start("-rf sleep 100");
        let sleep = process.program("sleep");
        sleep.signal(Signal::STOP);
        let state = |id: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit(") ").next().unwrap().chars().next().unwrap()
        };
        until("sleep stops", || state(sleep.id()) == 'T');
        until("unshare waits on, and does not stop", || {
            state(process.id()) == 'S'
        });
        sleep.signal(Signal::KILL);
        process.wait();
        // With this option the program does not outlive unshare.
        let process = start("-r --kill-child sleep 100");
        let sleep = process.program("sleep");
        process.signal(Signal::KILL);
        assert!(sleep.ended(std::time::Duration::from_secs(10)), "{side:?}");
        process.wait().killed_by(Signal::KILL);
    }
}

fn the_waiting_process_is_in_the_new_namespaces(session: &Session) {
    let script = "unshare -rnf sleep 100 & child_of $!; \
                  nsenter -t $! -U --preserve-credentials -n cut -d: -f1 /proc/net/dev | tail -n \
    +3; kill $child";
    assert_same(session, &(CHILD_OF.to_owned() + script));
}

fn few_descriptors_are_enough(session: &Session) {
    let limits = "sh -c 'ulimit -n; ulimit -Hn'";
    for options in ["-r", "-U", "-rm", "-c -u"] {
        let script = format!("ulimit -n 4; unshare {options} {limits}");
        assert_gives(session, (2, 42), &script, 0, "4\n4\n", "");
    }
}
