//! `nsx can`: compared with what happens if the process tries.

use crate::support::{Need, Process, Session, Test, both, ordinary, root, schema};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(the_answer_is_what_an_attempt_shows).needs([
            Need::Namespaces,
            Need::Tool("setpriv"),
            Need::Tool("strace"),
        ]),
        both(a_user_namespace_is_entered_by_its_creator).needs([Need::Namespaces]),
        root(the_missing_capability_and_its_user_namespace_are_named).needs([Need::Namespaces]),
        both(the_document_fits_the_schema),
        ordinary(a_process_that_the_caller_may_not_look_at_is_not_entered),
        both(words_that_are_not_actions_or_processes_are_refused),
    ]
}

/// Prefixes that change the credentials of a program, so that they differ in one check each.
const CREDENTIALS: [&str; 7] = [
    "",
    "setpriv --bounding-set=-sys_ptrace",
    "setpriv --bounding-set=-kill,-sys_admin",
    "setpriv --reuid=4242 --regid=4242 --clear-groups",
    "setpriv --reuid=4242 --regid=4243 --clear-groups",
    "setpriv --reuid=4243 --regid=4243 --clear-groups",
    "setpriv --reuid=4242 --regid=4242 --clear-groups unshare --user --map-root-user",
];

/// Targets, each with another namespace.
const TARGETS: [&str; 6] = [
    "",
    "unshare --uts",
    "setpriv --reuid=4242 --regid=4242 --clear-groups",
    "setpriv --reuid=4242 --regid=4242 --clear-groups unshare --user --map-root-user --uts",
    "unshare --uts setpriv --reuid=4242 --regid=4242 --clear-groups",
    "setpriv --reuid=4243 --regid=4243 --clear-groups unshare --user --map-root-user",
];

fn sleep(session: &Session, prefix: &str) -> (Process, u32) {
    let process = session
        .command(format!("{prefix} sleep 100").trim_start())
        .start();
    let id = process.program("sleep").id();
    (process, id)
}

fn ask(session: &Session, who: &str, action: &str, target: u32) -> Value {
    let output = session
        .nsx(&format!("can {who} {action} {target} --json"))
        .run();
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    schema::assert_fit(std::slice::from_ref(&document), "can.json");
    document
}

/// The command that tries an action; it succeeds if the kernel allows it.
fn attempt(action: &str, prefix: &str, target: u32) -> String {
    match action {
        "signal" => format!("kill -0 {target}"),
        "environ" => format!("cat /proc/{target}/environ"),
        "files" => format!("ls /proc/{target}/root/usr"),
        // The tracer of a process that sleeps waits until it is stopped itself.
        "trace" => format!("timeout 0.4 strace -qq -o /dev/null -p {target}; [ $? = 124 ]"),
        "enter" => {
            let differs = |option: &&str| prefix.contains(option);
            let kinds: Vec<_> = ["--user", "--uts"].into_iter().filter(differs).collect();
            format!(
                "nsenter --target {target} --preserve-credentials {} true",
                kinds.join(" ")
            )
        }
        _ => panic!("{action}"),
    }
}

fn the_answer_is_what_an_attempt_shows(session: &Session) {
    let mut wrong = Vec::new();
    for target in TARGETS {
        let (_target, id) = sleep(session, target);
        for credentials in CREDENTIALS {
            let (_who, who) = sleep(session, credentials);
            for action in ["signal", "environ", "files", "trace", "enter"] {
                // Without other namespaces there is nothing to join.
                if action == "enter" && !target.contains("unshare") {
                    continue;
                }
                let document = ask(session, &who.to_string(), action, id);
                let words = format!("{credentials} sh -c");
                let outcome = session
                    .command(words.trim_start())
                    .arg(attempt(action, target, id))
                    .run();
                let happens = outcome.status() == "exit status: 0";
                // Whether a process of root hides is not to be seen.
                let is_unknown = document["allowed"].is_null() && TARGETS[..2].contains(&target);
                if document["allowed"] != Value::Bool(happens) && !is_unknown {
                    wrong.push(format!(
                        "{credentials:?} {action} {target:?}: {document:#}\n{outcome}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn a_user_namespace_is_entered_by_its_creator(session: &Session) {
    let (_process, id) = sleep(session, "unshare --user --map-root-user --uts");
    let document = ask(session, "self", "enter", id);
    assert_eq!(document["allowed"], true, "{document:#}");
    session.nsx(&format!("enter {id} true")).run().exited(0);
    let outcome = session.nsx(&format!("can self enter {id}")).run().exited(0);
    assert!(
        outcome.text().contains("may enter the namespaces of"),
        "{outcome}"
    );
}

fn the_missing_capability_and_its_user_namespace_are_named(session: &Session) {
    let (_target, target) = sleep(session, "unshare --uts");
    let (_who, who) = sleep(session, "setpriv --bounding-set=-sys_admin");
    let document = ask(session, &who.to_string(), "enter", target);
    assert_eq!(document["allowed"], false, "{document:#}");
    // Root without CAP_SYS_ADMIN may look at a process of root only if it lacks that, too.
    let checks = document["checks"].as_array().unwrap();
    let last = checks.last().unwrap();
    assert_eq!(last["missing"], serde_json::json!(["CAP_SYS_ADMIN"]));
    let own = crate::support::procfs::ns(who, "user");
    assert!(own.contains(&last["user_ns"].to_string()), "{own}: {last}");
}

fn the_document_fits_the_schema(session: &Session) {
    let (_process, id) = sleep(session, "");
    for action in ["signal", "environ", "files", "trace", "enter"] {
        let document = ask(session, "self", action, id);
        assert_eq!(document["action"], action);
        assert_eq!(document["target"], id);
    }
}

fn words_that_are_not_actions_or_processes_are_refused(session: &Session) {
    session
        .nsx("can self fly 1")
        .run()
        .exited(2)
        .says(&["fly", "enter, signal, trace, environ, files"]);
    session
        .nsx("can self signal 4194303")
        .run()
        .exited(2)
        .says(&["no such process"]);
    session.nsx("can self signal").run().exited(2);
}

fn a_process_that_the_caller_may_not_look_at_is_not_entered(session: &Session) {
    let outcome = session.nsx("can self enter 1").run().exited(1);
    assert!(outcome.text().contains("may not enter"), "{outcome}");
    assert!(outcome.text().contains("CAP_SYS_PTRACE"), "{outcome}");
}
