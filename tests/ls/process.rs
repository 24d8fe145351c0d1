//! `nsx ls PID`: the namespaces of one process.

use super::holders::{json, sleeping};
use crate::support::{
    Need, Session, Test, both,
    procfs::{self, KINDS},
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_process_without_namespaces_of_its_own_is_reported).needs([Need::Kernel(6, 9)]),
        both(a_process_shows_the_namespaces_that_it_shares),
        both(holders_have_the_same_words_in_every_view).alone(),
        both(id_maps_are_shown_in_words),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn a_process_without_namespaces_of_its_own_is_reported(session: &Session) {
    let sleep = session.command("sleep 100").start();
    let sleep = sleep.program("sleep");
    let word = format!(
        "{}:{}",
        sleep.id(),
        rustix::fs::fstat(sleep.pidfd()).unwrap().st_ino
    );
    let text = session.nsx(&format!("ls --why {word}")).output();
    assert_eq!(
        text,
        "cgroup, ipc, mnt, net, pid, time, user and uts are the host's or yours."
    );
}

pub(super) fn rows_of(session: &Session, process: u32) -> Vec<Value> {
    json(session, &format!("ls {process}"))["namespaces"]
        .as_array()
        .unwrap()
        .clone()
}

fn a_process_shows_the_namespaces_that_it_shares(session: &Session) {
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let sleep = unshare.program("sleep");
    let rows = rows_of(session, sleep.id());
    let named = |row: &Value| format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"]);
    assert_eq!(
        rows.iter().map(named).collect::<Vec<_>>(),
        KINDS.map(|kind| procfs::ns(sleep.id(), kind))
    );
    for row in &rows {
        let own = procfs::ns("self", row["type"].as_str().unwrap());
        assert_eq!(row["shared"], named(row) == own, "{row}");
        assert_eq!(
            (&row["nprocs"], &row["for_children"]),
            (&Value::Null, &false.into())
        );
    }
    let text = session.nsx(&format!("ls {}", sleep.id())).output();
    assert_eq!(
        text.matches("shared with you").count(),
        if session.is_root() { 6 } else { 5 },
        "{text}"
    );
    let deep = json(session, &format!("ls {} --deep -t uts,net", sleep.id()));
    let counted: Vec<_> = deep["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["nprocs"].as_u64())
        .collect();
    // Processes of other users, hidden from the ordinary user, may be in them too.
    assert_eq!(counted, [session.is_root().then_some(1); 2]);
    let ended = session.command("true").start();
    let id = ended.id();
    ended.wait().exited(0);
    session
        .nsx(&format!("ls {id}"))
        .run()
        .exited(1)
        .says(&[&id.to_string()]);
}

fn holders_have_the_same_words_in_every_view(session: &Session) {
    let (_unshare, sleep, ns) = sleeping(session, "uts");
    let script = format!(
        "exec 7</proc/{0}/ns/uts 8</proc/{0}/ns/uts; echo open; exec sleep 100",
        sleep.id()
    );
    let keeper = session.shell(&script).start();
    keeper.line();
    keeper.program("sleep");
    let id = sleep.id();
    let whole = json(session, &format!("ls --deep {id}"));
    let rows = whole["namespaces"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| format!("uts:[{}]", row["ns"]) == ns)
        .unwrap();
    assert_eq!(row["holders"], serde_json::json!(["2 descriptors"]));
    let list = json(session, &format!("ls -p {id} -t uts -o holders"));
    assert_eq!(list["namespaces"][0]["holders"], row["holders"]);
    // If a process is hidden, there may be more.
    let told = |line: &&str| {
        [" 2 descriptors", " 2 descriptors,?"]
            .iter()
            .any(|words| line.ends_with(words))
    };
    let lines = |words: &str| session.nsx(words).output().lines().filter(told).count();
    assert_eq!(lines(&format!("ls --deep {id}")), 1);
    assert_eq!(lines(&format!("ls -p {id} -o ns,holders")), 1);
    // Without the option there is no note.
    assert!(json(session, &format!("ls {id}"))["namespaces"][0]["holders"].is_null());
}

fn id_maps_are_shown_in_words(session: &Session) {
    let unshare = session
        .command("unshare --user --map-user=7 --map-group=9 sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let (user, group) = session.ids();
    let text = session.nsx(&format!("ls {}", sleep.id())).output();
    assert!(
        text.contains(&format!("users: 7 there is {user} (")) && text.contains("you) here\n"),
        "{text}"
    );
    assert!(
        text.ends_with(&format!("groups: 9 there is {group} here")),
        "{text}"
    );
    let document = json(session, &format!("ls {}", sleep.id()));
    assert_eq!(
        document["uid_map"],
        serde_json::json!([{ "inside": 7, "outside": user, "count": 1 }])
    );
    assert_eq!(
        document["gid_map"],
        serde_json::json!([{ "inside": 9, "outside": group, "count": 1 }])
    );
    let unmapped = session.command("unshare --user sleep 100").start();
    let text = session
        .nsx(&format!("ls {}", unmapped.program("sleep").id()))
        .output();
    assert!(text.contains("users: none has an id there"), "{text}");
}
