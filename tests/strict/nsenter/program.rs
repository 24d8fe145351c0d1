//! The program: its user, its working directory, its inherited state and its end.

use super::{beside, beside_target, user};
use crate::{
    strict::{SIDES, Side, assert_gives, assert_same, run, unshare::CHILD_OF},
    support::{Session, Test, both, ordinary, root, until},
};
use rustix::process::Signal;

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(ids),
        root(ids_of_the_program_are_the_same),
        ordinary(groups_are_dropped_alike),
        both(capabilities_are_kept),
        both(root_and_working_directory_are_the_same),
        both(programs_that_cannot_run_fail_alike),
        both(the_login_shell_is_the_same),
        both(exit_statuses_are_the_same),
        both(nsenter_stops_with_the_program),
        both(the_callers_state_is_kept_alike),
        both(the_targets_environment_is_the_same),
        root(following_the_targets_user_gives_the_same),
        root(the_targets_cgroups_are_joined_alike),
    ]
}

fn ids(session: &Session) {
    for options in ["", "-S 0", "-S ' 0'", "-S +0"] {
        assert_same(
            session,
            &beside_target(&format!(
                "t -t $T -U --preserve-credentials {options} id -u"
            )),
        );
    }
    assert_same(
        session,
        &beside_target("t -t $T -U --preserve-credentials -G 0 true"),
    );
    assert_same(session, &beside_target("t -t $T -U sh -c 'id -u; id -G'"));
    let unmapped = "nsenter: setuid() failed: Invalid argument\n";
    let script = beside_target("nsenter -t $T -U --preserve-credentials -S 5 true");
    assert_gives(session, (2, 42), &script, 1, "", unmapped);
}

fn ids_of_the_program_are_the_same(session: &Session) {
    for options in [
        "-S 5 -G 6",
        "-S 5",
        "-G 6",
        "--preserve-credentials -S 5",
        "-U",
        "-U -G 0",
        "-a",
    ] {
        let script =
            format!("setpriv --groups 3,4 -- $(command -v nsenter) -t $T -u {options} id; echo $?");
        assert_same(session, &beside_target(&script));
    }
}

fn groups_are_dropped_alike(session: &Session) {
    // In the namespace of `unshare -r` they cannot be set.
    assert_same(
        session,
        &beside_target("t -t $T -U true; t -t $T -U -G 0 true; t -t $T -a true"),
    );
}

fn capabilities_are_kept(session: &Session) {
    let show = "grep -e CapEff -e CapAmb /proc/self/status";
    assert_same(
        session,
        &beside_target(&format!("t -t $T -U --preserve-credentials {show}")),
    );
    let script = beside(
        "-Uf",
        &format!(
            "nsenter -t $T -U --preserve-credentials --keep-caps {show} | uniq | cut -f2 | uniq | \
            grep -vc 0000000000000000"
        ),
    );
    // With util-linux 2.42.4 the program has no capabilities if its user is not mapped.
    assert_eq!(run(session, Side::Nsx, &script).stdout, "1\n");
    // Nothing is kept if no user namespace is entered.
    if session.is_root() {
        let script = "nsenter -t $$ -u --keep-caps grep CapAmb /proc/self/status";
        assert_gives(
            session,
            (2, 40),
            script,
            0,
            "CapAmb:\t0000000000000000\n",
            "",
        );
    }
}

fn root_and_working_directory_are_the_same(session: &Session) {
    for options in [
        "-r pwd",
        "-w pwd",
        "-m pwd",
        "-m -w pwd",
        "-m -r pwd",
        "-m -r -w pwd",
        "-m -w/usr/lib pwd",
        "-w/usr/lib pwd",
        "--wd=/usr/lib pwd",
        "-r/ -w/usr/lib pwd",
        "-r/usr /bin/pwd",
        "-r/usr ls -d /lib /usr",
        "--root=/usr -W/bin /bin/pwd",
        "-r/usr -w/usr/bin /bin/pwd",
        "-r/usr -w/etc ls passwd",
        "-W/usr/lib pwd",
        "--wdns=/usr/lib pwd",
        "-W/nonexistent pwd",
        "--wdns= pwd",
        "-W/etc/passwd pwd",
        "-r/etc/passwd true",
        "-w/etc/passwd true",
        "-r/usr/lib/ true",
    ] {
        assert_same(
            session,
            &beside_target(&format!(
                "cd /usr/share; t -t $T -U --preserve-credentials -u {options}"
            )),
        );
    }
    if !session.is_root() {
        assert_same(session, &beside_target("t -r/usr -n/proc/$T/ns/net true"));
    }
    // The caller's own user namespace gives no right to change the root directory.
    assert_same(
        session,
        &beside(
            "-rnf",
            "cd /; t -t $T -U --preserve-credentials -n -r -w sh -c 'ls -d etc; pwd'",
        ),
    );
}

fn the_targets_environment_is_the_same(session: &Session) {
    let u = user(session);
    // In reverse order; the last is a bare name, and in it the program is looked up.
    let start = "/usr/bin/env -i A=1 B=2 PATH=$PWD/bin:/usr/bin /usr/bin/unshare -rnf sleep 1000 \
    2>/dev/null & ";
    let script = format!(
        "{CHILD_OF}mkdir -p bin; printf '#!/bin/sh\\n/usr/bin/cat -v /proc/$$/environ' >bin/show; \
        chmod +x bin/show; \
         {start} child_of $!; until grep -q sleep /proc/$child/comm; do sleep 0.01; done; \
         nsenter -t $child {u} -n -e show | sed 's/PATH=[^^]*/PATH/'; kill -KILL $child"
    );
    assert_gives(session, (2, 39), &script, 0, "PATH^@B=2^@A=1^@", "");
    if !session.is_root() {
        let denied = "nsenter: cannot open /proc/N/environ: Permission denied\n";
        assert_gives(
            session,
            (2, 39),
            "nsenter -n/proc/self/ns/net -t 1 -e true",
            1,
            "",
            denied,
        );
    }
}

fn following_the_targets_user_gives_the_same(session: &Session) {
    let start = "setpriv --reuid=55 --regid=66 --clear-groups sleep 1000 & until grep -q \
    '^Uid:.55' /proc/$!/status; do \
                 sleep 0.01; done; ";
    for (options, ids) in [
        ("-S follow -G follow", "55:66:66"),
        ("-S follow", "55:0:0"),
        ("-G follow -S 7", "7:66:66"),
    ] {
        let show = "sh -c 'echo $(id -u):$(id -g):$(id -G)'";
        let script = format!(
            "{start}setpriv --clear-groups $(command -v nsenter) -t $! -u {options} {show}; kill $!"
        );
        assert_gives(session, (2, 39), &script, 0, &format!("{ids}\n"), "");
    }
    // As ids of the entered user namespace.
    let script = beside(
        "-rf",
        "nsenter -t $T -U -S follow -G follow id -u; nsenter -t $T -U -S follow id -g",
    );
    assert_gives(session, (2, 39), &script, 0, "0\n0\n", "");
}

fn the_targets_cgroups_are_joined_alike(session: &Session) {
    // A cgroup in each mounted hierarchy, for a program that stays there.
    let script = beside(
        "-nf",
        "name=nsxt-nsenter-$$; for mount in $(grep -e '- cgroup2\\? ' /proc/self/mountinfo | cut \
        -d' ' -f5); do \
         mkdir $mount/$name && if [ -e $mount/$name/cpuset.cpus ]; then cat $mount/cpuset.cpus \
        >$mount/$name/cpuset.cpus; \
         cat $mount/cpuset.mems >$mount/$name/cpuset.mems; fi && echo $T \
        >$mount/$name/cgroup.procs && echo $mount >>mounts; \
         done 2>/dev/null; cat /proc/$T/cgroup >its; grep -c $name its >/dev/null && echo moved; \
         for fork in -n -p/proc/$$/ns/pid; do nsenter -t $T $fork -c cat /proc/self/cgroup | cmp - \
        its && echo its; done; \
         kill -KILL $T; for mount in $(cat mounts); do until rmdir $mount/$name; do sleep 0.01; \
        done; done 2>/dev/null",
    );
    assert_eq!(run(session, Side::Nsx, &script).stdout, "moved\nits\nits\n");
}

fn programs_that_cannot_run_fail_alike(session: &Session) {
    let u = user(session);
    for program in ["nosuch", "/etc", "/etc/passwd", "/nosuch/program"] {
        assert_same(
            session,
            &beside_target(&format!(
                "t -t $T {u} -u {program}; t -t $T {u} -p {program}"
            )),
        );
    }
    let script = "echo 'echo $0 ran' >script; chmod +x script";
    assert_same(
        session,
        &beside_target(&format!("{script}; t -t $T {u} -u ./script")),
    );
}

fn the_login_shell_is_the_same(session: &Session) {
    let u = user(session);
    for script in [
        format!("echo 'echo $0; id -u' | SHELL=/bin/sh nsenter -t $T {u} -u"),
        format!("echo 'shopt login_shell' | SHELL=/bin/bash nsenter -t $T {u} -p"),
        format!("SHELL=/nosuch/shell nsenter -t $T {u} -u"),
        format!("SHELL=sh nsenter -t $T {u} -u </dev/null"),
        format!("echo 'echo ran' >script; chmod +x script; SHELL=$PWD/script nsenter -t $T {u} -u"),
    ] {
        assert_same(session, &beside_target(&script));
    }
    let shell = session
        .shell("grep ^root: /etc/passwd | sed 's,.*[:/],-,'")
        .output()
        + "\n";
    let script = beside_target("echo 'echo $0' | SHELL= nsenter -t $T -U --preserve-credentials");
    assert_gives(session, (2, 42), &script, 0, &shell, "");
}

fn exit_statuses_are_the_same(session: &Session) {
    let u = user(session);
    for options in ["-u", "-p", "-pF"] {
        for program in [
            "exit 7",
            "kill -TERM $$; echo still there",
            "kill -KILL $$",
            "kill -QUIT $$",
            "exit 300",
        ] {
            let script = format!(
                "exec 3>&2 2>/dev/null; nsenter -t $T {u} {options} sh -c '{program}' 2>&3; echo $?"
            );
            assert_same(session, &beside_target(&script));
        }
    }
    assert_same(
        session,
        &beside_target(&format!("nsenter -t $T {u} -p sh -c 'exit 5'")),
    );
}

fn nsenter_stops_with_the_program(session: &Session) {
    let target = session.command("/usr/bin/unshare -rpf sleep 1000").start();
    let inside = target.program("sleep");
    let options = session.enter_user();
    for side in SIDES {
        let command = session.command(&format!("nsenter -t {} {options}-p sleep 77", inside.id()));
        let process = if side == Side::Nsx {
            session.strict(command)
        } else {
            command
        }
        .start();
        let sleep = process.program("sleep");
        sleep.signal(Signal::STOP);
        until("the program is stopped", || sleep.state() == 'T');
        until("nsenter stops with it", || process.pinned().state() == 'T');
        process.signal(Signal::CONT);
        until("nsenter goes on", || process.pinned().state() == 'S');
        until("the program goes on with it", || sleep.state() == 'S');
        sleep.signal(Signal::USR1);
        process.wait().killed_by(Signal::USR1);
    }
    inside.signal(Signal::KILL);
    target.wait();
}

fn the_callers_state_is_kept_alike(session: &Session) {
    let signals = "grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status";
    let descriptors = "sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo \
    $fd; done >seen'; cat seen";
    let u = user(session);
    for options in ["-u", "-p", "-u -r -w", "-p -r"] {
        let nsenter = format!("nsenter -t $T {u} {options}");
        let mut scripts = vec![
            format!("env --ignore-signal=HUP,INT,PIPE,USR2,TTOU {nsenter} {signals}"),
            format!("env --block-signal=TERM,INT,USR1,WINCH {nsenter} {signals}"),
            format!("umask 027; {nsenter} sh -c umask"),
            format!("ulimit -n 77; {nsenter} cat /proc/self/limits"),
            format!("A=1 {nsenter} sh -c 'echo $A; cat'"),
        ];
        for closed in ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", "7</dev/null"] {
            scripts.push(format!("({nsenter} {descriptors}) {closed}; cat seen"));
        }
        scripts
            .iter()
            .for_each(|script| assert_same(session, &beside_target(script)));
    }
}
