//! `nsx ls` and processes that are hard to read: odd names, zombies, processes that vanish, and
//! those of other users.

use super::{assert_agree, chain, json, number, resident, table};
use crate::support::{
    Need, Process, Session, Test, both, ordinary,
    procfs::{self, Pinned},
    until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::BTreeSet, ffi::OsStr, os::unix::ffi::OsStrExt, os::unix::fs::symlink,
    time::Duration,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(names_that_are_hard_to_parse_hide_nothing),
        both(zombies_hide_nothing),
        both(vanishing_processes_hide_nothing),
        ordinary(unreadable_processes_are_counted).alone(),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn names_that_are_hard_to_parse_hide_nothing(session: &Session) {
    // Names in /proc/PID/stat and status are those of the file that was run, cut to 15 bytes.
    let names: [&[u8]; 8] = [
        b"a) S 1 2",
        b"b\nc",
        b"\nNSpid:\t9",
        b"d:e",
        b"f\xff\xfeg",
        b"h\x1b[31m",
        "i\u{202e}j".as_bytes(),
        b" ",
    ];
    let start = |name: &[u8]| {
        let name = OsStr::from_bytes(name);
        symlink("/bin/sleep", session.directory().join(name)).unwrap();
        session
            .original_unshare("--pid --uts --fork --kill-child")
            .arg(session.directory().join(name))
            .arg("100")
            .start()
    };
    let processes: Vec<Process> = names.into_iter().map(start).collect();
    let sleeping: Vec<Pinned> = processes.iter().map(sleeping_child).collect();
    for (name, sleep) in names.iter().zip(&sleeping) {
        let name = String::from_utf8_lossy(name);
        let row = resident(session, sleep);
        assert_eq!(row["chain"], Value::from(chain(sleep)), "{name:?}");
        assert_eq!(
            format!("pid:[{}]", row["ns"]),
            procfs::ns(sleep.id(), "pid"),
            "{name:?}"
        );
        assert_eq!(number(&row["uid"]), u64::from(session.ids().0), "{name:?}");
        assert!(row["command"].as_str().unwrap().contains(&*name), "{row}");
    }
    for words in ["ls --all", "ls --pids"] {
        let outcome = session.nsx(words).run().exited(0);
        let text = outcome.text();
        let acting = |character: char| {
            character != '\n' && (character.is_control() || character == '\u{202e}')
        };
        assert!(!text.contains(acting), "{outcome}");
        for sleep in &sleeping {
            let id = sleep.id().to_string();
            let of_it = |line: &&str| line.split_whitespace().any(|word| word == id);
            assert!(
                text.lines().any(|line| of_it(&line)),
                "{words}: no line for {id}: {outcome}"
            );
        }
    }
    let listed: BTreeSet<u64> = table(session, "-t pid")
        .into_iter()
        .map(|row| row.3)
        .collect();
    assert!(
        sleeping
            .iter()
            .all(|sleep| listed.contains(&sleep.id().into()))
    );
}

/// The child of an `unshare --fork`, under any name, once it runs the right program.
fn sleeping_child(unshare: &Process) -> Pinned {
    let mut child = None;
    until("the program runs", || {
        child = procfs::descendants(unshare.id())
            .into_iter()
            .find_map(Pinned::new);
        child
            .as_ref()
            .is_some_and(|child| procfs::comm(child.id()) != "unshare" && child.state() == 'S')
    });
    child.unwrap()
}

fn zombies_hide_nothing(session: &Session) {
    // A child that PID 1 does not wait for, and a child that this test does not wait for.
    let unshare = session
        .original_unshare("--pid --fork --kill-child sh -c")
        .arg(": & exec sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let ended = session.original_unshare("--uts sleep 100").start();
    ended.program("sleep").signal(Signal::KILL);
    assert!(ended.pinned().ended(Duration::from_secs(10)));
    let mut zombie = 0;
    until("PID 1 has a zombie", || {
        let of = |id: &u32| procfs::stat(*id).is_some_and(|stat| stat.state == 'Z');
        zombie = procfs::descendants(unshare.id())
            .into_iter()
            .find(of)
            .unwrap_or(0);
        zombie != 0 && procfs::comm(sleep.id()) == "sleep" && chain(&sleep).len() > 1
    });
    let row = resident(session, &sleep);
    assert_eq!(row["command"], "sleep 100");
    // It has ids, but no namespaces: its row says so, or it is counted.
    let document = json(session, "ls --pids");
    let row = document["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pid"] == zombie);
    match row {
        Some(row) => assert_eq!(row["chain"][0], zombie, "{row}"),
        None => {
            assert!(
                document["hidden"]
                    .to_string()
                    .contains(|digit: char| ('1'..='9').contains(&digit)),
                "{document}"
            )
        }
    }
    let listed = table(session, "--all");
    assert!(
        listed
            .iter()
            .any(|row| row.1 == "pid" && row.3 == u64::from(sleep.id()))
    );
    assert!(
        !listed
            .iter()
            .any(|row| row.1 == "uts" && row.3 == u64::from(ended.id()))
    );
}

fn vanishing_processes_hide_nothing(session: &Session) {
    let unshare = session
        .original_unshare("--uts --pid --fork --kill-child sleep 100")
        .start();
    let id = unshare.program("sleep").id();
    let churn = session.shell("while :; do (:); (exec true); done").start();
    for _ in 0..30 {
        for words in [
            "ls --all",
            "ls --pids",
            "ls --all --json",
            "ls --pids --all",
        ] {
            let outcome = session.nsx(words).run().exited(0);
            assert!(outcome.text().contains(&id.to_string()), "{outcome}");
        }
    }
    churn.signal(Signal::KILL);
}

fn unreadable_processes_are_counted(session: &Session) {
    // Those of root and of kernel threads.
    let count = "readlink -v /proc/[0-9]*/ns/mnt 2>&1 | grep -c 'Permission denied'";
    assert_agree("nsx ls and readlink", || {
        let expected = session.shell(count).output();
        assert_ne!(
            expected, "0",
            "the host must have a process of somebody else"
        );
        let outcome = session
            .nsx("ls --all")
            .run()
            .exited(0)
            .says(&["could not be read"]);
        let note = String::from_utf8(outcome.stderr).unwrap();
        let counted = note
            .split(|character: char| !character.is_ascii_digit())
            .find(|number| !number.is_empty());
        [counted.unwrap_or_default().to_owned(), expected]
    });
    let quiet = session.nsx("ls --all -q").run().exited(0);
    assert!(quiet.stderr.is_empty(), "{quiet}");
}
