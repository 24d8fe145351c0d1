//! `nsx bench`: what it prints, and that it leaves nothing behind.

use crate::support::{Need, Session, Test, both, procfs, schema, until};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_document_has_each_measurement),
        both(a_kill_leaves_no_namespace),
        both(a_limit_of_namespaces_is_explained),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn the_document_has_each_measurement(session: &Session) {
    let words = "bench -q --json --runs 2 --alive 1,3 --kinds user --kinds net --kinds pid,time";
    let document: Value = serde_json::from_str(&session.nsx(words).output()).unwrap();
    schema::assert_fit(std::slice::from_ref(&document), "bench.json");
    let measured = |list: &str, key: &str| -> Vec<String> {
        let rows = document[list].as_array().unwrap();
        let row = |row: &Value| format!("{} {}", row[key], row["alive"]);
        rows.iter().map(row).collect()
    };
    assert_eq!(
        measured("namespaces", "kinds"),
        [
            r#"["user"] 1"#,
            r#"["user"] 3"#,
            r#"["net"] 1"#,
            r#"["net"] 3"#,
            r#"["pid","time","user"] 1"#,
            r#"["pid","time","user"] 3"#
        ]
    );
    // One setuid without a map; with each number of others one with a map, and a packet on each of
    // four ways.
    assert_eq!(measured("calls", "call").len(), 1 + 2 * (1 + 4));
    for row in document["calls"].as_array().unwrap() {
        let may_lack = row["call"] == "packet-macvlan";
        assert!(
            may_lack || row["time"]["median_ns"].as_u64() > Some(0),
            "{row}"
        );
    }
    for row in document["namespaces"].as_array().unwrap() {
        for key in ["create", "remove"] {
            assert!(row[key]["median_ns"].as_u64() > Some(0), "{row}");
        }
    }
}

fn a_kill_leaves_no_namespace(session: &Session) {
    let words = "bench --runs 1000000 --alive 5 --kinds net --kinds pid,user";
    let process = session.nsx(words).start();
    let own = procfs::ns(std::process::id(), "net");
    let in_new = |id: u32| {
        let ns = fs::read_link(format!("/proc/{id}/ns/net"));
        ns.is_ok_and(|ns| ns.as_os_str() != own.as_str())
    };
    let mut members = Vec::new();
    until("five processes have network namespaces", || {
        members = procfs::descendants(process.id());
        members.iter().filter(|id| in_new(**id)).count() >= 5
    });
    process.signal(Signal::KILL);
    until("all processes have ended", || {
        members.iter().all(|id| procfs::stat(*id).is_none())
    });
}

fn a_limit_of_namespaces_is_explained(session: &Session) {
    let script = "exec unshare --user --map-root-user sh -c '
        echo 0 > /proc/sys/user/max_user_namespaces
        exec nsx bench --runs 1'";
    let refused = session.shell(script).run();
    refused.exited(2).says(&[
        "failed to create pid and user namespaces",
        "max_user_namespaces",
    ]);
}
