//! Memory that is exhausted while nsx runs, or before it can start.

use crate::support::{Need, Session, Test, both};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(exhausted_memory_is_reported),
        both(no_limit_ends_nsx_by_a_signal).needs([Need::Namespaces]),
    ]
}

fn exhausted_memory_is_reported(session: &Session) {
    let large = session.path("saved");
    session.shell("head -c 100000000 /dev/zero >saved").output();
    for words in ["ls --from", "ls --diff"] {
        let script = format!("ulimit -v 90000; exec nsx {words} saved");
        let outcome = session
            .shell(&script)
            .run()
            .exited(2)
            .says(&["nsx: failed to allocate memory"]);
        assert_eq!(outcome.text(), "");
    }
    fs::remove_file(large).unwrap();
}

/// The kernel kills a program whose exec does not fit in memory, and the dynamic linker has its own
/// message. From the first limit at which nsx starts, no limit may end nsx by a signal.
fn no_limit_ends_nsx_by_a_signal(session: &Session) {
    let unshare = format!("unshare {}--pid --mount --init true", session.map_root());
    for words in [
        "ls --all --json",
        "pidmap -q 1",
        "compat lsns",
        "enter nobody-has-this-name",
        &unshare,
    ] {
        // ulimit counts kilobytes; the shell reports the signal that ended its child.
        let script = format!(
            "for limit in $(seq 2000 250 24000) $(seq 24000 2000 64000); do \
             (ulimit -v $limit && exec nsx {words}) >out 2>err; status=$?; \
             test -s err && said=said || said=silent; echo $status $said; done"
        );
        let text = session.shell(&script).run().exited(0).text().to_owned();
        let mut outcomes = text
            .lines()
            .skip_while(|outcome| outcome.starts_with("139 "));
        assert!(outcomes.clone().count() > 20, "{words}: {text}");
        let bad = outcomes.find(|outcome| {
            let (status, said) = outcome.split_once(' ').unwrap();
            let status: i32 = status.parse().unwrap();
            status > 128 || (status != 0 && said == "silent")
        });
        assert_eq!(bad, None, "{words}: {text}");
    }
}
