//! What nsx says where the kernel refuses: the cause, and a way out that is one.

use crate::support::{Command, Need, Session, Test, both, ordinary, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ordinary(kinds_are_named_with_their_article),
        ordinary(an_owner_that_one_cannot_become_is_no_matter_of_a_map),
        both(the_ids_that_are_mapped_are_told_with_their_ends),
        root(a_helper_without_its_privilege_is_said).needs([Need::Tool("newuidmap")]),
        both(a_clock_that_the_kernel_does_not_set_is_told_the_bound).needs([Need::Kernel(5, 6)]),
        both(an_interpreter_that_is_none_is_told_the_form).needs([Need::Kernel(6, 7)]),
        both(without_a_procfs_that_is_said),
        root(a_directory_that_one_cannot_enter_is_told_apart_from_a_hidden_one),
        both(an_empty_word_is_said_to_be_empty),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A command that must be refused with these words on standard error, and must not run `touch ran`.
#[track_caller]
fn refused(session: &Session, command: Command, words: &[&str]) -> String {
    let outcome = command.run().exited(125).says(words);
    assert!(!session.path("ran").exists());
    String::from_utf8_lossy(&outcome.stderr).into_owned()
}

fn kinds_are_named_with_their_article(session: &Session) {
    for (options, cause) in [
        ("--uts", "creates a uts namespace"),
        ("--ipc --no-mount-mqueue", "creates an ipc namespace"),
        ("--uts --ipc --no-mount-mqueue", "creates ipc and uts namespaces"),
    ] {
        refused(session, session.nsx(&format!("unshare {options} touch ran")), &[cause, "add -r"]);
    }
}

fn an_owner_that_one_cannot_become_is_no_matter_of_a_map(session: &Session) {
    let said = refused(session, session.nsx("unshare -r --owner 0:0 touch ran"), &["owner", "CAP_SETUID", "--owner"]);
    assert!(!said.contains("add -r"), "{said}");
}

fn the_ids_that_are_mapped_are_told_with_their_ends(session: &Session) {
    refused(session, session.nsx("unshare -r -S 5 touch ran"), &["user id 5 is not mapped", "only 0 is"]);
    if session.is_root() {
        let ranges = "unshare -r --map-users 0:100000:100 --map-users 200:200000:5 -S 150 touch ran";
        refused(session, session.nsx(ranges), &["user id 150 is not mapped", "mapped are 0 to 99, 200 to 204\n"]);
    }
}

fn a_helper_without_its_privilege_is_said(session: &Session) {
    let script = "cp /etc/passwd passwd; echo mapper:x:4242:4242::/:/bin/sh >>passwd; echo mapper:100000:65536 >ids
        for file in /etc/subuid /etc/subgid; do [ -e $file ] || touch $file; mount --bind ids $file; done
        mount --bind passwd /etc/passwd; chmod 755 .
        exec setpriv --reuid=4242 --regid=4242 --clear-groups --no-new-privs nsx unshare -r --map-auto touch ran";
    let command = session.command("unshare --mount sh -ec").arg(script);
    refused(session, command, &["newuidmap", "no_new_privs is set", "run it where that is not set"]);
}

/// `time_namespaces(7)` has both bounds.
fn a_clock_that_the_kernel_does_not_set_is_told_the_bound(session: &Session) {
    let set = |offset: &str| session.unshare(&format!("{offset} touch ran"));
    refused(session, set("--boottime=-36500d"), &["before the start of the machine", "uptime"]);
    for offset in ["--monotonic 9223372036", "--boottime 4611686019"] {
        refused(session, set(offset), &["beyond 4611686018 seconds", "146 years"]);
    }
}

fn an_interpreter_that_is_none_is_told_the_form(session: &Session) {
    let form = ":NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS";
    for text in ["garbage-of-some-length", ":x:Q::XYZ::/bin/sh:"] {
        refused(session, session.nsx("unshare -r -l").arg(text).args("touch ran"), &["register the interpreter", form]);
    }
    // The example that is given is one that the kernel takes.
    let script = "nsx unshare -r -l garbage-of-some-length true 2>&1 | grep -o ':[^ ]*/python3:'";
    let example = session.shell(script).output();
    session.nsx("unshare -r -l").arg(example).args("grep -q enabled /proc/sys/fs/binfmt_misc/python").run().exited(0);
}

fn without_a_procfs_that_is_said(session: &Session) {
    let without = |command: &str| {
        let script = format!("mount -t tmpfs none /proc; exec nsx {command}");
        session.command("unshare -rm sh -ec").arg(script)
    };
    for command in ["unshare --uts touch ran", "enter 1 touch ran"] {
        refused(session, without(command), &["no procfs is mounted on /proc", "mount -t proc"]);
    }
    for command in ["pidmap 1", "idmap 1"] {
        without(command).run().exited(2).says(&["no procfs is mounted on /proc"]);
    }
}

fn a_directory_that_one_cannot_enter_is_told_apart_from_a_hidden_one(session: &Session) {
    let user = "setpriv --reuid=4242 --regid=4242 --clear-groups";
    let run = |options: &str| {
        let script = format!("mkdir -p -m 700 dark; cd dark; exec {user} nsx unshare -r --bind /etc:/mnt {options}");
        session.shell(&script)
    };
    refused(session, run("pwd"), &["permission denied", "could not enter", "--wd"]);
    assert_eq!(run("--wd / pwd").output(), "/");
}

fn an_empty_word_is_said_to_be_empty(session: &Session) {
    for option in ["-S", "-G", "--map-user", "--map-group", "--whitelist-env", "--keep-env"] {
        let command = session.nsx("unshare -r").args(option).arg("").args("touch ran");
        refused(session, command, &["is empty"]);
    }
}
