//! Input that cannot be translated, or no longer: nsx says why.

use super::both_ways;
use crate::{
    ls::chain,
    support::{
        Need, Session, Test, both,
        filter::Filter,
        procfs::{self, Pinned},
        root, until,
    },
};
use rustix::{fs::fstat, process::Signal};
use std::{fs::OpenOptions, io::Write};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(words_that_are_not_pids_are_refused_before_any_lookup),
        root(a_reused_pid_is_the_new_process),
        both(a_pid_with_another_inode_is_not_found).needs([Need::Kernel(6, 9)]),
        both(a_target_that_ends_halfway_is_not_found),
        both(a_namespace_whose_first_process_is_dead_is_reported),
        both(a_chain_of_thirty_two_levels_is_translated),
        root(a_namespace_beside_the_callers_is_not_visible),
        root(a_process_hidden_by_hidepid_is_found),
        both(a_zombie_still_has_its_ids),
    ]
}

fn words_that_are_not_pids_are_refused_before_any_lookup(session: &Session) {
    let sleep = session.command("sleep 100").start();
    let own = sleep.program("sleep").id();
    for (word, reason) in [
        ("0", "never 0"),
        ("-1", "never negative"),
        ("4194304", "less than 4194304"),
        ("99999999999", "less than 4194304"),
    ] {
        for options in [
            "",
            &format!("--from {own} "),
            &format!("-q --to {own} "),
            "--json ",
        ] {
            let outcome = session
                .nsx(&format!("pidmap {options}{own} {word}"))
                .run()
                .exited(2);
            assert_eq!(outcome.says(&[word, reason]).text(), "");
        }
    }
    for word in ["1x", "0x10", "1.5"] {
        let outcome = session
            .nsx(&format!("pidmap --from {own} {own} {word}"))
            .run()
            .exited(2);
        assert_eq!(outcome.says(&[word, "decimal number"]).text(), "");
    }
    // Larger than this host's pid_max, so it is unused.
    let largest: u32 = std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    if largest < 4_194_303 {
        both_ways(session, &format!("-q --from {own} {}", largest + 1))
            .exited(1)
            .says(&["no such process"]);
    }
    for wrong in [
        "--from 0 1",
        "--to 0 1",
        "--from net:[1] 1",
        "--from /dev/null 1",
        "no:such",
    ] {
        assert_eq!(
            session
                .nsx(&format!("pidmap {wrong}"))
                .run()
                .exited(2)
                .text(),
            ""
        );
    }
}

/// A PID namespace in which the next process gets the PID that the test wants.
const SHELL: &str = "--pid --fork --kill-child --mount-proc sh -c";

fn a_reused_pid_is_the_new_process(session: &Session) {
    let script = "mkfifo go; while :; do
        echo 99 >/proc/sys/kernel/ns_last_pid; sleep 100 & echo $! >>numbers; read line <go; kill \
    $!; wait $!; done";
    let unshare = session.original_unshare(SHELL).arg(script).start();
    let first = unshare.program("sleep");
    until("the first has the number", || {
        chain(&first).last() == Some(&100)
    });
    let shell = procfs::stat(first.id()).unwrap().parent;
    let translate = |input: &str| {
        let run = || session.nsx(&format!("pidmap -q --from {shell} {input}"));
        (run().output(), run().under(Filter::PidTranslation).output())
    };
    let id = |process: &Pinned| (process.id().to_string(), process.id().to_string());
    assert_eq!(translate("100"), id(&first));
    // A filter that has translated the PID once does not keep the answer.
    session.shell("mkfifo log").run().exited(0);
    let words = format!("exec nsx pidmap --from {shell} --filter 'pid=(.*)' <log");
    let filter = session.shell(&words).start();
    let mut log = OpenOptions::new()
        .write(true)
        .open(session.path("log"))
        .unwrap();
    let mut written = |expected: &[&Pinned]| {
        log.write_all(b"pid=100\n").unwrap();
        let expected: String = expected
            .iter()
            .map(|process| format!("pid={}\n", process.id()))
            .collect();
        until("the line is translated", || {
            filter.stdout() == expected.as_bytes()
        });
    };
    written(&[&first]);
    std::fs::write(session.path("go"), "\n").unwrap();
    until("the number is used again", || {
        first.ended(std::time::Duration::ZERO) && translate("100").0.parse() != Ok(first.id())
    });
    let second = unshare.program("sleep");
    assert_ne!(first.id(), second.id());
    assert_eq!(translate("100"), id(&second));
    written(&[&first, &second]);
    drop(log);
    filter.wait().exited(0);
}

fn a_pid_with_another_inode_is_not_found(session: &Session) {
    let sleep = session.command("sleep 100").start();
    let (id, inode) = (sleep.id(), fstat(sleep.pinned().pidfd()).unwrap().st_ino);
    for options in ["-q", &format!("-q --to {id}"), "--json"] {
        session
            .nsx(&format!("pidmap {options} {id}:{inode}"))
            .run()
            .exited(0);
        let outcome = session
            .nsx(&format!("pidmap {options} {id}:{}", inode + 1))
            .run()
            .exited(1);
        outcome.says(&["belongs to another process", &inode.to_string()]);
    }
}

fn a_target_that_ends_halfway_is_not_found(session: &Session) {
    // Without the ioctls an ordinary user cannot rule out the processes of others.
    let filters = if session.is_root() {
        &[None, Some(Filter::PidTranslation)][..]
    } else {
        &[None]
    };
    for &filter in filters {
        let name = format!("numbers-{}", filter.is_some());
        let unshare = session
            .original_unshare("--pid --fork --kill-child sleep 100")
            .start();
        let sleep = unshare.program("sleep");
        session.shell(&format!("mkfifo {name}")).run().exited(0);
        let command = session.shell(&format!(
            "exec nsx pidmap -q --from {} - <{name}",
            sleep.id()
        ));
        let nsx = filter
            .map_or(command.clone(), |filter| command.under(filter))
            .start();
        let mut numbers = OpenOptions::new()
            .write(true)
            .open(session.path(&name))
            .unwrap();
        numbers.write_all(b"1\n").unwrap();
        until("the first is translated", || {
            nsx.stdout() == format!("{}\n", sleep.id()).as_bytes()
        });
        sleep.signal(Signal::KILL);
        until("the target is gone", || procfs::stat(sleep.id()).is_none());
        numbers.write_all(b"1\n").unwrap();
        drop(numbers);
        let outcome = nsx.wait().exited(1).says(&["first process", "has ended"]);
        assert_eq!(outcome.text(), sleep.id().to_string());
    }
}

fn a_namespace_whose_first_process_is_dead_is_reported(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let holder = session
        .shell(&format!(
            "exec 7</proc/{}/ns/pid; sleep 100; exit",
            sleep.id()
        ))
        .start();
    holder.program("sleep");
    let held = format!("/proc/{}/fd/7", holder.id());
    assert_eq!(
        both_ways(session, &format!("-q --from {held} 1"))
            .exited(0)
            .text(),
        sleep.id().to_string()
    );
    sleep.signal(Signal::KILL);
    until("it is gone", || procfs::stat(sleep.id()).is_none());
    both_ways(session, &format!("-q --from {held} 1"))
        .exited(1)
        .says(&["first process", "has ended"]);
    let listed = session
        .nsx(&format!("pidmap {held}"))
        .run()
        .exited(1)
        .says(&["no processes", "first process"]);
    assert_eq!(listed.text(), "");
    let own = std::process::id();
    both_ways(session, &format!("-q --to {held} {own}"))
        .exited(1)
        .says(&["not visible"]);
}

fn a_chain_of_thirty_two_levels_is_translated(session: &Session) {
    // Down until the kernel refuses another level.
    std::fs::write(
        session.path("down"),
        "unshare --pid --fork --kill-child sh down 2>/dev/null || exec sleep 100\n",
    )
    .unwrap();
    let unshare = session
        .original_unshare("--pid --fork --kill-child sh down")
        .start();
    let sleep = unshare.program("sleep");
    let ids = chain(&sleep);
    let depth = procfs::status("self", "NSpid").split_whitespace().count();
    // The kernel's limit is 32 levels below the initial namespace; the tests may run in a nested
    // one.
    if depth == 1 && procfs::ns("self", "pid") == "pid:[4026531836]" {
        assert_eq!(ids.len(), 33);
    }
    assert_eq!(
        session.nsx(&format!("pidmap -q {}", sleep.id())).output(),
        super::words(&ids)
    );
    let there = both_ways(
        session,
        &format!("-q --from {} {}", sleep.id(), ids.last().unwrap()),
    )
    .exited(0);
    assert_eq!(there.text(), sleep.id().to_string());
    let table = session.nsx(&format!("pidmap {}", sleep.id())).output();
    assert_eq!(table.lines().count(), ids.len() + 1);
}

fn a_namespace_beside_the_callers_is_not_visible(session: &Session) {
    let beside = session
        .original_unshare("--pid --fork --kill-child sleep 100")
        .start();
    let sleep = beside.program("sleep");
    // With the procfs of the namespace above, which shows both.
    for filter in [None, Some(Filter::PidTranslation)] {
        let words = format!(
            "--pid --fork --kill-child nsx pidmap -q --from /proc/{}/ns/pid 1",
            sleep.id()
        );
        let command = session.original_unshare(&words);
        let outcome = filter
            .map_or(command.clone(), |filter| command.under(filter))
            .run()
            .exited(1);
        assert_eq!(
            outcome
                .says(&["no such process", "not below this one"])
                .text(),
            ""
        );
        // The namespace above has a PID for the caller's first process, and nsx can find that.
        let script = format!(
            "read id rest </proc/self/stat; exec nsx pidmap -q --from /proc/{}/ns/pid $id",
            beside.id()
        );
        let command = session
            .original_unshare("--pid --fork --kill-child sh -c")
            .arg(&script);
        assert_eq!(
            filter
                .map_or(command.clone(), |filter| command.under(filter))
                .output(),
            "1"
        );
    }
}

fn a_process_hidden_by_hidepid_is_found(session: &Session) {
    let script = "mount -t proc -o hidepid=2 proc /proc && \
        exec setpriv --reuid=4242 --regid=4242 --clear-groups nsx pidmap 1";
    let outcome = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .run()
        .exited(1);
    assert_eq!(outcome.says(&["hidepid"]).text(), "");
}

fn a_zombie_still_has_its_ids(session: &Session) {
    let unshare = session
        .original_unshare("--pid --fork --kill-child sh -c")
        .arg("true & exec sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let zombie = || {
        procfs::descendants(sleep.id())
            .into_iter()
            .filter_map(Pinned::new)
            .find(|it| it.state() == 'Z')
    };
    until("there is a zombie", || zombie().is_some());
    let zombie = zombie().unwrap();
    let inside = *chain(&zombie).last().unwrap();
    let outcome = both_ways(session, &format!("-q --from {} {inside}", sleep.id())).exited(0);
    assert_eq!(outcome.text(), zombie.id().to_string());
    assert_eq!(
        session.nsx(&format!("pidmap -q {}", zombie.id())).output(),
        super::words(&chain(&zombie))
    );
}
