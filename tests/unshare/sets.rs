//! `nsx unshare --name`: sets of namespaces that a process keeps, and their end.
//!
//! Each test has a /run and a network of its own that stand for the host's.

use crate::support::{Command, Need, Session, Test, both, ordinary, root};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_set_is_entered_listed_and_ended),
        both(a_set_stays_when_its_program_has_ended),
        both(the_keeper_holds_nothing_of_the_caller_and_reaps),
        both(a_name_is_given_once),
        both(the_record_of_a_set_that_has_ended_is_replaced),
        both(the_end_takes_what_runs_in_the_set_and_nothing_else),
        both(the_end_leaves_the_kinds_that_are_not_the_sets_own),
        both(a_failure_leaves_no_set),
        both(a_kill_at_any_step_leaves_a_whole_set_or_none)
            .needs([Need::Tool("strace")])
            .alone(),
        both(a_plan_is_printed_and_no_set_is_made),
        both(wrong_names_are_refused),
        both(a_full_run_directory_is_refused_and_nothing_is_left),
        both(a_set_survives_its_creator),
        root(ip_netns_knows_the_network_of_a_set).needs([Need::Tool("ip")]),
        root(the_network_of_a_set_that_has_ended_is_replaced).needs([Need::Tool("ip")]),
        root(a_named_network_is_removed_as_ip_netns_does).needs([Need::Tool("ip")]),
        ordinary(a_set_of_an_ordinary_user_is_in_the_runtime_directory),
        ordinary(a_user_without_a_runtime_directory_is_told),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell with a /run and a network of its own. Sets that a test leaves end with its shell, which
/// is PID 1 of a PID namespace.
pub(crate) fn host(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command(&format!(
            "unshare {map}--mount --net --pid --fork --mount-proc --kill-child sh -ec"
        ))
        .arg(format!("mount -t tmpfs tmpfs /run\n{script}"))
        .directory(session.directory())
}

fn a_set_is_entered_listed_and_ended(session: &Session) {
    let script = "
        nsx unshare --name web --uts --hostname inside --pid
        nsx enter lab:web hostname
        nsx enter web -- sh -c 'echo $$'
        nsx ls | grep -o '^lab:web'
        nsx pidmap -q --from lab:web 1 | grep -c .
        nsx rm lab:web
        nsx enter lab:web true 2>/dev/null || echo $?
        ls /run/nsx";
    // The keeper is 1, and the first program 2 or above.
    let output = host(session, script).output();
    let lines: Vec<&str> = output.lines().collect();
    let [inside, own, listed, mapped, gone] = lines[..] else {
        panic!("{output}");
    };
    assert_eq!(
        (inside, listed, mapped, gone),
        ("inside", "lab:web", "1", "125")
    );
    assert!(own.parse::<u32>().is_ok_and(|pid| pid > 1), "{own}");
}

fn a_set_stays_when_its_program_has_ended(session: &Session) {
    let script = "
        nsx unshare --name web --uts sh -c 'readlink /proc/self/ns/uts >ns; exit 7' || echo $?
        [ $(nsx enter web readlink /proc/self/ns/uts) = $(cat ns) ] && echo stays
        [ $(readlink /proc/self/ns/uts) != $(cat ns) ] && echo new
        nsx unshare --name other --uts nosuch-program 2>/dev/null || echo $?
        nsx rm lab:web lab:other";
    assert_eq!(host(session, script).output(), "7\nstays\nnew\n127");
}

fn the_keeper_holds_nothing_of_the_caller_and_reaps(session: &Session) {
    let script = "
        nsx unshare --name web --pid
        keeper=$(sed -n s/pid=//p /run/nsx/web)
        ls -l /proc/$keeper/fd | grep -c -v -e signalfd -e total || :
        set -- $(cat /proc/$keeper/stat)
        [ $6 = $keeper ] && echo leads a session
        nsx enter web sh -c 'sh -c \"sleep 0.2 &\"'
        sleep 0.5
        nsx enter web sh -c 'grep -l \"State:.Z\" /proc/[0-9]*/status' || echo no zombie
        nsx rm lab:web";
    assert_eq!(
        host(session, script).output(),
        "0\nleads a session\nno zombie"
    );
}

fn a_name_is_given_once(session: &Session) {
    let script = "
        nsx unshare --name web --uts
        cp /run/nsx/web before
        nsx unshare --name web --uts echo ran || echo $?
        cmp before /run/nsx/web && echo same
        nsx rm lab:web";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&[
        "there is a set lab:web already",
        "nsx enter lab:web",
        "nsx rm lab:web",
    ]);
    assert_eq!(outcome.text(), "125\nsame");
}

fn the_record_of_a_set_that_has_ended_is_replaced(session: &Session) {
    let script = "
        for record in ended 'pid=1' ''; do
            mkdir -p /run/nsx
            if [ \"$record\" = ended ]; then
                nsx unshare --name web --uts
                kill -9 $(sed -n s/pid=//p /run/nsx/web)
                sleep 0.2
            else
                echo \"$record\" >/run/nsx/web
            fi
            nsx unshare --name web --uts --hostname new
            nsx enter web hostname
            nsx rm lab:web
        done";
    assert_eq!(host(session, script).output(), "new\nnew\nnew");
}

fn the_end_takes_what_runs_in_the_set_and_nothing_else(session: &Session) {
    for kinds in ["--uts", "--uts --pid", "--net", "--ipc --cgroup"] {
        let script = format!(
            "mkfifo one two
            sleep 100 &
            outside=$!
            nsx unshare --name web {kinds}
            nsx enter web sh -c 'flock lock sh -c \"echo >one; sleep 100\"' &
            nsx enter web sh -c 'echo >two; sleep 100' &
            read word <one; read word <two
            flock -n lock true || echo held
            nsx rm lab:web
            flock -w 5 lock true && echo free
            kill $outside && echo outside lives
            rm one two"
        );
        assert_eq!(
            host(session, &script).output(),
            "held\nfree\noutside lives",
            "{kinds}"
        );
    }
}

fn the_end_leaves_the_kinds_that_are_not_the_sets_own(session: &Session) {
    // Seen from another network, that of the set is the host's, with all that is in it.
    let script = "
        sleep 100 &
        outside=$!
        nsx unshare --name web --uts
        unshare --net nsx rm lab:web
        kill $outside && echo outside lives";
    assert_eq!(host(session, script).output(), "outside lives");
}

fn a_failure_leaves_no_set(session: &Session) {
    let script = "
        nsx unshare --name web --uts -w /nonexistent 2>/dev/null || echo $?
        nsx unshare --name web --net=/nonexistent/file --uts 2>/dev/null || echo $?
        ls -A /run/nsx 2>/dev/null
        nsx ls --all -t uts -o NS | wc -l";
    // The heading, and the host's.
    assert_eq!(host(session, script).output(), "125\n125\n2");
}

fn a_kill_at_any_step_leaves_a_whole_set_or_none(session: &Session) {
    let script = "
        nsx='nsx unshare --name web --uts --pid'
        # How many processes, zombies apart, were started as nsx.
        left() { grep -laz '^nsx$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; }
        strace -qq -o calls $nsx
        nsx rm lab:web
        # The first call is strace's own exec.
        grep -o '^[a-z0-9_]*(' calls | tr -d '(' | awk 'NR > 1 { print $1, ++count[$1] }' >steps
        while read call when; do
            sh -c \"exec strace -qq -o trace -e inject=$call:signal=KILL:when=$when $nsx\" \
            2>/dev/null || :
            for attempt in $(seq 40); do
                # A whole set, or no process of one.
                nsx enter lab:web true 2>/dev/null && break
                [ $(left) = 0 ] && break
                sleep 0.05
            done
            # A record without its process is replaced by the next run.
            [ ! -e /run/nsx/web ] || nsx rm lab:web || echo $call $when: no end
            sleep 0.05
            [ $(left) = 0 ] || echo $call $when: a process is left
            $nsx && nsx rm lab:web || echo $call $when: no next run
        done <steps
        [ $(grep -c . steps) -gt 50 ] && echo done";
    let outcome = host(session, script)
        .start()
        .wait_for(Duration::from_secs(240));
    assert_eq!(outcome.exited(0).text(), "done");
}

fn a_plan_is_printed_and_no_set_is_made(session: &Session) {
    let script = "
        nsx unshare --name web --uts --explain | grep -c -e /run/nsx/web -e 'kept by this process'
        ls /run";
    assert_eq!(host(session, script).output(), "2");
}

fn wrong_names_are_refused(session: &Session) {
    for name in [
        "",
        "a/b",
        ".hidden",
        "-x",
        "a b",
        "ä",
        "a\nb",
        &"x".repeat(65),
        &"x".repeat(200),
        "\u{1b}[31m",
    ] {
        let refused = session
            .nsx("unshare --uts")
            .arg(format!("--name={name}"))
            .arg("true");
        refused.run().exited(125).says(&["name"]);
    }
}

fn a_full_run_directory_is_refused_and_nothing_is_left(session: &Session) {
    // Neither a file nor a byte is left on the first, no byte on the second.
    for full in ["nr_inodes=1", "size=4k,nr_inodes=9"] {
        let script = format!(
            "umount /run; mount -t tmpfs -o {full} tmpfs /run
            head -c 4096 /dev/zero >/run/filler 2>/dev/null || :
            ls -A /run >before
            nsx unshare --name web --uts --net 2>message || echo $?
            grep -c 'No space left' message
            ls -A /run /run/nsx /run/netns 2>/dev/null | grep -v -e filler -e : -e '^$' || :
            nsx ls --all -t uts -o NS | wc -l"
        );
        let output = host(session, &script).output();
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[..2], ["125", "1"], "{full}: {output}");
        assert!(!output.contains("web"), "{full}: {output}");
        assert_eq!(lines.last(), Some(&"2"), "{full}: {output}");
    }
}

fn a_set_survives_its_creator(session: &Session) {
    let script = "
        sh -c 'nsx unshare --name web --uts --hostname inside sleep 100 & echo $! >pid
            while ! nsx enter web true 2>/dev/null; do sleep 0.1; done'
        kill -9 $(cat pid)
        nsx enter web hostname
        nsx rm lab:web";
    assert_eq!(host(session, script).output(), "inside");
}

fn the_network_of_a_set_that_has_ended_is_replaced(session: &Session) {
    let script = "
        nsx unshare --name web --net
        kill -9 $(sed -n s/pid=//p /run/nsx/web)
        sleep 0.2
        ip netns list | wc -l
        nsx unshare --name web --net
        nsx enter web readlink /proc/self/ns/net >ns
        [ $(ip netns exec web readlink /proc/self/ns/net) = $(cat ns) ] && echo same
        kill -9 $(sed -n s/pid=//p /run/nsx/web)
        sleep 0.2
        nsx rm lab:web
        ip netns list | wc -l
        # A network of that name that is not the set's stays.
        nsx unshare --name web --net
        kill -9 $(sed -n s/pid=//p /run/nsx/web)
        sleep 0.2
        ip netns del web; ip netns add web
        nsx rm lab:web
        ip netns list | cut -d ' ' -f 1";
    assert_eq!(host(session, script).output(), "1\nsame\n0\nweb");
}

fn a_named_network_is_removed_as_ip_netns_does(session: &Session) {
    let script = "
        ip netns add blue; ip netns add green
        nsx rm netns:blue
        ip netns del green
        ls -A /run/netns
        nsx ls --all -t net -o NS | wc -l
        nsx rm netns:blue 2>/dev/null || echo $?";
    assert_eq!(host(session, script).output(), "2\n1");
}

fn ip_netns_knows_the_network_of_a_set(session: &Session) {
    let script = "
        nsx unshare --name web --net
        ip netns list | cut -d ' ' -f 1
        ip netns exec web readlink /proc/self/ns/net >ns
        [ $(nsx enter web readlink /proc/self/ns/net) = $(cat ns) ] && echo same
        nsx rm lab:web
        ip netns list; ls /run/netns";
    assert_eq!(host(session, script).output(), "web\nsame");
}

fn a_set_of_an_ordinary_user_is_in_the_runtime_directory(session: &Session) {
    let runtime = session.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::os::unix::fs::chown(&runtime, Some(session.ids().0), Some(session.ids().1)).unwrap();
    let nsx = |words: &str| session.nsx(words).env("XDG_RUNTIME_DIR", &runtime);
    nsx("unshare -r --pid --name mine true").output();
    assert!(runtime.join("nsx/mine").exists());
    assert_eq!(nsx("enter mine id -u").output(), "0");
    nsx("rm lab:mine").output();
    nsx("enter lab:mine true").run().exited(125);
    assert!(!runtime.join("nsx/mine").exists());
}

fn a_user_without_a_runtime_directory_is_told(session: &Session) {
    let refused = session.nsx("unshare -r --uts --name mine true").run();
    refused.exited(125).says(&["XDG_RUNTIME_DIR"]);
}
