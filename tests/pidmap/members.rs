//! `nsx pidmap TARGET`: compared with a procfs of the namespace itself.

use crate::support::{
    Session, Test, both,
    filter::Filter,
    procfs::{self, Pinned},
    until,
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(every_process_that_a_namespace_sees_is_listed),
        both(users_are_named_inside_and_outside),
        both(a_tree_has_children_below),
    ]
}

/// A namespace with its own procfs, a nested namespace, and some processes in both.
const SCRIPT: &str = "sleep 101 & unshare --pid --fork --kill-child sleep 102 & sleep 103 & wait";

fn every_process_that_a_namespace_sees_is_listed(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child --mount-proc sh -c")
        .arg(SCRIPT)
        .start();
    let shell = unshare.program("sh");
    let view = format!("/proc/{}/root/proc", shell.id());
    let listed = || -> BTreeSet<u64> {
        let entries = fs::read_dir(&view).unwrap();
        entries
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .collect()
    };
    until("five processes are there", || {
        listed().len() == 5
            && listed()
                .iter()
                .all(|id| fs::read(format!("{view}/{id}/comm")).is_ok_and(|name| !name.is_empty()))
            && procfs::descendants(shell.id())
                .iter()
                .filter(|id| procfs::comm(**id) == "sleep")
                .count()
                == 3
    });
    let ns = procfs::ns(shell.id(), "pid");
    for (target, filter) in [
        (ns.as_str(), None),
        (&format!("--namespace-of {}", shell.id()), None),
        (
            &format!("/proc/{}/ns/pid", shell.id()),
            Some(Filter::PidTranslation),
        ),
    ] {
        let command = session.nsx(&format!("pidmap --json {target}"));
        let outcome = filter
            .map_or(command.clone(), |filter| command.under(filter))
            .run()
            .exited(0);
        let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(format!("pid:[{}]", document["ns"]), ns);
        let rows = document["processes"].as_array().unwrap();
        assert_eq!(
            rows.iter()
                .map(|row| row["id"].as_u64().unwrap())
                .collect::<BTreeSet<_>>(),
            listed()
        );
        for row in rows {
            let inside = fs::read(format!("{view}/{}/cmdline", row["id"])).unwrap();
            let here = fs::read(format!("/proc/{}/cmdline", row["pid"])).unwrap();
            assert_eq!(inside, here, "{row}");
            assert_eq!(
                row["command"].as_str().unwrap().replace(' ', "\0") + "\0",
                String::from_utf8(here).unwrap().replace(' ', "\0")
            );
        }
    }
    // Each is a whole JSON document in lines, and has its process groups.
    let lines = session
        .nsx(&format!("pidmap --json-lines --with pgid,sid {ns}"))
        .output();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let pid = u32::try_from(row["pid"].as_u64().unwrap()).unwrap();
        for (key, name) in [("pgid", "NSpgid"), ("sid", "NSsid")] {
            let ids: Vec<u64> = procfs::status(pid, name)
                .split_whitespace()
                .map(|id| id.parse().unwrap())
                .collect();
            let base = procfs::status("self", "NSpid").split_whitespace().count() - 1;
            let visible = |id: u64| if id == 0 { Value::Null } else { id.into() };
            assert_eq!(row[key]["outside"], visible(ids[0]), "{key} of {line}");
            assert_eq!(
                row[key]["inside"],
                visible(ids[base + 1]),
                "{key} of {line}"
            );
        }
    }
    session.nsx(&format!("pidmap -q {ns}")).run().exited(2);
    session.nsx(&format!("pidmap {ns} {ns}")).run().exited(2);
}

fn users_are_named_inside_and_outside(session: &Session) {
    let unshare = session
        .command("unshare --map-root-user --pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let inside = procfs::status(sleep.id(), "Uid");
    let outside: u64 = inside.split_whitespace().nth(1).unwrap().parse().unwrap();
    let document = session
        .nsx(&format!("pidmap --json --namespace-of {}", sleep.id()))
        .output();
    let row = &serde_json::from_str::<Value>(&document).unwrap()["processes"][0];
    assert_eq!(
        (&row["uid"], &row["uid_inside"]),
        (&outside.into(), &0.into())
    );
    assert_eq!(row["user_inside"], "root");
}

fn a_tree_has_children_below(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child sh -c")
        .arg("sleep 100 & wait")
        .start();
    let sleep = unshare.program("sleep");
    let shell = Pinned::new(procfs::stat(sleep.id()).unwrap().parent).unwrap();
    let tree = session
        .nsx(&format!("pidmap --tree --namespace-of {}", shell.id()))
        .output();
    let lines: Vec<&str> = tree.lines().collect();
    assert!(
        lines[1].contains(&format!(" {} ", shell.id())) && lines[1].contains(" sh -c"),
        "{tree}"
    );
    assert!(
        lines[2].contains(&format!(" {} ", sleep.id())) && lines[2].ends_with("└─ sleep 100"),
        "{tree}"
    );
}
