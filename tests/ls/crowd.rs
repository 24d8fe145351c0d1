//! `nsx ls` on hosts that are hard to list: processes that come and go, ids that are reused, depths
//! and lengths at the kernel's limits, and a /proc that shows little. Each test has a PID namespace
//! of its own.

use crate::support::{Command, Need, Session, Test, both, procfs, root};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(nsx_lists_what_lsns_lists_among_a_hundred_namespaces)
            .needs([Need::Processes(100), Need::Tool("lsns")]),
        // Alone, so that there are processors to create them as fast as they are due.
        both(no_row_is_wrong_while_processes_come_and_go)
            .needs([Need::Tool("perl")])
            .alone(),
        root(visible_processes_are_listed_under_hidepid)
            .needs([Need::Tool("mount"), Need::Tool("setpriv")]),
        both(a_masked_proc_hides_only_masked_processes).needs([Need::Tool("mount")]),
        both(thirty_two_levels_of_user_namespaces_are_seen),
        both(thirty_two_levels_of_pid_namespaces_are_seen),
        root(a_map_of_340_ranges_is_read).needs([Need::Tool("perl")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell as PID 1 of a PID namespace with a procfs of its own: only processes of the script are
/// listed.
fn alone(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command(&format!(
            "unshare {map}--pid --fork --kill-child --mount-proc sh -ec"
        ))
        .arg(script)
}

fn documents(text: &[u8]) -> Vec<Value> {
    serde_json::Deserializer::from_slice(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn nsx_lists_what_lsns_lists_among_a_hundred_namespaces(session: &Session) {
    // Each list alone: the process at the other end of a pipe may or may not exist yet.
    let script = "for i in $(seq 25); do unshare --uts --ipc --net --cgroup sleep 100 & done
        until [ $(ls -l /proc/[0-9]*/exe | grep -c '/sleep$') = 25 ]; do sleep 0.1; done
        ours=$(nsx ls --all); theirs=$(lsns -l)
        echo \"$ours\" | awk '{ print $1, $2, $3, $4 }'; echo; echo \"$theirs\" | awk '{ print $1, \
    $2, $3, $4 }'";
    let output = alone(session, script).output();
    let (ours, theirs) = output.split_once("\n\n").unwrap();
    // nsx adds a note that the namespace may have processes outside the PID namespace.
    assert_eq!(ours.replace("+ ", " "), theirs);
    assert!(ours.lines().count() > 100);
}

/// Starts five processes that stay, and for a minute 600 a second that end at once, with PIDs that
/// are reused immediately. Half of them are in a UTS namespace of their own, and their name says
/// so. A loop that falls behind catches up. At the end it prints how many processes it created in
/// how many milliseconds.
const CHURN: &str = r#"for i in 1 2 3 4 5; do unshare --uts sleep 1000 & done
    perl -e 'use Time::HiRes qw(time sleep); $SIG{CHLD} = "IGNORE"; my ($begun, $n) = (time, 0); while ($n < 36000) {
        if ($n > (time - $begun) * 600) { sleep(0.001); next }
        open(L, ">", "/proc/sys/kernel/ns_last_pid") and syswrite(L, "300") and close(L) if ++$n % 20 == 0;
        my $apart = $n % 2; my $pid = fork; defined $pid or die;
        if (!$pid) {
            $0 = $apart ? "soon" : "beside";
            if ($apart) { syscall(UNSHARE, 0x04000000) == 0 or die; $0 = "$$ " . (stat("/proc/self/ns/uts"))[1] }
            sleep(0.01); exit } }
        open(M, ">", "making") and print M $n, " ", int((time - $begun) * 1000) and close(M) and rename("making", "made")' &
    until [ $(ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c '/sleep$') = 5 ]; do sleep 0.1; done"#;

fn no_row_is_wrong_while_processes_come_and_go(session: &Session) {
    let script = CHURN.replace("UNSHARE", &libc::SYS_unshare.to_string())
        + "\nwhile [ ! -e made ]; do nsx ls --all --json -q; nsx ls --deep --json -q
            nsx ls --why /proc/1/ns/uts -q >/dev/null; nsx ls --tree -q >/dev/null; nsx ls --pids \
        --all -q >/dev/null; done";
    let outcome = alone(session, &script)
        .start()
        .wait_for(Duration::from_secs(300))
        .exited(0);
    assert!(
        outcome.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    let made = std::fs::read_to_string(session.path("made")).unwrap();
    // 500 a second are needed for more than a minute; the total time depends on the host.
    assert_eq!(made.split_once(' ').unwrap().0, "36000", "{made}");
    let documents = documents(&outcome.stdout);
    assert!(documents.len() > 100, "{} lists", documents.len());
    let mut apart = 0;
    for document in &documents {
        let rows = document["namespaces"].as_array().unwrap();
        let ids: BTreeSet<u64> = rows.iter().map(|row| row["ns"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), rows.len(), "a row twice in {document}");
        let uts = rows
            .iter()
            .filter(|row| row["type"] == "uts" && row["pid"] != 1);
        let (staying, moving): (Vec<_>, Vec<_>) =
            uts.partition(|row| row["command"] == "sleep 1000");
        assert_eq!(staying.len(), 5, "{document}");
        assert!(staying.iter().all(|row| row["seen"] == 1), "{document}");
        for row in moving {
            // A process without a namespace of its own: such a name here would belong to another
            // process.
            let own = format!("{} {}", row["pid"], row["ns"]);
            assert!(
                row["command"].is_null() || row["command"] == "soon" || row["command"] == own,
                "{row}"
            );
            apart += usize::from(row["command"] == own);
        }
    }
    assert!(apart > 0, "none of those that come and go was seen");
}

fn visible_processes_are_listed_under_hidepid(session: &Session) {
    let script =
        "unshare --uts sleep 100 & setpriv --reuid=4242 --regid=4242 --clear-groups unshare -r \
        --uts sleep 101 &
        until [ $(cat /proc/[0-9]*/comm | grep -c '^sleep$') = 2 ]; do sleep 0.1; done
        mount -t proc -o hidepid=2 proc /proc; setpriv --reuid=4242 --regid=4242 --clear-groups \
        nsx ls --all --json
        nsx ls --all --json";
    let outcome = alone(session, script).run().exited(0);
    let [theirs, ours] = documents(&outcome.stdout).try_into().unwrap();
    let commands = |document: &Value| {
        let rows = document["namespaces"].as_array().unwrap().iter();
        rows.filter(|row| row["type"] == "uts")
            .map(|row| row["command"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let seen = commands(&theirs);
    assert!(
        seen.contains(&"sleep 101".to_owned()) && !seen.contains(&"sleep 100".to_owned()),
        "{theirs}"
    );
    assert!(
        ["sleep 100", "sleep 101"]
            .iter()
            .all(|command| commands(&ours).contains(&(*command).to_owned())),
        "{ours}"
    );
}

fn a_masked_proc_hides_only_masked_processes(session: &Session) {
    // Masked as engines mask it, and one process more.
    let script = "unshare --uts sleep 100 & unshare --uts sleep 101 & masked=$!
        until [ $(cat /proc/[0-9]*/comm | grep -c '^sleep$') = 2 ]; do sleep 0.1; done
        for file in kcore keys timer_list sched_debug; do [ ! -e /proc/$file ] || mount --bind \
    /dev/null /proc/$file; done
        mount --bind /proc/sys /proc/sys; mount -t tmpfs none /proc/scsi 2>/dev/null || :
        mount -t tmpfs none /proc/$masked; nsx ls --deep --json";
    let outcome = alone(session, script).run().exited(0);
    let [document] = documents(&outcome.stdout).try_into().unwrap();
    let rows = document["namespaces"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["command"] == "sleep 100"),
        "{document}"
    );
    assert!(
        !rows.iter().any(|row| row["command"] == "sleep 101"),
        "{document}"
    );
}

fn json(session: &Session, words: &str) -> Value {
    let outcome = session.nsx(&format!("{words} --json")).run().exited(0);
    serde_json::from_slice(&outcome.stdout).unwrap()
}

/// Counts the steps from a namespace up to `top`, from each namespace to its parent.
#[track_caller]
fn steps(session: &Session, kind: &str, from: &str, top: &str) -> usize {
    let deep = json(session, &format!("ls --deep -t {kind}"));
    let listed = deep["namespaces"].as_array().unwrap();
    let mut ns = from.to_owned();
    for steps in 0.. {
        assert!(
            listed
                .iter()
                .any(|row| format!("{kind}:[{}]", row["ns"]) == ns),
            "{ns} is not in {deep}"
        );
        if ns == top {
            return steps;
        }
        ns = format!("{kind}:[{}]", json(session, &format!("ls {ns}"))["parent"]);
    }
    0
}

fn thirty_two_levels_of_user_namespaces_are_seen(session: &Session) {
    let sleep = session
        .command(&format!(
            "{}sleep 100",
            "unshare --user --map-root-user ".repeat(32)
        ))
        .start();
    let id = sleep.program("sleep").id();
    assert_eq!(
        steps(
            session,
            "user",
            &procfs::ns(id, "user"),
            &procfs::ns("self", "user")
        ),
        32
    );
    session.nsx(&format!("ls {id}")).run().exited(0);
}

fn thirty_two_levels_of_pid_namespaces_are_seen(session: &Session) {
    let nested = "unshare --pid --fork --kill-child ".repeat(31);
    let sleep = session
        .original_unshare(&format!("--pid --fork --kill-child {nested}sleep 100"))
        .start();
    let sleep = sleep.program("sleep");
    crate::support::until("the sleep is PID 1", || {
        procfs::status(sleep.id(), "NSpid")
            .split_whitespace()
            .count()
            == 33
    });
    assert_eq!(
        steps(
            session,
            "pid",
            &procfs::ns(sleep.id(), "pid"),
            &procfs::ns("self", "pid")
        ),
        32
    );
    let document = json(session, "ls --pids");
    let row = document["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pid"] == sleep.id())
        .cloned()
        .unwrap();
    assert_eq!(row["chain"].as_array().unwrap().len(), 33);
}

fn a_map_of_340_ranges_is_read(session: &Session) {
    let script = "unshare --user sleep 100 & pid=$!
        until [ $(readlink /proc/$pid/ns/user) != $(readlink /proc/self/ns/user) ]; do sleep 0.1; \
    done
        for map in uid_map gid_map; do
            perl -e 'open(M, \">\", $ARGV[0]); syswrite(M, join(\"\", map { $_ . \" \" . 2 * $_ . \" 1\\n\" } 0..339)) or die $!' /proc/$pid/$map
        done; wc -l </proc/$pid/uid_map; nsx ls $pid; nsx ls $pid --json";
    let output = alone(session, script).output();
    assert!(output.starts_with("340\n"), "{output}");
    let (text, json) = output.split_once("\n{").unwrap();
    assert!(
        text.contains("users: 0 there is the same here (root, you); 1 there is 2 "),
        "{text}"
    );
    assert!(text.contains("; and 332 ranges more"), "{text}");
    let document: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    let ranges = document["gid_map"].as_array().unwrap();
    assert_eq!((ranges.len(), &ranges[339]["outside"]), (340, &678.into()));
}
