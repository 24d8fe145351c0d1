//! How far `nsx ls` reaches: through another procfs, past what hides, and no further than somebody reads.

use crate::support::{Need, Session, Test, both, ordinary, procfs, root};
use serde_json::Value;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(another_procfs_has_ids_of_its_own),
        both(a_directory_that_is_no_procfs_is_refused),
        root(what_hidepid_hides_is_said).needs([Need::Tool("mount"), Need::Tool("setpriv")]),
        both(a_namespace_that_only_descriptors_keep_is_found_by_its_name),
        both(kinds_do_not_go_with_a_namespace),
        ordinary(the_host_name_here_needs_no_right),
        both(who_watches_for_nobody_ends),
        ordinary(why_a_process_may_not_be_looked_at_is_said).needs([Need::Root, Need::Tool("perl")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn json(session: &Session, words: &str) -> Value {
    serde_json::from_slice(&session.nsx(words).run().exited(0).stdout).unwrap()
}

fn another_procfs_has_ids_of_its_own(session: &Session) {
    let unshare =
        session.original_unshare("--pid --fork --kill-child --mount-proc sh -c").arg("sleep 100 & wait").start();
    let sleep = unshare.program("sleep");
    let other = format!("/proc/{}/root/proc", sleep.id());
    // The shell is 1 there, and the sleep 2.
    assert_eq!(procfs::status(sleep.id(), "NSpid").split_whitespace().last(), Some("2"));
    let document = json(session, &format!("ls --proc {other} 2 -q --json"));
    for row in document["namespaces"].as_array().unwrap() {
        let kind = row["type"].as_str().unwrap();
        let full = format!("{kind}:[{}]", row["ns"]);
        if row["for_children"] == false {
            assert_eq!(full, procfs::ns(sleep.id(), kind));
        }
        assert_eq!(row["shared"], procfs::ns("self", kind) == full, "{full}");
    }
    for words in ["-p 2", "--pids -p 2 --all"] {
        let document = json(session, &format!("ls --proc {other} {words} -q --json"));
        assert!(document.to_string().contains("sleep 100"), "{words}: {document}");
    }
    session.nsx(&format!("ls --proc {other} 77")).run().exited(1).says(&["process 77", "no such process"]);
}

fn a_directory_that_is_no_procfs_is_refused(session: &Session) {
    session.nsx("ls --proc .").run().exited(2).says(&[". is no procfs"]);
    let script = "mount -t tmpfs none /proc; nsx ls";
    session.original_unshare("--mount sh -c").arg(script).run().exited(2).says(&["/proc", "procfs"]);
}

fn what_hidepid_hides_is_said(session: &Session) {
    let drop = "setpriv --reuid=4242 --regid=4242 --clear-groups nsx";
    let script = |words: &str| format!("mount -t proc -o hidepid=2 proc /proc; {drop} {words}");
    let said = |words: &str| {
        let outcome = session.command("unshare --pid --fork --mount --kill-child sh -c").arg(script(words)).run();
        String::from_utf8(outcome.stderr).unwrap()
    };
    for words in ["ls", "ls --all", "ls --pids --all"] {
        assert!(said(words).contains("hidepid"), "{words}");
        assert_eq!(said(&format!("{words} -q")), "", "{words}");
    }
    // PID 1 is there, as no other user can tell from /proc.
    for words in ["ls 1", "ls -p 1", "idmap 1", "enter 1", "pidmap 1"] {
        let said = said(words);
        assert!(said.contains("it is there, but /proc does not show it (hidepid)"), "{words}: {said}");
    }
}

fn a_namespace_that_only_descriptors_keep_is_found_by_its_name(session: &Session) {
    let holder =
        session.original_unshare("--uts sh -c").arg("exec 9</proc/self/ns/uts; echo; exec unshare --uts sleep 100");
    let holder = holder.start();
    holder.line();
    let sleep = holder.program("sleep");
    let link = std::fs::read_link(format!("/proc/{}/fd/9", sleep.id())).unwrap();
    let inode = link.to_str().unwrap().split(['[', ']']).nth(1).unwrap().to_owned();
    for word in [inode.clone(), format!("uts:[{inode}]"), format!("/proc/{}/fd/9", sleep.id())] {
        let document = json(session, &format!("ls {word} -q --json"));
        assert_eq!(document["ns"].to_string(), inode);
        let holders = document["holders"].as_array().unwrap();
        assert!(holders.iter().any(|holder| holder["process"]["pid"] == sleep.id() && holder["fd"] == 9), "{document}");
    }
}

fn kinds_do_not_go_with_a_namespace(session: &Session) {
    let own = procfs::ns("self", "user");
    session.nsx(&format!("ls {own} -t net")).run().exited(2).says(&["-t", "is a namespace"]);
}

fn the_host_name_here_needs_no_right(session: &Session) {
    let name = session.command("uname -n").output();
    let document = json(session, "ls -q --all -t uts -o ns,hostname --json");
    let own = procfs::ns("self", "uts");
    let row =
        document["namespaces"].as_array().unwrap().iter().find(|row| own.contains(&row["ns"].to_string())).unwrap();
    assert_eq!(row["hostname"], name.trim_end());
}

fn who_watches_for_nobody_ends(session: &Session) {
    // Where SIGPIPE is ignored, as services have it, only a write tells, and there may be nothing to write.
    let script = "trap '' PIPE; nsx ls --watch=0.05 --json-lines -q | true";
    session.shell(script).start().wait_for(Duration::from_secs(20)).exited(0);
}

fn why_a_process_may_not_be_looked_at_is_said(session: &Session) {
    // Of root's, which this test's own process is.
    let own = std::process::id();
    for words in ["ls", "enter", "idmap"] {
        let outcome = session.nsx(&format!("{words} {own}")).run();
        outcome.says(&["permission denied", "user root's", "sudo"]);
    }
    // It hides once it says so.
    let script = "syscall(shift, 4, 0) == 0 or die; $| = 1; print qq(hidden\\n); sleep 100";
    let hidden = session.command("perl -e").arg(script).arg(libc::SYS_prctl.to_string()).start();
    hidden.line();
    session.nsx(&format!("enter {}", hidden.id())).run().exited(125).says(&["PR_SET_DUMPABLE", "sudo"]);
}
