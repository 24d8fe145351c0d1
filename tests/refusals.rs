//! Messages of nsx if the kernel refuses: the cause, and a remedy that works.

use crate::support::{Command, Need, Session, Test, both, filter::Filter, ordinary, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ordinary(kinds_are_named_with_their_article),
        ordinary(an_unreachable_owner_is_not_blamed_on_a_map),
        both(mapped_ids_are_shown_with_their_ends),
        root(a_helper_without_its_privilege_is_reported).needs([Need::Tool("newuidmap")]),
        root(a_helper_whose_file_gives_no_privilege_is_reported)
            .needs([Need::Tool("newuidmap"), Need::Tool("setcap")]),
        root(user_0_in_a_map_without_the_capability_for_it_is_reported)
            .needs([Need::Kernel(5, 12)]),
        both(a_limit_that_is_used_up_is_named_with_its_user),
        both(outer_limits_and_the_depth_of_nesting_are_named_if_known),
        both(a_clock_out_of_range_is_refused_with_the_bound).needs([Need::Kernel(5, 6)]),
        both(an_invalid_interpreter_is_refused_with_the_form).needs([Need::Kernel(6, 7)]),
        both(a_missing_procfs_is_reported),
        root(an_inaccessible_directory_is_told_apart_from_a_hidden_one),
        both(an_empty_argument_is_called_empty),
        both(a_filter_that_refuses_a_call_is_named),
        root(a_filter_that_allows_the_call_is_not_blamed),
        root(a_chroot_is_named_wherever_its_root_directory_is),
        both(an_unmapped_caller_is_named),
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
        (
            "--uts --ipc --no-mount-mqueue",
            "creates ipc and uts namespaces",
        ),
    ] {
        refused(
            session,
            session.nsx(&format!("unshare {options} touch ran")),
            &[cause, "add -r"],
        );
    }
}

fn an_unreachable_owner_is_not_blamed_on_a_map(session: &Session) {
    let said = refused(
        session,
        session.nsx("unshare -r --owner 0:0 touch ran"),
        &["owner", "CAP_SETUID", "--owner"],
    );
    assert!(!said.contains("add -r"), "{said}");
}

fn mapped_ids_are_shown_with_their_ends(session: &Session) {
    refused(
        session,
        session.nsx("unshare -r -S 5 touch ran"),
        &["user id 5 is not mapped", "only 0 is"],
    );
    if session.is_root() {
        let ranges =
            "unshare -r --map-users 0:100000:100 --map-users 200:200000:5 -S 150 touch ran";
        refused(
            session,
            session.nsx(ranges),
            &[
                "user id 150 is not mapped",
                "mapped are 0 to 99, 200 to 204\n",
            ],
        );
    }
}

fn a_helper_without_its_privilege_is_reported(session: &Session) {
    let script = "cp /etc/passwd passwd; echo mapper:x:4242:4242::/:/bin/sh >>passwd; echo \
    mapper:100000:65536 >ids
        for file in /etc/subuid /etc/subgid; do [ -e $file ] || touch $file; mount --bind ids \
    $file; done
        mount --bind passwd /etc/passwd; chmod 755 .
        exec setpriv --reuid=4242 --regid=4242 --clear-groups --no-new-privs nsx unshare -r \
    --map-auto touch ran";
    let command = session.command("unshare --mount sh -ec").arg(script);
    refused(
        session,
        command,
        &[
            "newuidmap",
            "no_new_privs is set",
            "run it where that is not set",
        ],
    );
}

fn a_helper_whose_file_gives_no_privilege_is_reported(session: &Session) {
    // A copy of the helper, first in PATH, and a change to it.
    let with_copy = |make: &str, prefix: &str| {
        let script = format!(
            "cp /etc/passwd passwd; echo mapper:x:4242:4242::/:/bin/sh >>passwd; echo \
            mapper:100000:65536 >ids
            for file in /etc/subuid /etc/subgid; do [ -e $file ] || touch $file; mount --bind ids \
            $file; done
            mount --bind passwd /etc/passwd; chmod 755 .; mkdir -p copy; mount -t tmpfs -o \
            mode=755 none copy
            cp \"$(command -v newuidmap)\" copy/; chmod 755 copy/newuidmap; {make}; \
            PATH=$PWD/copy:$PATH
            exec setpriv --reuid=4242 --regid=4242 --clear-groups {prefix} nsx unshare -r \
            --map-auto id -u"
        );
        session.command("unshare --mount sh -ec").arg(script)
    };
    let refused = |make: &str, prefix: &str, words: &[&str]| {
        with_copy(make, prefix).run().exited(125).says(words)
    };
    refused(
        ":",
        "",
        &[
            "copy/newuidmap is neither set-user-ID root nor has the file capability cap_setuid",
            "chmod u+s",
        ],
    );
    refused(
        "setcap cap_net_raw+ep copy/newuidmap",
        "",
        &["neither set-user-ID root nor", "setcap cap_setuid+ep"],
    );
    refused(
        "chown 4242 copy/newuidmap; chmod u+s copy/newuidmap",
        "",
        &["neither set-user-ID root nor"],
    );
    for privilege in [
        "chmod u+s copy/newuidmap",
        "setcap cap_setuid+ep copy/newuidmap",
    ] {
        assert_eq!(with_copy(privilege, "").output(), "0", "{privilege}");
        let make = format!("{privilege}; mount -o remount,nosuid copy");
        refused(
            &make,
            "",
            &["copy/newuidmap lies on a mount with the option nosuid"],
        );
        refused(
            privilege,
            "--bounding-set -setuid",
            &["CAP_SETUID is not in the bounding set", "copy/newuidmap"],
        );
    }
}

/// `user_namespaces(7)`: since 5.12, mapping user 0 of the parent requires CAP_SETFCAP.
fn user_0_in_a_map_without_the_capability_for_it_is_reported(session: &Session) {
    let without = |options: &str| {
        session.command(&format!(
            "setpriv --bounding-set -setfcap nsx unshare {options} touch ran"
        ))
    };
    for options in [
        "-r",
        "-c",
        "-r --net",
        "--map-users 5:0:10 --map-groups 5:0:10",
        "--map-users all",
    ] {
        refused(
            session,
            without(options),
            &["not permitted", "CAP_SETFCAP", "--cap-add SETFCAP"],
        );
    }
    // The named remedy works.
    let command = "setpriv --bounding-set -setfcap nsx unshare --map-users 0:100000:65536 \
    --map-groups 0:100000:65536 -S 0 -G 0 id -u";
    assert_eq!(session.command(command).output(), "0");
}

/// In a user namespace, whose limits are not the host's.
fn a_limit_that_is_used_up_is_named_with_its_user(session: &Session) {
    let limited = |limits: &str, options: &str| {
        let script = format!("{limits}; exec nsx unshare {options} touch ran");
        session.command("unshare -r sh -ec").arg(script)
    };
    let one = |kind: &str| format!("echo 1 >/proc/sys/user/max_{kind}_namespaces");
    let holder = |option: &str| {
        format!(
            "unshare {option} sleep 100 & trap 'kill $!' EXIT; until [ $(cat /proc/$!/comm) = \
            sleep ]; do sleep 0.05; done"
        )
    };
    for (kind, option) in [
        ("net", "--net"),
        ("uts", "--uts"),
        ("ipc", "--ipc"),
        ("user", "-r"),
    ] {
        let script = format!(
            "{}; {}; nsx unshare {option} touch ran",
            one(kind),
            holder(option)
        );
        let sysctl = format!("user.max_{kind}_namespaces allows a user 1");
        let command = session.command("unshare -r sh -ec").arg(script);
        refused(
            session,
            command,
            &[
                &sysctl,
                "user root (0)",
                "1 can be seen",
                &format!("nsx ls -t {kind}"),
            ],
        );
    }
    // The exhausted kind is told from the others.
    let script = format!(
        "{}; {}; nsx unshare --uts --net --ipc touch ran",
        one("net"),
        holder("--net")
    );
    let said = refused(
        session,
        session.command("unshare -r sh -ec").arg(script),
        &["user.max_net_namespaces"],
    );
    assert!(
        !said.contains("max_uts") && !said.contains("max_ipc"),
        "{said}"
    );
    refused(
        session,
        limited("echo 0 >/proc/sys/user/max_uts_namespaces", "--uts --net"),
        &["user.max_uts_namespaces is 0"],
    );
}

fn outer_limits_and_the_depth_of_nesting_are_named_if_known(session: &Session) {
    let script = "echo 1 >/proc/sys/user/max_net_namespaces; unshare --net sleep 100 & trap 'kill \
    $!' EXIT
        until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.05; done; unshare -r nsx unshare --net \
    touch ran";
    let said = refused(
        session,
        session.command("unshare -r sh -ec").arg(script),
        &["user.max_net_namespaces of a user namespace further out"],
    );
    assert!(!said.contains("32 levels"), "{said}");
    // Nested namespaces, as deep as the kernel allows.
    let nest = |make: &str, last: &str| {
        let script = format!(
            "[ -e deep ] || {make} sh nest 2>/dev/null || [ -e deep ] || {{ touch deep; {last} \
            touch ran 2>said; }}\n"
        );
        session.shell(&format!(
            "rm -f deep; printf %s '{script}' >nest; {make} sh nest; cat said >&2; exit 125"
        ))
    };
    refused(
        session,
        nest("unshare -r", "nsx unshare -r"),
        &["user.max_user_namespaces", "nested 32 levels deep"],
    );
    if session.is_root() {
        let words = ["pid namespaces nest to 32 levels, and you are in the last"];
        refused(
            session,
            nest("unshare -pf", "nsx unshare --pid --no-mount-proc"),
            &words,
        );
    }
}

/// `time_namespaces(7)` has both bounds.
fn a_clock_out_of_range_is_refused_with_the_bound(session: &Session) {
    let set = |offset: &str| session.unshare(&format!("{offset} touch ran"));
    refused(
        session,
        set("--boottime=-36500d"),
        &["before the start of the machine", "uptime"],
    );
    for offset in ["--monotonic 9223372036", "--boottime 4611686019"] {
        refused(
            session,
            set(offset),
            &["beyond 4611686018 seconds", "146 years"],
        );
    }
}

fn an_invalid_interpreter_is_refused_with_the_form(session: &Session) {
    let form = ":NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS";
    for text in ["garbage-of-some-length", ":x:Q::XYZ::/bin/sh:"] {
        refused(
            session,
            session.nsx("unshare -r -l").arg(text).args("touch ran"),
            &["register the interpreter", form],
        );
    }
    // The kernel takes the example from the message.
    let script = "nsx unshare -r -l garbage-of-some-length true 2>&1 | grep -o ':[^ ]*/python3:'";
    let example = session.shell(script).output();
    session
        .nsx("unshare -r -l")
        .arg(example)
        .args("grep -q enabled /proc/sys/fs/binfmt_misc/python")
        .run()
        .exited(0);
}

fn a_missing_procfs_is_reported(session: &Session) {
    let without = |command: &str| {
        let script = format!("mount -t tmpfs none /proc; exec nsx {command}");
        session.command("unshare -rm sh -ec").arg(script)
    };
    for command in ["unshare --uts touch ran", "enter 1 touch ran"] {
        refused(
            session,
            without(command),
            &["no procfs is mounted on /proc", "mount -t proc"],
        );
    }
    for command in ["pidmap 1", "idmap 1"] {
        without(command)
            .run()
            .exited(2)
            .says(&["no procfs is mounted on /proc"]);
    }
}

fn an_inaccessible_directory_is_told_apart_from_a_hidden_one(session: &Session) {
    let user = "setpriv --reuid=4242 --regid=4242 --clear-groups";
    let run = |options: &str| {
        let script = format!(
            "mkdir -p -m 700 dark; cd dark; exec {user} nsx unshare -r --bind /etc:/mnt {options}"
        );
        session.shell(&script)
    };
    refused(
        session,
        run("pwd"),
        &["permission denied", "could not enter", "--wd"],
    );
    assert_eq!(run("--wd / pwd").output(), "/");
}

fn an_empty_argument_is_called_empty(session: &Session) {
    for option in [
        "-S",
        "-G",
        "--map-user",
        "--map-group",
        "--whitelist-env",
        "--keep-env",
    ] {
        let command = session
            .nsx("unshare -r")
            .args(option)
            .arg("")
            .args("touch ran");
        refused(session, command, &["is empty"]);
    }
}

fn a_filter_that_refuses_a_call_is_named(session: &Session) {
    let words = |call: &str| {
        format!(
            "a filter of system calls (seccomp), as container engines set it, refuses {call}(2)"
        )
    };
    let map = if session.is_root() { "" } else { "-r " };
    let create = session.nsx(&format!("unshare {map}--uts touch ran"));
    refused(
        session,
        create.under(Filter::Namespaces),
        &[&words("unshare"), "with a profile that allows it"],
    );
    refused(
        session,
        session
            .nsx("unshare -r touch ran")
            .under(Filter::Namespaces),
        &[&words("unshare")],
    );
    let mount = session.nsx(&format!("unshare {map}--mount touch ran"));
    refused(session, mount.under(Filter::Mounts), &[&words("mount")]);
    let process = session.unshare("--uts sleep 100").start();
    let target = process.program("sleep").id();
    let enter = session.nsx(&format!("enter {target} touch ran"));
    refused(session, enter.under(Filter::Namespaces), &[&words("setns")]);
}

fn a_filter_that_allows_the_call_is_not_blamed(session: &Session) {
    let without = "setpriv --bounding-set=-sys_admin nsx unshare --uts touch ran";
    let said = refused(
        session,
        session.command(without).under(Filter::Mounts),
        &["CAP_SYS_ADMIN"],
    );
    assert!(!said.contains("seccomp"), "{said}");
    let chrooted = "mkdir jail; mount --rbind / jail; chroot jail nsx unshare -r true";
    let said = session
        .command("unshare --mount sh -ec")
        .arg(chrooted)
        .under(Filter::PidTranslation)
        .run()
        .exited(125)
        .says(&["in a chroot"]);
    assert!(!said.to_string().contains("seccomp"), "{said}");
}

/// The kernel compares the root directory with that of the mount namespace, see `unshare(2)`.
fn a_chroot_is_named_wherever_its_root_directory_is(session: &Session) {
    let user = "setpriv --reuid=4242 --regid=4242 --clear-groups";
    let on_mount = "mkdir -p jail; mount --rbind / jail";
    let in_directory = "mkdir -p jail; for it in /*; do if [ -L $it ]; then cp -P $it jail/; elif \
        [ -d $it ]; then mkdir -p jail$it; mount --rbind $it jail$it; fi; done";
    let chrooted = |make: &str, command: &str| {
        session
            .command("unshare --mount sh -ec")
            .arg(format!("chmod 755 .; {make}; exec chroot jail {command}"))
    };
    let cause = "the kernel creates no user namespace for a process in a chroot";
    for make in [on_mount, in_directory] {
        for prefix in ["", user] {
            let command = format!("{prefix} nsx unshare -r touch ran");
            let said = refused(session, chrooted(make, &command), &[cause]);
            // Only a process with capabilities finds out about a root directory that is a mount.
            let is_certain = make == in_directory || prefix.is_empty();
            assert_eq!(!said.contains("security module"), is_certain, "{said}");
        }
    }
    let unshare = |options: &str| chrooted(in_directory, &format!("nsx unshare {options} true"));
    unshare("--mount").run().exited(125).says(&[
        "your root directory is not a mount point, as in a chroot",
        "--propagation unchanged",
    ]);
    unshare("--mount --propagation unchanged").run().exited(0);
}

fn an_unmapped_caller_is_named(session: &Session) {
    let command = session.command("unshare --user nsx unshare -r touch ran");
    refused(session, command, &["user 65534 is not mapped"]);
}
