//! `--explain`: plans that are printed and not run.

use crate::support::{Need, Session, Test, both};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_plan_is_shown_and_not_run).needs([Need::Tool("strace")]),
        both(a_plan_to_enter_is_shown_and_not_run).needs([Need::Tool("strace"), Need::Namespaces]),
        both(a_plan_shows_the_call_that_is_made).needs([Need::Tool("strace"), Need::Namespaces]),
    ]
}

/// The calls of a plan.
const CALLS: &str = "unshare,setns,mount,fsopen,open_tree,pivot_root,chroot,sethostname,setgroups,setuid,setgid,fork,vfork,clone,clone3";

fn a_plan_is_shown_and_not_run(session: &Session) {
    let words = "unshare -r --pid --net --hostname box --wd /usr --explain touch ran";
    let strace = format!("strace -f -o calls -e trace={CALLS} nsx {words}");
    let plan = session.command(&strace).output();
    let calls = fs::read_to_string(session.path("calls")).unwrap();
    assert!(!calls.contains('('), "{calls}");
    assert!(!session.path("ran").exists(), "the program ran");
    let expected = [
        "unshare(",
        "uid_map",
        "gid_map",
        "fork",
        "proc",
        "lo",
        "sethostname(box)",
        "chdir(/usr)",
        "touch ran",
    ];
    for step in expected {
        assert!(plan.contains(step), "{step} is not in {plan}");
    }
    // Each step names its process.
    for actor in ["nsx", "inside"] {
        assert!(
            plan.lines().any(|line| line
                .split_whitespace()
                .any(|word| word.trim_matches(':') == actor)),
            "{plan}"
        );
    }
    assert!(
        plan.lines().count() > expected.len(),
        "one line per step: {plan}"
    );
    // A plan that cannot be made is refused as the run would be.
    session.nsx("unshare --explain touch ran").run().exited(125);
    session
        .nsx("unshare --uts --explain --bogus touch ran")
        .run()
        .exited(125);
}

fn a_plan_to_enter_is_shown_and_not_run(session: &Session) {
    let unshare = session.original_unshare("--net --uts sleep 100").start();
    let id = unshare.program("sleep").id();
    let strace = format!("strace -f -o calls -e trace={CALLS} nsx enter {id} --explain touch ran");
    let plan = session.command(&strace).output();
    let calls = fs::read_to_string(session.path("calls")).unwrap();
    assert!(!calls.contains('('), "{calls}");
    assert!(!session.path("ran").exists(), "the program ran");
    for word in [
        "setns(",
        "CLONE_NEWNET",
        "CLONE_NEWUTS",
        "touch ran",
        &id.to_string(),
    ] {
        assert!(plan.contains(word), "{word} is not in {plan}");
    }
    assert!(!plan.contains("CLONE_NEWIPC"), "{plan}");
}

fn a_plan_shows_the_call_that_is_made(session: &Session) {
    // The flags of the first call `unshare(…)` in a text.
    let flags = |text: &str| {
        let (_, rest) = text
            .split_once("unshare(")
            .unwrap_or_else(|| panic!("no unshare in {text}"));
        let mut flags: Vec<_> = rest
            .split(')')
            .next()
            .unwrap()
            .split('|')
            .map(str::to_owned)
            .collect();
        flags.sort();
        flags
    };
    for options in [
        "-r --uts",
        "-r --pid --net",
        "-a",
        "-U -m",
        "-r --hostname box --no-mount-proc -p",
    ] {
        let shown = session
            .nsx(&format!("unshare {options} --explain true"))
            .output();
        let strace = format!("strace -f -o calls -e trace=unshare nsx unshare {options} true");
        session.command(&strace).run().exited(0);
        // The check that nsx has one thread, which changes nothing.
        let calls = fs::read_to_string(session.path("calls")).unwrap();
        let calls = calls.replace("unshare(CLONE_THREAD)", "");
        assert_eq!(flags(&shown), flags(&calls), "{options}");
    }
}
