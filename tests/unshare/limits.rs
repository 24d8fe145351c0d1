//! `nsx unshare --limit`: a cgroup of the program's own.

use super::sets::host;
use crate::support::{Cgroups, Host, Need, Session, Test, both, ordinary, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(limits_are_those_of_the_programs_cgroup),
        root(a_limit_of_processes_is_kept),
        root(a_limit_of_memory_is_kept),
        root(the_cgroup_is_gone_when_the_program_has_ended),
        root(a_killed_nsx_leaves_an_empty_cgroup_that_the_next_removes),
        root(a_set_has_limits_until_its_end),
        root(a_failure_leaves_no_cgroup),
        ordinary(a_cgroup_that_is_not_the_users_is_refused),
        both(wrong_limits_are_refused),
        both(a_plan_with_limits_makes_no_cgroup),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Runs a script as root on a host of its own. `$memory`, `$pids` and `$cpu` are the directories of
/// the cgroups of version 1 that the script is in.
fn run(session: &Session, script: &str) -> String {
    let host = Host::new(session, Cgroups::AsOutside);
    let find = r#"
        own() { path=$(sed -n "s/^[0-9]*:\([^:]*,\)*$1\(,[^:]*\)*://p" /proc/self/cgroup)
            for at in /sys/fs/cgroup/$1 /sys/fs/cgroup/*$1*; do
                [ -d $at$path ] && echo $at$path && break
            done; }
        memory=$(own memory) pids=$(own pids) cpu=$(own cpu)
    "#;
    host.shell(&format!("{find}{script}")).output()
}

fn limits_are_those_of_the_programs_cgroup(session: &Session) {
    let script = "
        nsx unshare --uts --limit memory=64M,pids=20 --limit cpu=0.5 sh -c '
            cat $1/nsx.*/memory.limit_in_bytes $2/nsx.*/pids.max \
                $3/nsx.*/cpu.cfs_quota_us $3/nsx.*/cpu.cfs_period_us
            grep -c /nsx\\\\. /proc/self/cgroup' sh $memory $pids $cpu";
    let output = run(session, script);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines[..4],
        ["67108864", "20", "50000", "100000"],
        "{output}"
    );
    assert!(
        lines[4].parse::<u32>().is_ok_and(|count| count >= 3),
        "{output}"
    );
}

fn a_limit_of_processes_is_kept(session: &Session) {
    let script = "
        nsx unshare --pid --limit pids=3 sh -c '
            for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>/dev/null
            echo forked' || echo $?
        nsx unshare --pid --limit pids=30 sh -c 'for i in 1 2 3 4 5; do : & done; echo forked'";
    let output = run(session, script);
    assert_eq!(output, "2\nforked");
}

fn a_limit_of_memory_is_kept(session: &Session) {
    // The kernel kills what takes more.
    let take = "head -c 40000000 /dev/zero | tail -c 40000000 | wc -c";
    let script = format!(
        "nsx unshare --uts --limit memory=16M sh -c '{take}' 2>/dev/null
        nsx unshare --uts --limit memory=256M sh -c '{take}'"
    );
    assert_eq!(run(session, &script), "0\n40000000");
}

fn the_cgroup_is_gone_when_the_program_has_ended(session: &Session) {
    let script = "
        nsx unshare --uts --limit memory=64M,pids=20,cpu=1 true
        nsx unshare --uts --limit memory=64M,pids=20,cpu=1 sh -c 'kill -9 $$' || :
        nsx unshare -r --pid --root / --limit memory=64M true
        find $memory $pids $cpu -name 'nsx*'";
    assert_eq!(run(session, script), "");
}

fn a_killed_nsx_leaves_an_empty_cgroup_that_the_next_removes(session: &Session) {
    let script = "
        mkfifo /run/ready
        nsx unshare --pid --limit pids=20 sh -c 'echo >/run/ready; exec sleep 100' &
        read word </run/ready
        kill -9 $!; wait $! || :
        find $pids -name 'nsx*' | wc -l
        # The kernel takes a moment to end the program.
        for i in 1 2 3 4 5 6 7 8 9; do
            nsx unshare --pid --limit pids=20 true
            [ $(find $pids -name 'nsx*' | wc -l) = 0 ] && break
            sleep 0.1
        done
        find $pids -name 'nsx*' | wc -l";
    assert_eq!(run(session, script), "1\n0");
}

fn a_set_has_limits_until_its_end(session: &Session) {
    let script = "
        nsx unshare --name web --pid --limit pids=7,memory=64M
        cat $pids/nsx-web/pids.max
        nsx enter lab:web sh -c 'grep -c /nsx-web$ /proc/self/cgroup'
        nsx rm lab:web
        find $memory $pids -name 'nsx*' | wc -l
        nsx unshare --name web --pid --limit pids=7
        kill -9 $(sed -n s/pid=//p /run/nsx/web)
        sleep 0.2
        nsx unshare --name web --pid --limit pids=8
        cat $pids/nsx-web/pids.max
        nsx rm lab:web
        find $pids -name 'nsx*' | wc -l";
    let output = run(session, script);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        (lines[0], &lines[2..]),
        ("7", &["0", "8", "0"][..]),
        "{output}"
    );
    assert_ne!(lines[1], "0");
}

fn a_failure_leaves_no_cgroup(session: &Session) {
    let script = "
        nsx unshare --uts --limit pids=20 -w /nonexistent true 2>/dev/null || echo $?
        nsx unshare --uts --limit pids=20 nosuch-program 2>/dev/null || echo $?
        nsx unshare --name web --uts --limit pids=20 -w /nonexistent 2>/dev/null || echo $?
        nsx unshare --uts --limit pids=20,memory=1 true 2>/dev/null && echo ran
        find $memory $pids -name 'nsx*'";
    let output = run(session, script);
    assert!(output.starts_with("125\n127\n125"), "{output}");
    assert!(!output.contains("/nsx"), "{output}");
}

fn a_cgroup_that_is_not_the_users_is_refused(session: &Session) {
    let refused = session
        .nsx("unshare -r --uts --limit pids=20 touch ran")
        .run();
    refused
        .exited(125)
        .says(&["failed to limit the program", "systemd-run --user --scope"]);
    assert!(!session.path("ran").exists());
}

fn wrong_limits_are_refused(session: &Session) {
    for (limit, says) in [
        ("memory=x", "a number of bytes"),
        ("pids=0", "a number of processes"),
        ("cpu=0.001", "a number of processors"),
        ("io=5", "they are memory, pids and cpu"),
        ("", "they are memory, pids and cpu"),
    ] {
        let refused = session.unshare("--uts");
        let refused = refused.arg(format!("--limit={limit}")).arg("true");
        refused.run().exited(125).says(&[says]);
    }
    let refused = session.unshare("--uts --no-fork --limit pids=5 true");
    refused.run().exited(125).says(&["--no-fork"]);
}

fn a_plan_with_limits_makes_no_cgroup(session: &Session) {
    let script = "
        nsx unshare --uts --limit pids=20 --explain true >/dev/null
        find /sys/fs/cgroup -name \"nsx.*\" 2>/dev/null | wc -l";
    assert_eq!(host(session, script).output(), "0");
}
