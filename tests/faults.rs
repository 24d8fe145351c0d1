//! System calls that always fail, by strace; `cargo xtask torture errors` lets each call fail once.

use crate::support::{Command, Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_failing_socket_between_the_processes_is_reported).needs([Need::Namespaces]),
        both(no_random_bytes_are_needed),
        both(a_list_that_is_not_whole_is_a_failure),
        root(an_unreadable_executable_link_starts_nsx_over_only_once).needs([Need::Namespaces]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Tool("strace")]))
    .collect()
}

/// nsx with every call of `call` failing.
fn failing(session: &Session, call: &str, words: &str) -> Command {
    session.command(&format!(
        "strace -f -qq -o /dev/null -e inject={call} nsx {words}"
    ))
}

fn a_failing_socket_between_the_processes_is_reported(session: &Session) {
    for ways in ["--uts --fork", "--pid --init", "--pid --kill-child"] {
        for call in [
            "recvfrom:error=EIO",
            "sendto:error=EIO",
            "socketpair:error=EMFILE",
        ] {
            let words = format!("unshare {}{ways} touch ran", session.map_root());
            let outcome = failing(session, call, &words).run().exited(125);
            assert!(
                String::from_utf8_lossy(&outcome.stderr).starts_with("nsx: failed to "),
                "{call}: {outcome}"
            );
            assert!(!session.path("ran").exists(), "{call}: {outcome}");
        }
    }
}

fn no_random_bytes_are_needed(session: &Session) {
    for words in [
        "ls --save saved",
        "ls --all",
        "compat lsns",
        &format!("pidmap -q {}", std::process::id()),
    ] {
        failing(session, "getrandom:error=EIO", words)
            .run()
            .exited(0);
    }
    assert!(session.path("saved").exists());
}

fn a_list_that_is_not_whole_is_a_failure(session: &Session) {
    let lists = [
        ("ls --tree --all", 2),
        ("ls --all --json", 2),
        ("ls --pids --all", 2),
        ("compat lsns", 1),
    ];
    for (words, status) in lists {
        let outcome = failing(session, "readlinkat:error=EIO:when=20+", words).run();
        outcome.exited(status).says(&["failed to read all of it"]);
    }
    failing(session, "ioctl:error=EIO", "ls --tree --all")
        .run()
        .exited(2)
        .says(&["failed to read all of it"]);
}

/// A process that has started over and does not notice would start over for ever.
fn an_unreadable_executable_link_starts_nsx_over_only_once(session: &Session) {
    let target = session.original_unshare("--uts --mount sleep 100").start();
    let sleep = target.program("sleep");
    let words = format!("enter {} -- echo entered", sleep.id());
    let only = "strace -f -qq -o /dev/null -P /proc/self/exe -e inject=readlinkat:error=EIO";
    let outcome = session.command(&format!("{only} nsx {words}")).run();
    outcome.exited(125).says(&["nsx: failed to"]);
}
