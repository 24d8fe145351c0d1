//! A process that the kernel forbids the caller to look at or to join: the message names the rule
//! of `ptrace(2)` and the capability.

use crate::support::{Command, Need, Process, Session, Test, both, ordinary, procfs::Pinned, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(root_without_cap_sys_ptrace_is_told_about_it),
        ordinary(an_undumpable_process_is_named_as_the_cause),
        ordinary(another_users_process_is_named_as_the_cause),
        root(a_differing_group_and_more_capabilities_are_named_as_the_cause),
        both(an_ancestor_user_namespace_is_told_from_the_callers),
        root(root_without_cap_sys_admin_is_not_told_to_become_root),
        both(a_namespace_owned_by_an_ancestor_user_namespace_is_named),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Each command that looks at a process; `ID` is the process.
const COMMANDS: [&str; 6] = [
    "nsx enter ID --net true",
    "nsx ls ID",
    "nsx idmap ID",
    "nsx mounts ID",
    "nsx net ID",
    "nsx pidmap --to ID 1",
];

/// Runs each command that looks at a process, with `before` in front. The kernel must refuse, and
/// the message must have these words and none of the others.
#[track_caller]
fn refused(session: &Session, before: &str, id: u32, words: &[&str], never: &[&str]) {
    let run = |command: &str| {
        session
            .command(format!("{before} {}", command.replace("ID", &id.to_string())).trim())
            .run()
    };
    run("readlink /proc/ID/ns/net").exited(1);
    for command in COMMANDS {
        let outcome = run(command).exited(if command.contains("enter") { 125 } else { 2 });
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        let outcome = outcome.says(words);
        assert!(!never.iter().any(|word| said.contains(word)), "{outcome}");
    }
}

fn sleep(command: Command) -> (Process, Pinned) {
    let process = command.start();
    let sleep = process.program("sleep");
    (process, sleep)
}

fn root_without_cap_sys_ptrace_is_told_about_it(session: &Session) {
    let never = ["as root", "sudo", "security module"];
    let (_process, of_root) = sleep(session.command("unshare --net sleep 100"));
    let words = [
        "it has CAP_SYS_PTRACE, which you lack",
        "requires CAP_SYS_PTRACE",
        "--cap-add SYS_PTRACE",
    ];
    refused(
        session,
        "setpriv --bounding-set=-sys_ptrace",
        of_root.id(),
        &words,
        &never,
    );
    let user = session
        .command("setpriv --reuid=4242 --regid=4242 --clear-groups unshare -r --net sleep 100");
    let (_process, of_user) = sleep(user);
    let words = [
        "it is user 4242's",
        "requires CAP_SYS_PTRACE in its user namespace",
        "--cap-add SYS_PTRACE",
    ];
    refused(
        session,
        "setpriv --bounding-set=-sys_ptrace",
        of_user.id(),
        &words,
        &never,
    );
}

/// A program that its user may not read is not dumpable, see `execve(2)`.
fn an_undumpable_process_is_named_as_the_cause(session: &Session) {
    session
        .shell("cp \"$(command -v sleep)\" hidden; chmod 111 hidden")
        .run()
        .exited(0);
    let process = session.shell("exec ./hidden 100").start();
    let hidden = process.program("hidden");
    refused(
        session,
        "",
        hidden.id(),
        &[
            "it hides (PR_SET_DUMPABLE",
            "requires CAP_SYS_PTRACE",
            "as root",
        ],
        &["user 0"],
    );
}

fn another_users_process_is_named_as_the_cause(session: &Session) {
    refused(
        session,
        "",
        1,
        &["it is user root's", "requires CAP_SYS_PTRACE", "as root"],
        &["security module"],
    );
}

fn a_differing_group_and_more_capabilities_are_named_as_the_cause(session: &Session) {
    let user = "setpriv --reuid=4242 --regid=4242 --clear-groups";
    let (_process, grouped) =
        sleep(session.command("setpriv --reuid=4242 --regid=4343 --clear-groups sleep 100"));
    refused(
        session,
        user,
        grouped.id(),
        &["it is in group 4343", "requires CAP_SYS_PTRACE", "as root"],
        &["hides"],
    );
    let capable = format!("{user} --inh-caps=+net_raw --ambient-caps=+net_raw sleep 100");
    let (_process, capable) = sleep(session.command(&capable));
    refused(
        session,
        user,
        capable.id(),
        &["it has CAP_NET_RAW, which you lack", "as root"],
        &["hides"],
    );
}

fn an_ancestor_user_namespace_is_told_from_the_callers(session: &Session) {
    let words = [
        "in a user namespace that is neither yours nor below yours",
        "the host's",
    ];
    refused(
        session,
        "unshare --user --map-root-user",
        1,
        &words,
        &["as root", "sudo", "security module"],
    );
}

fn root_without_cap_sys_admin_is_not_told_to_become_root(session: &Session) {
    let (_process, target) = sleep(session.command("unshare --net --mount sleep 100"));
    let id = target.id();
    for (capability, command, words) in [
        (
            "sys_admin",
            format!("enter {id} --net touch ran"),
            ["requires CAP_SYS_ADMIN", "--cap-add SYS_ADMIN"],
        ),
        (
            "sys_chroot",
            format!("enter {id} --mount touch ran"),
            ["requires CAP_SYS_CHROOT", "--cap-add SYS_CHROOT"],
        ),
        (
            "sys_admin",
            "unshare --uts touch ran".to_owned(),
            ["add -r", "--cap-add SYS_ADMIN"],
        ),
    ] {
        let without = format!("setpriv --bounding-set=-{capability} nsx {command}");
        let outcome = session.command(&without).run().exited(125).says(&words);
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("as root"),
            "{outcome}"
        );
    }
    assert!(!session.path("ran").exists());
}

fn a_namespace_owned_by_an_ancestor_user_namespace_is_named(session: &Session) {
    let script = "sleep 100 & trap 'kill $!' EXIT; unshare --net nsx enter $! --net touch ran";
    let outcome = session
        .command("unshare --user --map-root-user sh -c")
        .arg(script)
        .run()
        .exited(125);
    outcome.says(&[
        "owns its net namespace is neither yours nor below yours",
        "CAP_SYS_ADMIN does not hold there",
    ]);
    assert!(!session.path("ran").exists());
}
