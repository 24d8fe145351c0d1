//! The tests for a guest of `cargo xtask guest`: AppArmor, Yama, and a kernel whose settings a test
//! may change.

use crate::support::{Need, Session, Test, root};
use std::fs;

/// The tests, if this is a guest.
pub(crate) fn tests() -> Vec<Test> {
    let tests = vec![
        root(a_program_has_the_apparmor_profile_of_its_target).needs([Need::Tool("aa-exec")]),
        root(a_user_enters_a_process_that_yama_forbids_to_trace),
    ];
    let is_guest = std::env::var_os("NSX_TEST_GUEST").is_some();
    tests.into_iter().filter(|_| is_guest).collect()
}

/// A profile that denies one file, so that it is seen to hold.
const PROFILE: &str = "profile nsx-test flags=(attach_disconnected) {\n\
    file, capability, network, mount, umount, pivot_root, ptrace, signal, unix, deny /etc/group \
r,\n}\n";

fn a_program_has_the_apparmor_profile_of_its_target(session: &Session) {
    fs::write(session.path("profile"), PROFILE).unwrap();
    session
        .command("apparmor_parser -r --skip-cache profile")
        .run()
        .exited(0);
    let target = session
        .command("aa-exec -p nsx-test -- unshare --mount --uts sleep 100")
        .start();
    let sleep = target.program("sleep");
    let label = fs::read_to_string(format!("/proc/{}/attr/current", sleep.id())).unwrap();
    assert_eq!(label, "nsx-test (enforce)\n");
    let enter = |options: &str, program: &str| {
        session
            .nsx(&format!("enter {} {options} {program}", sleep.id()))
            .run()
    };
    assert_eq!(
        enter("-v", "cat /proc/self/attr/current").exited(0).text(),
        label.trim_end()
    );
    enter("-v", "cat /etc/group")
        .exited(1)
        .says(&["Permission denied"]);
    assert_eq!(
        enter("--no-label", "cat /proc/self/attr/current")
            .exited(0)
            .text(),
        "unconfined"
    );
    enter("--no-label", "cat /etc/group").exited(0);
    // With kinds named the program has what the caller gave.
    assert_eq!(
        enter("--uts", "cat /proc/self/attr/current")
            .exited(0)
            .text(),
        "unconfined"
    );
    drop(target);
    session
        .command("apparmor_parser -R profile")
        .run()
        .exited(0);
}

fn a_user_enters_a_process_that_yama_forbids_to_trace(session: &Session) {
    const SCOPE: &str = "/proc/sys/kernel/yama/ptrace_scope";
    let before = fs::read_to_string(SCOPE).unwrap();
    let user = "setpriv --reuid=4242 --regid=4242 --clear-groups";
    let target = session
        .command(&format!("{user} unshare -r --uts sleep 100"))
        .start();
    let sleep = target.program("sleep");
    // Only a process with CAP_SYS_PTRACE may attach (the kernel's Yama.rst). Opening namespaces
    // does not count as attaching.
    fs::write(SCOPE, "2").unwrap();
    let uts = fs::read_link(format!("/proc/{}/ns/uts", sleep.id())).unwrap();
    for program in ["nsx enter", "nsenter -U -u --preserve-credentials -t"] {
        let outcome = session
            .command(&format!(
                "{user} {program} {} readlink /proc/self/ns/uts",
                sleep.id()
            ))
            .run();
        assert_eq!(outcome.exited(0).text(), uts.to_str().unwrap(), "{program}");
    }
    fs::write(SCOPE, before).unwrap();
}
