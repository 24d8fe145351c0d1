//! `nsx doctor` without a target.

use super::{assert_finding, document, finding, fits_the_schema};
use crate::support::{Need, Session, Test, both, filter::Filter, ordinary};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(kinds_that_unshare_creates_are_found).needs([Need::Namespaces]),
        both(a_limit_of_zero_is_bad).needs([Need::Namespaces]),
        both(no_new_privs_is_bad),
        ordinary(no_new_privs_disables_the_helpers),
        both(a_filter_is_bad_and_hides_features),
        both(the_exit_status_says_whether_all_is_well),
    ]
}

fn kinds_that_unshare_creates_are_found(session: &Session) {
    let document = document(session, "", "");
    let (_, created) = finding(&document, "namespaces", "created").unwrap();
    let created: Vec<_> = created.split([' ', ',']).collect();
    for link in fs::read_dir("/proc/self/ns").unwrap() {
        let kind = link.unwrap().file_name().into_string().unwrap();
        if kind.ends_with("_for_children") {
            continue;
        }
        let option = if kind == "mnt" { "mount" } else { &kind };
        let outcome = session.original_unshare(&format!("--{option} true")).run();
        let is_created = outcome.status() == "exit status: 0";
        assert_eq!(created.contains(&kind.as_str()), is_created, "{kind}");
    }
}

fn a_limit_of_zero_is_bad(session: &Session) {
    let before = "unshare --user --map-root-user sh -c 'echo 0 > \
        /proc/sys/user/max_net_namespaces && exec \"$@\"' -";
    let document = document(session, before, "");
    let sysctl = "user.max_net_namespaces is 0";
    assert_finding(&document, "limits", "net", "bad", sysctl);
    assert_finding(&document, "namespaces", "net", "bad", sysctl);
    assert_eq!(document["verdict"], "bad");
    let (_, created) = finding(&document, "namespaces", "created").unwrap();
    assert!(!created.contains("net"), "{created}");
}

fn no_new_privs_is_bad(session: &Session) {
    let document = document(session, "setpriv --no-new-privs", "");
    assert_finding(&document, "security", "no_new_privs", "bad", "is set");
    let plain = super::document(session, "", "");
    assert_finding(&plain, "security", "no_new_privs", "ok", "is not set");
}

fn no_new_privs_disables_the_helpers(session: &Session) {
    let document = document(session, "setpriv --no-new-privs", "");
    assert_finding(
        &document,
        "ids",
        "newuidmap",
        "bad",
        "newuidmap does not work",
    );
    assert_finding(
        &document,
        "ids",
        "newgidmap",
        "bad",
        "newgidmap does not work",
    );
    // The user of the tests has no account.
    assert_finding(
        &document,
        "ids",
        "user_range",
        "bad",
        "/etc/subuid has no range",
    );
}

fn a_filter_is_bad_and_hides_features(session: &Session) {
    let output = session
        .nsx("doctor --json")
        .under(Filter::PidTranslation)
        .run();
    let document = serde_json::from_slice(&output.stdout).unwrap();
    fits_the_schema(&document);
    assert_finding(
        &document,
        "security",
        "seccomp",
        "bad",
        "a filter of system calls",
    );
    let lacks = "it lacks translation of process ids (6.11)";
    assert_finding(
        &document,
        "kernel",
        "translation of process ids",
        "info",
        lacks,
    );
}

fn the_exit_status_says_whether_all_is_well(session: &Session) {
    let document = document(session, "", "");
    let is_well = ["ok", "info"].contains(&document["verdict"].as_str().unwrap());
    session.nsx("doctor").run().exited(i32::from(!is_well));
    let outcome = session
        .shell("setpriv --no-new-privs nsx doctor")
        .run()
        .exited(1);
    for words in ["security: bad", "  bad  no_new_privs is set", "\nbad: "] {
        assert!(outcome.text().contains(words), "{words}");
    }
    session.nsx("doctor --bogus").run().exited(2);
}
