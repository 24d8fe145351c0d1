//! `nsx ls --pids`: the processes in nested PID namespaces.

use super::{trees::nested, views::document};
use crate::support::{
    Need, Session, Test, both,
    procfs::{self},
    until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(processes_have_columns),
        both(processes_are_selected_by_a_filter_and_by_a_namespace_above_them),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn processes_have_columns(session: &Session) {
    let unshare = session
        .original_unshare("--user --map-root-user --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    until("the sleep is alone", || crate::ls::chain(&sleep).len() > 1);
    let id = sleep.id();
    let row = &document(session, &format!("--pids --json -o all -Q PID=={id}"))["processes"][0];
    assert_eq!(row["pid"], id);
    assert_eq!(row["chain"], Value::from(crate::ls::chain(&sleep)));
    assert_eq!(format!("pid:[{}]", row["ns"]), procfs::ns(id, "pid"));
    assert_eq!(row["ppid"].to_string(), procfs::status(id, "PPid"));
    assert_eq!(row["uid"], session.ids().0);
    assert_eq!(row["command"], "sleep 100");
    let cgroups = std::fs::read_to_string(format!("/proc/{id}/cgroup")).unwrap();
    assert!(
        cgroups
            .lines()
            .any(|line| line.splitn(3, ':').nth(2) == row["cgroup"].as_str()),
        "{row} {cgroups}"
    );
    assert!(row["age"].as_u64().unwrap() < 3600);
    // The list of columns has each of them.
    let listed = session.nsx("ls --columns --pids").output();
    let listed: BTreeSet<_> = listed
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let keys: BTreeSet<_> = row
        .as_object()
        .unwrap()
        .keys()
        .map(|key| key.to_uppercase())
        .collect();
    assert_eq!(listed, keys.iter().map(String::as_str).collect());

    let only = format!("ls -q --pids -Q PID=={id}");
    let own = crate::ls::chain(&sleep)
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(" → ");
    let table = session.nsx(&format!("{only} -o chain,pid")).output();
    assert_eq!(
        table.split_whitespace().collect::<Vec<_>>().join(" "),
        format!("CHAIN PID {own} {id}")
    );
    // These columns come after the usual ones. No container is involved, so there is no container
    // column.
    let heading = |options: &str| {
        let table = session.nsx(&format!("{only}{options}")).output();
        table
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(heading(""), "CHAIN NS USER COMMAND");
    assert_eq!(heading(" -o +ppid"), "CHAIN NS USER PPID COMMAND");
    let line = session
        .nsx(&format!("{only} --json-lines -o pid,command"))
        .output();
    assert_eq!(line, format!("{{\"pid\":{id},\"command\":\"sleep 100\"}}"));
    // Without requested columns, a line has the fields of the document.
    let line = session.nsx(&format!("{only} --json-lines")).output();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        line,
        document(session, &format!("--pids --json -Q PID=={id}"))["processes"][0]
    );
}

fn processes_are_selected_by_a_filter_and_by_a_namespace_above_them(session: &Session) {
    let (_unshare, shell, sleep) = nested(session);
    let beside = session
        .original_unshare("--user --pid --fork --kill-child sleep 100")
        .start();
    let beside = beside.program("sleep");
    until("the other sleep is alone", || {
        crate::ls::chain(&beside).len() > 1
    });
    let chosen = |options: &str| -> BTreeSet<u64> {
        let output = session
            .nsx(&format!("ls -q --pids --json -o pid {options}"))
            .run()
            .exited(0);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        document["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["pid"].as_u64().unwrap())
            .collect()
    };
    let [shell_id, sleep_id, beside_id] =
        [&shell, &sleep, &beside].map(|process| u64::from(process.id()));
    let init = procfs::status(sleep.id(), "PPid").parse().unwrap();
    assert_eq!(chosen(&format!("-p {sleep_id}")), [init, sleep_id].into());
    let inside = chosen(&format!("-p {shell_id}"));
    assert!(
        inside.contains(&shell_id) && inside.contains(&sleep_id) && !inside.contains(&beside_id),
        "{inside:?}"
    );
    // The caller's own namespace, with all below it.
    let own = session.command("sleep 100").start();
    let all = chosen(&format!("-p {}", own.program("sleep").id()));
    assert!(all.contains(&own.id().into()) && all.is_superset(&inside) && all.contains(&beside_id));
    assert_eq!(
        chosen(&format!(
            "-p {shell_id} -Q NS=={}",
            procfs::ns(sleep.id(), "pid")
                .split(['[', ']'])
                .nth(1)
                .unwrap()
        )),
        [init, sleep_id].into()
    );

    let none = session
        .nsx(&format!("ls --pids -Q PID=={}", i32::MAX))
        .run()
        .exited(1);
    none.says(&["no process matches"]);
    sleep.signal(Signal::KILL);
    let refused = |words: &str, says: &str| {
        session
            .nsx(&format!("ls --pids {words}"))
            .run()
            .exited(2)
            .says(&[says])
    };
    refused("-t net", "--type");
    refused("--tree", "--tree");
    refused(
        "-o type",
        "there is no column \"type\"; --pids --columns lists the columns",
    );
    refused("-Q TYPE==1", "unknown column: TYPE");
    refused("-p no:such", "no:such");
}
