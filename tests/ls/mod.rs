//! `nsx ls`: compared with lsns and /proc.

mod crowd;
mod diff;
mod elusive;
mod empty;
mod ending;
mod facts;
mod graphs;
mod holders;
mod hostile;
mod mounts;
mod older;
mod pids;
mod process;
mod reach;
mod saved;
mod table;
mod trees;
mod unseen;
mod views;
mod watch;

use crate::support::{
    Need, Session, Test, both,
    command::Command,
    procfs::{self, KINDS, Pinned},
    until,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    let areas = [
        lists(),
        crowd::tests(),
        diff::tests(),
        elusive::tests(),
        empty::tests(),
        ending::tests(),
        facts::tests(),
        graphs::tests(),
        holders::tests(),
        hostile::tests(),
        mounts::tests(),
        older::tests(),
        pids::tests(),
        process::tests(),
        reach::tests(),
        saved::tests(),
        table::tests(),
        trees::tests(),
        unseen::tests(),
        views::tests(),
        watch::tests(),
    ];
    areas.into_iter().flatten().collect()
}

fn lists() -> Vec<Test> {
    vec![
        both(json_says_the_same_as_the_table).alone(),
        both(types_and_a_process_narrow_the_list),
        both(a_process_in_a_nested_pid_namespace_is_listed_with_its_chain),
        both(an_empty_result_is_reported),
        both(a_full_or_closed_output_is_a_failure),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("lsns")]))
    .collect()
}

/// A namespace: its inode, its kind, the number of its processes, and the lowest PID, or 0 if that
/// is the lister.
type Row = (u64, String, u64, u64);

/// Runs a program that lists namespaces, and returns its output and its PID.
#[track_caller]
fn list(command: Command) -> (String, u64) {
    let lister = command.start();
    let id = lister.id().into();
    (lister.wait().exited(0).text().to_owned(), id)
}

/// Reads the first four columns of a list without its heading.
#[track_caller]
fn rows(list: &str, lister: u64) -> BTreeSet<Row> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // There may be more than nsx has seen.
        let text = |place: usize| fields[place].trim_end_matches('+');
        let number = |place: usize| {
            text(place)
                .parse()
                .unwrap_or_else(|error| panic!("{error} in {line}"))
        };
        (
            number(0),
            fields[1].to_owned(),
            number(2),
            known(number(3), lister),
        )
    };
    // lsns 2.38 has no namespaces without processes.
    list.lines()
        .filter(|line| line.split_whitespace().nth(2) != Some("0"))
        .map(row)
        .collect()
}

fn known(lowest: u64, lister: u64) -> u64 {
    if lowest == lister { 0 } else { lowest }
}

fn table(session: &Session, options: &str) -> BTreeSet<Row> {
    let (output, lister) = list(session.nsx(&format!("ls {options}")));
    let (heading, list) = output.split_once('\n').unwrap();
    assert_eq!(
        heading.split_whitespace().collect::<Vec<_>>(),
        ["NS", "TYPE", "NPROCS", "PID", "USER", "COMMAND"]
    );
    rows(list, lister)
}

/// Returns the rows as `table` does, but reads them from JSON.
fn json_rows(session: &Session, options: &str) -> BTreeSet<Row> {
    let (output, lister) = list(session.nsx(&format!("ls {options} --json")));
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(document["version"], 1);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| {
        (
            number(&row["ns"]),
            text(&row["type"]),
            number(&row["seen"]),
            known(number(&row["pid"]), lister),
        )
    };
    document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect()
}

/// The list of lsns.
fn lsns(session: &Session, options: &str) -> BTreeSet<Row> {
    let (output, lister) =
        list(session.command(&format!("lsns -n -l{options} -o NS,TYPE,NPROCS,PID")));
    rows(&output, lister)
}

fn json(session: &Session, words: &str) -> Value {
    let outcome = session.nsx(&format!("{words} --json")).run().exited(0);
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Gets two lists that must agree, and tries again if a process came or went in between.
#[track_caller]
fn assert_agree<T: PartialEq + std::fmt::Debug>(what: &str, ask: impl Fn() -> [T; 2]) {
    let mut answers = ask();
    for _ in 0..20 {
        if answers[0] == answers[1] {
            return;
        }
        answers = ask();
    }
    panic!("{what} disagree:\n{:?}\n{:?}", answers[0], answers[1]);
}

fn json_says_the_same_as_the_table(session: &Session) {
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let sleep = unshare.program("sleep");
    let ours = format!("-Q PID=={}", sleep.id());
    assert_agree("the table and JSON", || {
        [table(session, &ours), json_rows(session, &ours)]
    });
    assert!(table(session, &ours).len() >= 2);
    let document = json(session, "ls -t uts");
    let namespaces = document["namespaces"].as_array().unwrap();
    let row = namespaces
        .iter()
        .find(|row| number(&row["pid"]) == u64::from(sleep.id()))
        .unwrap();
    assert_eq!(row["command"], "sleep 100");
    assert_eq!(number(&row["uid"]), u64::from(session.ids().0));
    assert_eq!(
        format!("uts:[{}]", row["ns"]),
        procfs::ns(sleep.id(), "uts")
    );
    assert_eq!(number(&row["seen"]), 1);
}

fn types_and_a_process_narrow_the_list(session: &Session) {
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let id = unshare.program("sleep").id();
    let kinds = |options: &str| {
        table(session, options)
            .into_iter()
            .map(|row| row.1)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(kinds("-t net"), ["net".to_owned()].into());
    assert_eq!(
        kinds("-t net --type uts"),
        ["net".to_owned(), "uts".to_owned()].into()
    );
    for option in [format!("-p {id}"), format!("--all -p {id}")] {
        let listed: BTreeSet<String> = table(session, &option)
            .into_iter()
            .map(|(inode, kind, ..)| format!("{kind}:[{inode}]"))
            .collect();
        assert_eq!(listed, KINDS.map(|kind| procfs::ns(id, kind)).into());
    }
    assert_agree("nsx ls -p and lsns -p", || {
        [
            table(session, &format!("-p {id} -t net")),
            lsns(session, &format!(" -p {id} -t net")),
        ]
    });
}

/// The row of a process in `nsx ls --pids --json`.
#[track_caller]
fn resident(session: &Session, process: &Pinned) -> Value {
    let document = json(session, "ls --pids");
    let found = document["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pid"] == process.id());
    found
        .cloned()
        .unwrap_or_else(|| panic!("process {} is not in {document}", process.id()))
}

/// The ids in the line NSpid of a process's status.
pub(crate) fn chain(process: &Pinned) -> Vec<u64> {
    procfs::status(process.id(), "NSpid")
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect()
}

fn a_process_in_a_nested_pid_namespace_is_listed_with_its_chain(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    until("the sleep is alone", || chain(&sleep).len() > 1);
    let row = resident(session, &sleep);
    assert_eq!(row["chain"], Value::from(chain(&sleep)));
    assert_eq!(
        format!("pid:[{}]", row["ns"]),
        procfs::ns(sleep.id(), "pid")
    );
    assert_eq!(row["command"], "sleep 100");

    let output = session.nsx("ls --pids").output();
    let line = output
        .lines()
        .find(|line| line.starts_with(&format!("{} → 1 ", sleep.id())));
    assert!(
        line.is_some_and(|line| line.ends_with(" sleep 100")),
        "{output}"
    );
    // Only --all adds the processes outside nested namespaces.
    let own = |words: &str| {
        let document = json(session, words);
        document["processes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["pid"] == unshare.id())
    };
    assert!(!own("ls --pids"));
    assert!(own("ls --pids --all"));
}

fn an_empty_result_is_reported(session: &Session) {
    let ended = session.command("true").start();
    let id = ended.id();
    ended.wait().exited(0);
    session
        .nsx(&format!("ls -p {id}"))
        .run()
        .exited(1)
        .says(&[&id.to_string()]);
    session.nsx("ls -p 0x1").run().exited(1).says(&["0x1"]);
    session
        .nsx("ls -p no:such")
        .run()
        .exited(2)
        .says(&["no:such"]);
    session
        .nsx("ls -t bogus")
        .run()
        .exited(2)
        .says(&["bogus", "uts"]);
}

fn a_full_or_closed_output_is_a_failure(session: &Session) {
    session
        .shell("nsx --version >/dev/full")
        .run()
        .exited(2)
        .says(&["failed to write to standard output", "no space"]);
    session
        .shell("nsx ls >/dev/full")
        .run()
        .exited(2)
        .says(&["standard output", "no space"]);
    let outcome = session
        .shell("nsx ls -q | true; nsx ls -q | head -n 1")
        .run()
        .exited(0);
    assert!(
        outcome.text().contains("NPROCS") && outcome.stderr.is_empty(),
        "{outcome}"
    );
}
