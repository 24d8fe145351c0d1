//! `nsx ls` without privilege or behind a small /proc: unknown is not zero, and hidden is not absent.

use super::facts::{alone, named};
use crate::support::{
    Need, Session, Test, ordinary,
    procfs::{self},
    root,
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(hidden_values_are_unknown_and_not_zero),
        root(a_sentence_names_what_was_not_seen),
        root(processes_that_proc_hides_are_not_counted_as_absent),
        root(unreadable_processes_are_named_if_they_matter).needs([Need::Tool("pgrep")]),
        ordinary(unknown_numbers_stay_unknown_in_a_saved_census),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Words that run a command as the ordinary user.
const AS_USER: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups";

/// Runs a script while four processes of root are in the network namespace that /run/netns/blue
/// holds. Returns the first line, which is the number of that namespace, and the output of the
/// script.
#[track_caller]
fn with_blue(session: &Session, script: &str) -> (String, String) {
    let script = format!(
        "mount -t tmpfs none /run; mkdir /run/netns; touch /run/netns/blue; unshare \
        --net=/run/netns/blue true
        for number in 1 2 3 4; do
            nsenter --net=/run/netns/blue sh -c 'echo >/run/in.$$; exec sleep 100' & pids=\"$pids \
        $!\"
        done
        until [ $(ls /run/in.* 2>/dev/null | wc -l) = 4 ]; do sleep 0.05; done
        stat -c %i /run/netns/blue; ns=$(stat -c %i /run/netns/blue)
        {script}
        kill $pids; wait"
    );
    let outcome = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(0);
    let (number, rest) = outcome.text().split_once('\n').unwrap();
    (number.to_owned(), rest.to_owned())
}

fn hidden_values_are_unknown_and_not_zero(session: &Session) {
    let script = format!(
        "nsx ls -q -t net --json-lines -o ns,nprocs,seen,pid -Q \"NS == $ns\"
        {AS_USER} nsx ls -q -t net --json-lines -o ns,nprocs,seen,pid -Q \"NS == $ns\"
        {AS_USER} nsx ls -q -t net -o ns,nprocs,pid,user -Q \"NS == $ns\" | tail -n 1
        {AS_USER} nsx ls -q --groups | grep netns:blue
        for filter in 'NPROCS == 0' 'NPROCS > 0' '!(NPROCS == 4)' 'PID == 1'; do
            {AS_USER} nsx ls -t net --json -Q \"NS == $ns && $filter\" 2>&1 | tr '\\n' ' '; echo
        done
        {AS_USER} nsx ls -q -t net --json-lines -o ns -Q \"NS == $ns && (NPROCS == 0 || NSFS =~ \
        'blue')\""
    );
    let (ns, output) = with_blue(session, &script);
    let lines: Vec<&str> = output.lines().collect();
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    assert_eq!(
        (&row(lines[0])["nprocs"], &row(lines[0])["seen"]),
        (&4.into(), &4.into()),
        "{output}"
    );
    let unseen = row(lines[1]);
    assert_eq!(
        (&unseen["nprocs"], &unseen["seen"], &unseen["pid"]),
        (&Value::Null, &0.into(), &Value::Null)
    );
    assert_eq!(
        lines[2].split_whitespace().collect::<Vec<_>>(),
        [&ns, "?", "?", "?"]
    );
    assert_eq!(
        lines[3].split_whitespace().collect::<Vec<_>>(),
        ["netns:blue", "net", "?", "?", "?", "?"]
    );
    for line in &lines[4..8] {
        assert!(
            line.contains("\"namespaces\": []") && line.contains("\"undecided\": 1"),
            "{line}"
        );
        assert!(
            line.contains("1 row is left out: the filter depends on what could not be seen of it"),
            "{line}"
        );
    }
    // The value that decides is known.
    assert_eq!(row(lines[8])["ns"].to_string(), ns);
}

fn a_sentence_names_what_was_not_seen(session: &Session) {
    let script =
        format!("{AS_USER} nsx ls -q --why net:[$ns]; {AS_USER} nsx ls -q --json --why net:[$ns]");
    let (_, output) = with_blue(session, &script);
    let (text, document) = output.split_at(output.find("\n{").unwrap());
    assert!(
        text.contains("As far as can be seen, it dies when /run/netns/blue is unmounted"),
        "{text}"
    );
    assert!(!text.contains("\nIt dies"), "{text}");
    assert!(
        text.contains("processes, which may be in it or hold it"),
        "{text}"
    );
    let document: Value = serde_json::from_str(document).unwrap();
    assert_eq!(document["certain"], false, "{document}");
}

fn processes_that_proc_hides_are_not_counted_as_absent(session: &Session) {
    // A process outside of the PID namespace shares the network.
    let script = "sleep 1001 & unshare --pid --fork --kill-child --mount-proc sh -ec '
        nsx ls -q --json-lines -o type,nprocs,seen -p $$; nsx ls -q --why /proc/self/ns/net'; kill \
    $!; wait";
    let output = session.original_unshare("--net sh -c").arg(script).output();
    let (rows, why) = output.split_at(output.find("\nnet:[").unwrap());
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        // Every process in the PID namespace is listed.
        assert_eq!(row["nprocs"].is_null(), row["type"] != "pid", "{row}");
        assert!(row["seen"].as_u64().unwrap() > 0, "{row}");
    }
    assert!(
        why.contains("As far as can be seen") && why.contains("/proc does not list"),
        "{why}"
    );
}

fn unreadable_processes_are_named_if_they_matter(session: &Session) {
    // Of root's processes only PID 1 exists.
    let script = "
        setpriv --reuid=4242 --regid=4242 --clear-groups sh -ec '
            unshare -r --pid --fork --kill-child sleep 1001 &
            until child=$(pgrep -x sleep) && [ $(grep -c ^NSpid /proc/$child/status) = 1 ] &&
                ns=$(stat -Lc %i /proc/$child/ns/pid) && [ $ns != $(stat -Lc %i /proc/self/ns/pid) \
    ]; do :; done
            echo named; nsx ls -t net 2>&1 >/dev/null
            echo quiet; nsx ls -t pid -Q \"NS == $ns\" 2>&1 >/dev/null
            echo count; nsx ls -q -t pid --json-lines -o nprocs -Q \"NS == $ns\"
            kill %1' || true";
    let output = alone(session, script);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "named");
    assert!(
        lines[1].starts_with("nsx: note: process 1 (sh) could not be read: permission denied"),
        "{output}"
    );
    assert_eq!(lines[2..], ["quiet", "count", "{\"nprocs\":1}"], "{output}");
}

fn unknown_numbers_stay_unknown_in_a_saved_census(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let file = session.path("census.json");
    session.nsx("ls -q --save").arg(&file).run().exited(0);
    let words = format!("ls -q --json -t uts -Q PID=={} --from", sleep.id());
    let output = session.nsx(&words).arg(&file).output();
    let row = serde_json::from_str::<Value>(&output).unwrap()["namespaces"][0].clone();
    assert_eq!(
        (&row["nprocs"], &row["seen"]),
        (&Value::Null, &1.into()),
        "{row}"
    );
    // A value that one of the two did not see does not count as a difference.
    session
        .nsx("ls --diff")
        .arg(&file)
        .arg("--from")
        .arg(&file)
        .run()
        .exited(1);
    let now = session.nsx("ls -q --json --diff").arg(&file).run();
    let now: Value = serde_json::from_slice(&now.stdout).unwrap();
    let is_own = |row: &&Value| named(&row["before"]) == procfs::ns(sleep.id(), "uts");
    assert!(
        !now["changed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| is_own(&row)),
        "{now}"
    );
    let filter = format!("PID=={} && NPROCS == 1", sleep.id());
    let outcome = session
        .nsx("ls -t uts -Q")
        .arg(filter)
        .arg("--from")
        .arg(&file)
        .run()
        .exited(1);
    outcome.says(&["1 row is left out"]);
}
