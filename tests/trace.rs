//! `nsx trace`: refusals of programs that explain nothing.

use crate::support::{Need, Session, Test, both, ordinary, root, until};
use rustix::process::Signal;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_program_runs_as_without_it),
        both(a_program_that_cannot_be_run_is_reported),
        ordinary(a_missing_capability_is_named_with_its_user_namespace),
        both(a_refusal_in_a_user_namespace_is_the_hosts).needs([Need::Namespaces]),
        both(a_used_up_limit_is_named).needs([Need::Namespaces]),
        both(denied_groups_are_named).needs([Need::Namespaces]),
        root(descendants_and_threads_are_watched),
        both(a_program_that_is_stopped_goes_on),
    ]
}

fn a_program_runs_as_without_it(session: &Session) {
    let outcome = session
        .nsx("trace -- sh -c")
        .arg("echo out; cat; exit 7")
        .input(b"in\n")
        .run()
        .exited(7);
    assert_eq!(outcome.text(), "out\nin");
    assert!(!outcome.to_string().contains("nsx: trace"), "{outcome}");
    session
        .nsx("trace sh -c")
        .arg("kill -USR1 $$")
        .run()
        .killed_by(Signal::USR1);
}

fn a_program_that_cannot_be_run_is_reported(session: &Session) {
    session
        .nsx("trace -- ./nosuch")
        .run()
        .exited(127)
        .says(&["failed to run ./nosuch", "No such file"]);
    session.nsx("trace -- /").run().exited(126);
    session.nsx("trace").run().exited(125);
}

fn a_missing_capability_is_named_with_its_user_namespace(session: &Session) {
    let user = std::fs::read_link("/proc/self/ns/user").unwrap();
    let user = user.to_str().unwrap();
    for (words, call, capability) in [
        ("unshare --uts true", "unshare(2)", "CAP_SYS_ADMIN"),
        (
            "mount -t tmpfs none /mnt",
            "(2) was refused",
            "CAP_SYS_ADMIN",
        ),
        ("chroot / true", "chroot(2)", "CAP_SYS_CHROOT"),
        ("mknod x b 1 1", "mknod", "CAP_MKNOD"),
    ] {
        let outcome = session.nsx(&format!("trace -- {words}")).run();
        // mount(8) may find out by itself that it is not root.
        let is_own = words.starts_with("mount") && !outcome.to_string().contains("nsx: trace");
        if !is_own {
            outcome.says(&[call, capability, user, "hint: "]);
        }
    }
}

fn a_refusal_in_a_user_namespace_is_the_hosts(session: &Session) {
    session
        .command("unshare --user --map-root-user nsx trace -- mknod x b 1 1")
        .run()
        .exited(1)
        .says(&["mknod", "was refused"]);
    session
        .command("unshare --user --map-root-user nsx trace -- hostname x")
        .run()
        .exited(1)
        .says(&["sethostname(2) was refused", "CAP_SYS_ADMIN"]);
}

fn a_used_up_limit_is_named(session: &Session) {
    session
        .command("unshare --user --map-root-user sh -c")
        .arg("echo 0 > /proc/sys/user/max_uts_namespaces; exec nsx trace unshare --uts true")
        .run()
        .exited(1)
        .says(&[
            "unshare(2) was refused",
            "user.max_uts_namespaces",
            "nsx doctor",
        ]);
}

fn denied_groups_are_named(session: &Session) {
    session
        .command("unshare --user --map-root-user nsx trace -- setpriv --clear-groups true")
        .run()
        .says(&["setgroups(2) was refused", "setgroups is denied"]);
}

fn descendants_and_threads_are_watched(session: &Session) {
    let outcome = session
        .nsx("trace -- sh -c")
        .arg("(setpriv --bounding-set=-sys_admin unshare --uts true); true")
        .run()
        .exited(0);
    outcome.says(&[
        "unshare (process ",
        "unshare(2) was refused",
        "CAP_SYS_ADMIN",
    ]);
}

fn a_program_that_is_stopped_goes_on(session: &Session) {
    let process = session
        .nsx("trace -- sh -c")
        .arg("sleep 100 & echo $!; kill -STOP $$; kill $!; exit 3")
        .start();
    let line = process.line();
    assert!(line.trim().parse::<u32>().is_ok(), "{line}");
    let shell = process.program("sh").id();
    let state = || std::fs::read_to_string(format!("/proc/{shell}/stat")).unwrap_or_default();
    until("the program to stop", || {
        state().contains(") t ") || state().contains(") T ")
    });
    session
        .command(&format!("kill -CONT {shell}"))
        .run()
        .exited(0);
    process.wait().exited(3);
}
