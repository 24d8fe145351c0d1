//! A target that attacks while it is entered: it ends, freezes, exhausts its terminals, and has
//! files that are not regular.

use crate::{
    engines::engine::Oci,
    support::{
        Cgroups, Host, Need, Process, Session, Test,
        process::Outcome,
        procfs::{self, Pinned},
        root, until,
    },
};
use rustix::process::Signal;
use std::{fs, time::Duration};

pub(super) fn tests() -> Vec<Test> {
    let strace = Need::Tool("strace");
    vec![
        root(a_target_that_ends_at_any_step_is_not_entered).needs([strace]),
        root(a_target_that_freezes_meanwhile_does_not_block_nsx).needs([strace]),
        root(exhausted_pseudo_terminals_are_reported),
        root(a_flood_of_signals_leaves_nothing_behind),
        root(account_files_that_are_not_regular_cost_nothing),
        root(a_set_user_id_program_inside_gains_what_the_target_may),
        root(a_program_that_dumps_core_is_reported_by_its_signal),
        root(no_link_to_a_descriptor_leads_out_of_the_target).needs([Need::Tool("runc")]),
        root(no_program_of_the_hosts_runs_in_the_callers_pid_namespace).needs([Need::Tool("runc")]),
        root(no_link_to_a_descriptor_is_read_as_a_file_of_the_target).needs([Need::Tool("runc")]),
    ]
}

/// A `sleep` as PID 1 of a PID namespace, with a mount namespace of its own.
fn target(session: &Session, script: &str) -> (Process, Pinned) {
    let unshare = session.original_unshare("--mount --pid --fork --kill-child --mount-proc sh -c");
    let unshare = unshare.arg(format!("{script}\nexec sleep 1000")).start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

/// strace stops each process at its system call number `when`; the target is killed before the
/// process continues.
fn a_target_that_ends_at_any_step_is_not_entered(session: &Session) {
    let (trace, ran) = (session.path("trace"), session.path("ran"));
    let mut refused = 0;
    for when in 1.. {
        let (_unshare, sleep) = target(session, "");
        let inside = procfs::ns(sleep.id(), "pid");
        let script = format!(
            "exec strace -f -o trace -e inject=all:signal=STOP:when={when} nsx enter {} -- \
            readlink /proc/self/ns/pid >ran",
            sleep.id()
        );
        fs::write(&trace, "").unwrap();
        let enter = session.shell(&script).start();
        let mut ended = false;
        until("nsx is stopped or has ended", || {
            ended = enter.pinned().ended(Duration::ZERO);
            ended
                || fs::read_to_string(&trace)
                    .unwrap()
                    .contains("--- stopped by SIGSTOP ---")
        });
        // There are no more steps.
        if ended {
            assert_eq!(enter.wait().exited(0).text(), "");
            break;
        }
        sleep.signal(Signal::KILL);
        // The end of PID 1 waits for all processes in its PID namespace; its memory is freed
        // before.
        until("the target ends", || {
            fs::read_link(format!("/proc/{}/exe", sleep.id())).is_err()
        });
        until("nsx ends", || {
            for process in procfs::descendants(enter.id())
                .into_iter()
                .filter_map(Pinned::new)
            {
                process.signal(Signal::CONT);
            }
            enter.pinned().ended(Duration::from_millis(10))
        });
        let outcome = enter.wait();
        let output = fs::read_to_string(&ran).unwrap();
        assert!(
            output.is_empty() || output.trim() == inside,
            "step {when}: the program ran outside: {outcome}"
        );
        match &*outcome.status() {
            "exit status: 0" => assert_eq!(output.trim(), inside, "step {when}: {outcome}"),
            // The end of PID 1 ends all processes in there.
            "signal: 9 (SIGKILL)" => {}
            "exit status: 125" => {
                refused += 1;
                assert!(
                    !outcome.stderr.is_empty() && output.is_empty(),
                    "step {when}: {outcome}"
                );
            }
            other => panic!("step {when}: {other}: {outcome}"),
        }
    }
    assert!(refused > 20, "only {refused} steps were refused");
}

/// The target freezes after nsx has checked it, just before it is joined.
fn a_target_that_freezes_meanwhile_does_not_block_nsx(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        for signal in [Signal::INT, Signal::TERM] {
            let host = Host::new(session, cgroups);
            let script = "root=/sys/fs/cgroup/freezer; [ -e $root ] || root=/sys/fs/cgroup
                mkdir $root/box; unshare --mount --pid --fork --kill-child sh -c \"echo \\$\\$ \
            >$root/box/cgroup.procs; exec sleep 1000\"";
            // In its own PID namespace it would write 1 there.
            let script = script.replace("echo \\$\\$", "echo 0");
            let unshare = host.shell(&script).start();
            let sleep = unshare.program("sleep");
            let freezer = "cd /sys/fs/cgroup; if [ -e freezer ]; then echo $1 \
            >freezer/box/freezer.state; \
                else case $1 in FROZEN) echo 1;; *) echo 0;; esac >box/cgroup.freeze; fi";
            let freeze = |state: &str| host.shell(freezer).arg("sh").arg(state).run().exited(0);
            let pid = host.command("pgrep --exact sleep").output();
            let trace = session.path("trace");
            fs::write(&trace, "").unwrap();
            let strace = format!(
                "strace -f -o {} -e inject=setns:signal=STOP:when=1",
                trace.display()
            );
            let enter = host
                .command(&strace)
                .args(&format!("nsx enter {pid} -- true"))
                .start();
            until("nsx is stopped", || {
                fs::read_to_string(&trace)
                    .unwrap()
                    .contains("--- stopped by SIGSTOP ---")
            });
            let nsx = enter.program("nsx");
            freeze("FROZEN");
            for process in procfs::descendants(enter.id())
                .into_iter()
                .filter_map(Pinned::new)
            {
                process.signal(Signal::CONT);
            }
            // Its child freezes with the target; before that a signal would end nsx in any case.
            let is_frozen = || {
                host.shell(
                    "cat /sys/fs/cgroup/freezer/box/tasks /sys/fs/cgroup/box/cgroup.procs \
                2>&- | wc -l",
                )
            };
            until("a process of nsx is frozen", || {
                nsx.ended(Duration::ZERO) || is_frozen().output() != "1"
            });
            nsx.signal(signal);
            until("nsx is ended by a signal", || nsx.ended(Duration::ZERO));
            freeze("THAWED");
            enter.wait();
            drop(sleep);
        }
    }
}

/// Mounts an instance of devpts with one terminal, which is in use.
const EXHAUSTED: &str = "mount -t devpts -o newinstance,ptmxmode=666,max=1 devpts /dev/pts
    mount --bind /dev/pts/ptmx /dev/ptmx; exec 9<>/dev/ptmx";

fn exhausted_pseudo_terminals_are_reported(session: &Session) {
    let (_unshare, sleep) = target(session, EXHAUSTED);
    let mut terminal = session.terminal();
    // The target's devpts: the program has one of the caller's.
    terminal.line(&format!(
        "nsx enter {} --pty -- sh -c '[ -t 0 ] && echo a''terminal'",
        sleep.id()
    ));
    terminal.shows("aterminal");
    terminal.prompt();
    // The caller's devpts too.
    let enter = format!("nsx enter {} --pty -- true; echo \"status=$?\"", sleep.id());
    session
        .shell(&format!("echo '{EXHAUSTED}; {enter}' >script"))
        .run()
        .exited(0);
    terminal.line(
        "stty -a >before; unshare --mount sh script; stty -a >after; cmp before after && \
    echo a''like",
    );
    let shown = terminal.shows("alike");
    assert!(
        shown.contains("status=125") && shown.contains("terminal"),
        "{shown}"
    );
    terminal.prompt();
}

fn a_flood_of_signals_leaves_nothing_behind(session: &Session) {
    let (_unshare, sleep) = target(session, "");
    let flood = |prefix: &str| -> Vec<Outcome> {
        let script = format!("{prefix} echo ready; exec nsx enter {} -- true", sleep.id());
        let run = |_| {
            let enter = session.shell(&script).start();
            enter.line();
            while !enter.pinned().ended(Duration::ZERO) {
                for signal in [Signal::USR1, Signal::WINCH, Signal::CONT] {
                    enter.signal(signal);
                }
            }
            enter.wait()
        };
        (0..20).map(run).collect()
    };
    // A caller that ignores it has a program that ignores it.
    for outcome in flood("trap '' USR1;") {
        outcome.exited(0);
    }
    for outcome in flood("") {
        assert!(
            ["exit status: 0", "signal: 10 (SIGUSR1)"].contains(&&*outcome.status()),
            "{outcome}"
        );
    }
    // Only the target is left in there.
    let inside = procfs::ns(sleep.id(), "pid");
    let left = || {
        procfs::processes()
            .filter(|id| {
                fs::read_link(format!("/proc/{id}/ns/pid"))
                    .is_ok_and(|ns| ns.to_str() == Some(&inside))
            })
            .count()
    };
    until("all have ended", || left() == 1);
}

fn account_files_that_are_not_regular_cost_nothing(session: &Session) {
    fs::write(session.path("outside"), "web:x:0:0::/outside:/bin/sh\n").unwrap();
    let outside = session.path("outside");
    let ways = [
        ("a FIFO", "mkfifo FILE".to_owned()),
        ("a device without an end", "mknod FILE c 1 5".to_owned()),
        ("a terminal", "mknod FILE c 5 2".to_owned()),
        ("a directory", "mkdir FILE".to_owned()),
        (
            "a link to outside",
            format!("ln -s {} FILE", outside.display()),
        ),
        ("a link to itself", "ln -s FILE FILE".to_owned()),
        (
            "a link to another process",
            "ln -s /proc/1/root/etc/passwd FILE".to_owned(),
        ),
        ("a sparse file of 1 GB", "truncate -s 1G FILE".to_owned()),
        (
            "a line of 64 MB",
            "head -c 64M /dev/zero | tr '\\0' a >FILE".to_owned(),
        ),
    ];
    for (what, make) in ways {
        for file in ["passwd", "group"] {
            let script = format!(
                "mkdir etc; mount -t tmpfs -o mode=755 tmpfs etc; cp /etc/passwd /etc/group etc; \
                rm etc/{file}; cd etc; {}; cd /; \
                 mount --rbind {}/etc /etc",
                make.replace("FILE", file),
                session.directory().display()
            );
            let (unshare, sleep) = target(session, &script);
            for (user, statuses) in [
                ("", [0, 0]),
                ("--user 1234:1234 ", [0, 125]),
                ("--user web:web ", [125, 125]),
            ] {
                let limited = format!(
                    "ulimit -v 300000; exec nsx enter {} {user}-- true",
                    sleep.id()
                );
                let outcome = session
                    .shell(&limited)
                    .start()
                    .wait_for(Duration::from_secs(15));
                let is_known = statuses
                    .iter()
                    .any(|status| outcome.status() == format!("exit status: {status}"));
                assert!(is_known, "{file} is {what}: {outcome}");
            }
            drop(sleep);
            drop(unshare);
            session.shell("rmdir etc").run().exited(0);
        }
    }
}

fn a_set_user_id_program_inside_gains_what_the_target_may(session: &Session) {
    let script = "mkdir bin; mount -t tmpfs -o mode=755 tmpfs bin; cp /bin/cat bin/cat; chmod 4755 \
    bin/cat; \
        exec setpriv --bounding-set -all,+chown,+setuid,+setgid sleep 1000";
    session.shell("chmod 755 .").run().exited(0);
    let (_unshare, sleep) = target(session, script);
    until("it has dropped the others", || {
        procfs::status(sleep.id(), "CapBnd") == "00000000000000c1"
    });
    let cat = session.path("bin/cat");
    let enter = session
        .nsx(&format!("enter {} --user 1234:1234 --", sleep.id()))
        .arg(cat)
        .arg("/proc/self/status");
    let status = enter.output();
    for line in [
        "Uid:\t1234\t0\t0\t0",
        "CapEff:\t00000000000000c1",
        "CapBnd:\t00000000000000c1",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
}

fn a_program_that_dumps_core_is_reported_by_its_signal(session: &Session) {
    let (_unshare, sleep) = target(session, "");
    for signal in [Signal::ABORT, Signal::SEGV, Signal::QUIT] {
        let script = format!(
            "ulimit -c unlimited; exec nsx enter {} -- sh -c 'kill -{} $$'",
            sleep.id(),
            signal.as_raw()
        );
        // nsx also says that it dumped no core itself.
        session.shell(&script).run().killed_by(signal);
    }
}

/// CVE-2024-21626: the directory that the program starts in is a link to a file that nsx or its
/// caller has open.
fn no_link_to_a_descriptor_leads_out_of_the_target(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let web = Oci::runc(&host).run("web", "");
    let image = |number: u32| {
        let script = format!(
            "cd /run/image; ln -sfn /proc/self/fd/{number} directory; ln -sfn \
            /proc/self/fd/{number}/usr/bin/busybox true
            sed -i 's|\"cwd\": .*|\"cwd\": \"/directory\",|' /run/bundles/web/config.json"
        );
        host.shell(&script).run().exited(0);
    };
    // The caller has directories of the host open, and nsx opens others.
    let enter = |words: &str| {
        let enter = host
            .shell("exec 5</ 6</etc 7</run; exec nsx enter \"$@\"")
            .arg("sh")
            .arg(&web.target)
            .args(words);
        enter
            .arg("cwd=$(readlink /proc/self/cwd); [ . -ef \"$cwd\" ] && echo inside || ls")
            .run()
    };
    for number in 3..20 {
        image(number);
        for options in [
            "-- sh -c",
            "--wd /directory -- sh -c",
            "--wd /directory --preserve-fds 5 -- sh -c",
        ] {
            let outcome = enter(options);
            if outcome.status() != "exit status: 125" {
                assert_eq!(outcome.text(), "inside", "{number}: {outcome}");
            }
        }
        // Nor does a program of the host run, whose file the target could then write to.
        let outcome = host
            .shell("exec 5</; exec nsx enter \"$1\" -- /true")
            .arg("sh")
            .arg(&web.target)
            .run();
        assert!(
            ["exit status: 126", "exit status: 127"].contains(&&*outcome.status()),
            "{number}: {outcome}"
        );
    }
}

/// A container without a PID namespace is entered without a joiner, which would close open
/// descriptors before the program starts.
fn no_program_of_the_hosts_runs_in_the_callers_pid_namespace(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let web = Oci::runc(&host).run(
        "web",
        r#":a;N;$!ba;s/{[[:space:]]*"type": "pid"[[:space:]]*},//"#,
    );
    for number in 3..20 {
        let script = format!(
            "ln -sfn /proc/self/fd/{number}/usr/bin/busybox /run/image/true; exec 5</; exec nsx \
            enter \"$1\" -- /true"
        );
        let outcome = host.shell(&script).arg("sh").arg(&web.target).run();
        assert!(
            ["exit status: 126", "exit status: 127"].contains(&&*outcome.status()),
            "{number}: {outcome}"
        );
    }
}

/// A link among the files of a container, in place of a file that nsx reads there.
fn no_link_to_a_descriptor_is_read_as_a_file_of_the_target(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let web = Oci::runc(&host).run("web", "");
    host.shell("echo outside:x:77:77::/outside:/bin/sh >/run/passwd")
        .run()
        .exited(0);
    for number in 3..20 {
        let script = format!(
            "cd /run/image/etc; ln -sfn /proc/self/fd/{number}/run/passwd passwd; ln -sfn \
            /proc/self/fd/{number}/run/passwd group
            exec 5</; exec nsx enter \"$1\" --user outside -- id -u"
        );
        host.shell(&script)
            .arg("sh")
            .arg(&web.target)
            .run()
            .exited(125)
            .says(&["outside"]);
    }
}
