//! `nsx unshare --status-fd`: reports for programs that start programs.

use crate::support::{Need, Session, Test, both};
use serde_json::{Value, json};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(each_stage_is_reported_as_it_happens),
        both(a_signal_is_reported),
        both(a_failure_is_reported_with_step_and_errno),
        both(the_program_does_not_get_the_descriptor),
        both(a_reader_that_does_not_read_disturbs_nothing),
        both(a_descriptor_that_is_closed_is_refused),
        both(a_lost_line_is_noted_once),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Returns the lines that nsx writes to descriptor 5 when it runs with these words, and the shell's
/// other output.
fn stages(session: &Session, words: &str) -> Vec<Value> {
    let map = session.map_root();
    session
        .shell(&format!("nsx unshare {map}{words} 5>lines"))
        .run();
    let text = std::fs::read_to_string(session.path("lines")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn each_stage_is_reported_as_it_happens(session: &Session) {
    for (options, pid_inside) in [
        ("--pid", Some(1)),
        ("--init", Some(1)),
        ("--uts --no-kill-child", None),
    ] {
        // The program writes its own PID; its parent outside knows the PID there.
        let script =
            "for ns in /proc/self/ns/*; do echo ${ns##*/} $(stat -L -c %i $ns); done >ids; exit 7";
        let stages = stages(
            session,
            &format!("{options} --status-fd 5 sh -c '{script}'"),
        );
        let [created, running, exited] = &stages[..] else {
            panic!("{options}: {stages:?}")
        };
        assert_eq!(created["event"], "created");
        let (outside, inside) = (
            created["pid"].as_i64().unwrap(),
            created["pid_inside"].as_i64().unwrap(),
        );
        assert_eq!(inside, pid_inside.unwrap_or(outside), "{options}");
        let ids = std::fs::read_to_string(session.path("ids")).unwrap();
        for (kind, inode) in ids
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(kind, _)| !kind.contains('_'))
        {
            assert_eq!(
                created["namespaces"][kind].to_string(),
                inode,
                "{options}: {kind}"
            );
        }
        assert_eq!(
            created["namespaces"].as_object().unwrap().len(),
            ids.lines().count() - 2
        );
        assert_eq!(*running, json!({ "event": "running" }));
        assert_eq!(
            *exited,
            json!({ "event": "exited", "status": 7, "signal": null })
        );
    }
}

fn a_signal_is_reported(session: &Session) {
    for options in ["--uts", "--init"] {
        let stages = stages(
            session,
            &format!("{options} --status-fd 5 sh -c 'kill -TERM $$'"),
        );
        assert_eq!(
            stages.last(),
            Some(&json!({ "event": "exited", "status": null, "signal": 15 })),
            "{options}"
        );
    }
}

fn a_failure_is_reported_with_step_and_errno(session: &Session) {
    let stages_of_program = stages(session, "--uts --status-fd 5 nosuch-program");
    let failed = stages_of_program.last().unwrap();
    assert_eq!(
        (&failed["event"], &failed["errno"]),
        (&json!("failed"), &json!("ENOENT"))
    );
    assert!(
        failed["step"].as_str().unwrap().starts_with("execvp(") && failed["message"].is_string()
    );
    assert!(
        !stages_of_program
            .iter()
            .any(|stage| stage["event"] == "running")
    );

    let stages_of_step = stages(session, "--uts --status-fd 5 -w /nonexistent true");
    assert_eq!(
        stages_of_step.last().unwrap()["step"],
        "chdir(/nonexistent)"
    );

    let stages_of_request = stages(
        session,
        "--uts --hostname $(printf %065d 0) --status-fd 5 true",
    );
    let [failed] = &stages_of_request[..] else {
        panic!("{stages_of_request:?}")
    };
    assert!(failed["step"].is_null() && failed["message"].as_str().unwrap().contains("65 bytes"));
}

fn the_program_does_not_get_the_descriptor(session: &Session) {
    stages(session, "--uts --status-fd 5 sh -c 'ls /proc/self/fd >fds'");
    let fds = std::fs::read_to_string(session.path("fds")).unwrap();
    assert!(!fds.lines().any(|fd| fd == "5"), "{fds}");
    // A standard descriptor stays the program's.
    let output = session.unshare("--uts --status-fd 1 echo hello").output();
    assert!(
        output.lines().any(|line| line == "hello") && output.lines().count() == 4,
        "{output}"
    );
}

fn a_reader_that_does_not_read_disturbs_nothing(session: &Session) {
    let map = session.map_root();
    let script = format!(
        "nsx unshare {map}--uts --status-fd 5 sh -c 'sleep 0.1; echo ran; exit 3' 5>&1 >out | :; \
        cat out"
    );
    assert_eq!(session.shell(&script).output(), "ran");
}

fn a_descriptor_that_is_closed_is_refused(session: &Session) {
    for number in ["9", "-1"] {
        session
            .unshare(&format!("--uts --status-fd={number} touch ran"))
            .run()
            .exited(125);
    }
    let map = session.map_root();
    // A descriptor that is open for reading only.
    let script = format!("exec nsx unshare {map}--uts --status-fd 5 touch ran 5</dev/null");
    session
        .shell(&script)
        .run()
        .exited(125)
        .says(&["descriptor 5"]);
    assert!(!session.path("ran").exists());
}

fn a_lost_line_is_noted_once(session: &Session) {
    let map = session.map_root();
    let script = format!("exec nsx unshare {map}--uts --status-fd 5 sh -c 'exit 3' 5>/dev/full");
    let outcome = session
        .shell(&script)
        .run()
        .exited(3)
        .says(&["--status-fd: No space left on device"]);
    assert_eq!(
        outcome.stderr.iter().filter(|byte| **byte == b'\n').count(),
        1,
        "{outcome}"
    );
}
