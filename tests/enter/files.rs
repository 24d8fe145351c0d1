//! `nsx enter`: namespaces that files hold, with and without a process beside them.

use crate::{
    support::{
        Need, Process, Session, Test, both,
        procfs::{self, KINDS},
        root,
    },
    unshare::PRINT_NAMESPACES,
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_file_replaces_the_namespace_of_the_target),
        root(a_namespace_by_itself_is_joined_alone),
        root(a_file_of_another_kind_is_refused),
        root(the_program_is_root_of_a_user_namespace_of_a_file),
        both(the_callers_own_user_namespace_is_refused),
        root(a_pid_namespace_whose_pid_1_has_ended_is_refused),
        both(files_alone_need_no_target).needs([Need::UtilLinux(2, 36), Need::Kernel(5, 6)]),
        both(a_file_may_follow_its_letter_without_a_space_as_in_nsenter)
            .needs([Need::UtilLinux(2, 36), Need::Kernel(5, 6)]),
        both(a_directory_of_pins_is_entered),
        both(the_directory_of_a_process_is_entered)
            .needs([Need::UtilLinux(2, 36), Need::Kernel(5, 6)]),
        both(a_directory_with_two_pins_of_a_kind_or_none_at_all_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Pins a new namespace to the file named after its kind, and prints its name.
fn pinned(session: &Session, kind: &str) -> String {
    let (option, link) = if kind == "pid" {
        ("--pid", "pid")
    } else {
        ("", kind)
    };
    let path = session.path(kind);
    let unshare = session.nsx(
        &format!(
            "unshare {option} --pin {kind}={} readlink /proc/self/ns/{link}",
            path.display()
        )
        .replace("  ", " "),
    );
    unshare.output()
}

fn unpin(session: &Session, kind: &str) {
    session
        .command("umount")
        .arg(session.path(kind))
        .run()
        .exited(0);
}

fn a_file_replaces_the_namespace_of_the_target(session: &Session) {
    let net = pinned(session, "net");
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let sleep = unshare.program("sleep");
    let script = "readlink /proc/self/ns/net /proc/self/ns/uts";
    let file = session.path("net");
    let enter = |words: &str| {
        session
            .nsx(&format!("enter {} {words} -- {script}", sleep.id()))
            .output()
    };
    let (uts, own) = (procfs::ns(sleep.id(), "uts"), procfs::ns("self", "uts"));
    assert_eq!(
        enter(&format!("--net={}", file.display())),
        format!("{net}\n{own}")
    );
    assert_eq!(
        enter(&format!("-u -n={}", file.display())),
        format!("{net}\n{uts}")
    );
    assert_eq!(
        enter("-un"),
        format!("{}\n{uts}", procfs::ns(sleep.id(), "net"))
    );
    unpin(session, "net");
}

fn a_namespace_by_itself_is_joined_alone(session: &Session) {
    let net = pinned(session, "net");
    let file = session.path("net");
    let words = format!("enter {} --", file.display());
    let script = "readlink /proc/self/ns/net /proc/self/ns/mnt; id -u; ls /sys/class/net; pwd";
    let output = session.nsx(&words).args("sh -c").arg(script).output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        (lines[0], lines[2], lines[3]),
        (net.as_str(), "0", "lo"),
        "{output}"
    );
    // /sys is mounted apart from everybody else's mounts.
    assert_ne!(lines[1], procfs::ns("self", "mnt"));
    assert_eq!(lines[4], session.directory().to_str().unwrap());
    let unfixed = session
        .nsx(&format!(
            "enter {} --no-fix readlink /proc/self/ns/mnt",
            file.display()
        ))
        .output();
    assert_eq!(unfixed, procfs::ns("self", "mnt"));
    let uts = session
        .nsx(&format!("enter {} --uts touch ran", file.display()))
        .run()
        .exited(125);
    uts.says(&["is a net namespace", "uts"]);
    let missing = session
        .nsx("enter /nowhere/net touch ran")
        .run()
        .exited(125);
    missing.says(&["/nowhere/net"]);
    assert!(!session.path("ran").exists());
    unpin(session, "net");
}

fn the_program_is_root_of_a_user_namespace_of_a_file(session: &Session) {
    let who = "id -u; id -g; id -G; readlink /proc/self/ns/user";
    let mapped = session
        .command("setpriv --reuid=4242 --clear-groups unshare --user --map-root-user sleep 100")
        .start();
    let mapped = mapped.program("sleep");
    let ranges = session
        .nsx("unshare --user --map-users 0:70000:10 --map-groups 0:70000:10 sleep 100")
        .start();
    let ranges = ranges.program("sleep");
    let unmapped = session
        .command("unshare --user --map-current-user sleep 100")
        .start();
    let own = session.command(
        "setpriv --reuid=4242 --regid=4242 --clear-groups unshare --user \
        --map-current-user sleep 100",
    );
    let own = own.start();
    let (unmapped, own) = (unmapped.program("sleep"), own.program("sleep"));
    let other = session
        .command("unshare --user --map-root-user --uts sleep 100")
        .start();
    let other = other.program("sleep").id();
    for (sleep, uid) in [
        (&mapped, "0"),
        (&ranges, "0"),
        (&unmapped, "0"),
        (&own, "65534"),
    ] {
        let file = format!("/proc/{}/ns/user", sleep.id());
        let name = procfs::ns(sleep.id(), "user");
        for target in [
            file.clone(),
            name.clone(),
            format!("{other} --uts --userns={file}"),
        ] {
            let enter = session
                .command("setpriv --groups=7,8 -- nsx enter")
                .args(&target)
                .args("-- sh -c")
                .arg(who);
            let output = enter.output();
            let expected = session
                .command(&format!(
                    "setpriv --groups=7,8 -- nsenter --user={file} sh -c"
                ))
                .arg(who);
            match uid {
                "0" => assert_eq!(output, expected.output(), "{target}"),
                // nsenter fails if there is no user 0.
                _ => assert_eq!(output, format!("65534\n65534\n65534\n{name}"), "{target}"),
            }
        }
        let user = session
            .nsx(&format!("enter {file} -S 3 -G 4 -- sh -c"))
            .arg(who)
            .run();
        if sleep.id() == ranges.id() {
            assert_eq!(user.exited(0).text(), format!("3\n4\n4\n{name}"));
        } else {
            user.exited(125).says(&["become group 4"]);
        }
        let plan = session
            .nsx(&format!("enter {file} --explain -- true"))
            .output();
        let ids: Vec<_> = plan
            .lines()
            .filter(|line| line.contains("setgid(0)") || line.contains("setuid(0)"))
            .collect();
        assert!(
            ids.len() == 2 && ids.iter().all(|line| line.contains("skipped if")),
            "{plan}"
        );
    }
}

fn the_callers_own_user_namespace_is_refused(session: &Session) {
    let own = procfs::ns("self", "user");
    for target in [
        own.as_str(),
        "/proc/self/ns/user",
        "$$ --userns=/proc/self/ns/user",
    ] {
        let refused = session
            .shell(&format!("exec nsx enter {target} -- touch ran"))
            .run()
            .exited(125);
        refused.says(&["your own user namespace already", "nothing to enter"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_file_of_another_kind_is_refused(session: &Session) {
    let sleep = session.original_unshare("--uts sleep 100").start();
    let id = sleep.program("sleep").id();
    fs::write(session.path("plain"), "").unwrap();
    for (file, says) in [
        ("/proc/self/ns/uts", "holds a uts namespace"),
        ("plain", "as a namespace"),
        ("/nowhere", "/nowhere"),
    ] {
        session
            .nsx(&format!("enter {id} --net={file} touch ran"))
            .run()
            .exited(125)
            .says(&[says]);
    }
    assert!(!session.path("ran").exists());
}

fn a_pid_namespace_whose_pid_1_has_ended_is_refused(session: &Session) {
    pinned(session, "pid");
    let file = session.path("pid");
    session
        .nsx(&format!("enter {} touch ran", file.display()))
        .run()
        .exited(125)
        .says(&["create the program's process", "PID 1"]);
    assert!(!session.path("ran").exists());
    unpin(session, "pid");
}

/// A `sleep` in namespaces of every kind, with its PID and the PID of its parent.
fn sleep_in_all(session: &Session) -> (Process, u32) {
    let kinds = "--user --map-root-user --mount --uts --ipc --net --pid --cgroup --time --fork \
    --kill-child";
    let unshare = session
        .command(&format!("unshare {kinds} sleep 100"))
        .start();
    let sleep = unshare.program("sleep").id();
    (unshare, sleep)
}

fn option(kind: &str) -> &str {
    match kind {
        "mnt" => "mount",
        kind => kind,
    }
}

fn files_alone_need_no_target(session: &Session) {
    let (_unshare, id) = sleep_in_all(session);
    let file = |kind: &str| format!("--{}=/proc/{id}/ns/{kind} ", option(kind));
    let ours = |kind: &str| file(kind).replace("--user=", "--userns=");
    for others in [
        &["uts"][..],
        &["net"],
        &["ipc", "uts", "net"],
        &["mnt", "uts"],
        &["pid", "cgroup", "time"],
    ] {
        let kinds = [&["user"], others].concat();
        let expected = KINDS.map(|kind| {
            procfs::ns(
                if kinds.contains(&kind) {
                    id.to_string()
                } else {
                    "self".into()
                },
                kind,
            )
        });
        let theirs: String = kinds.iter().map(|kind| file(kind)).collect();
        let theirs = session
            .command(&format!("nsenter --preserve-credentials {theirs}sh -c"))
            .arg(PRINT_NAMESPACES)
            .output();
        assert_eq!(theirs, expected.join("\n"), "{kinds:?}");
        let options: String = kinds.iter().map(|kind| ours(kind)).collect();
        for separator in ["", "-- "] {
            let enter = session
                .nsx(&format!("enter --no-fix {options}{separator}sh -c"))
                .arg(PRINT_NAMESPACES);
            assert_eq!(enter.output(), theirs, "{kinds:?}");
        }
    }
    // The program may be a number, and without a program a shell runs.
    let refused = session
        .nsx(&format!("enter {}{}{id} true", ours("user"), ours("uts")))
        .run()
        .exited(127);
    refused.says(&["execute"]);
    let shell = session
        .nsx(&format!("enter {}--uts=/proc/{id}/ns/uts", ours("user")))
        .input(b"readlink /proc/$$/ns/uts");
    assert_eq!(shell.output(), procfs::ns(id, "uts"));
    // A TARGET comes before the files, or is named; a kind without a file requires one.
    let uts = procfs::ns(id, "uts");
    let (user, file) = (ours("user"), ours("uts"));
    for words in [
        format!("{id} --userns {file}"),
        format!("-t {id} {user}{file}"),
        format!("{user}--uts {id} "),
    ] {
        assert_eq!(
            session
                .nsx(&format!("enter {words}readlink /proc/self/ns/uts"))
                .output(),
            uts,
            "{words}"
        );
    }
    let refused = session
        .nsx(&format!("enter {}--uts touch ran", ours("net")))
        .run()
        .exited(125);
    refused.says(&["TARGET is needed for the uts namespace"]);
    session
        .nsx(&format!("enter {}--all -- touch ran", ours("net")))
        .run()
        .exited(125)
        .says(&["no TARGET"]);
    assert!(!session.path("ran").exists());
}

fn a_file_may_follow_its_letter_without_a_space_as_in_nsenter(session: &Session) {
    let (_unshare, id) = sleep_in_all(session);
    let user = format!("-U/proc/{id}/ns/user");
    for (letter, kind) in [
        ("m", "mnt"),
        ("u", "uts"),
        ("i", "ipc"),
        ("n", "net"),
        ("p", "pid"),
        ("C", "cgroup"),
        ("T", "time"),
    ] {
        let words = format!("{user} -{letter}/proc/{id}/ns/{kind}");
        let script = format!("readlink /proc/self/ns/user /proc/self/ns/{kind}");
        let theirs = session
            .command(&format!("nsenter --preserve-credentials {words} {script}"))
            .output();
        assert_eq!(
            theirs,
            format!("{}\n{}", procfs::ns(id, "user"), procfs::ns(id, kind))
        );
        for before in ["", "-- "] {
            let words = words.replace(&format!("-{letter}/"), &format!("-v{letter}/"));
            assert_eq!(
                session
                    .nsx(&format!("enter --no-fix {words} {before}{script}"))
                    .output(),
                theirs,
                "{letter}"
            );
        }
        let with_target =
            format!("enter -t {id} -U --no-fix -{letter}/proc/{id}/ns/{kind} {script}");
        assert_eq!(session.nsx(&with_target).output(), theirs, "{letter}");
        // Relative to the caller's working directory.
        let in_there = |program: &str| {
            session.shell(&format!(
                "cd /proc/{id}/ns; exec {program} -Uuser -{letter}./{kind} {script}"
            ))
        };
        assert_eq!(
            in_there("nsx enter --no-fix").output(),
            in_there("nsenter --preserve-credentials").output(),
            "{letter}"
        );
    }
    let refused = session.nsx("enter -n/nowhere touch ran").run().exited(125);
    refused.says(&["/nowhere as a namespace"]);
}

/// A shell in a private mount namespace, in which the caller may mount.
fn private(session: &Session, script: &str) -> String {
    let map = session.map_root();
    session
        .command(&format!("unshare {map}--mount sh -ec"))
        .arg(script)
        .output()
}

fn a_directory_of_pins_is_entered(session: &Session) {
    // Each kind is known by the inode of its file. The name of a file does not matter if there is
    // only one of its kind.
    let script = r#"mkdir box; nsx unshare --no-mount-sys --pin net=box/net --pin uts=box/name --pin ipc=box/ipc --hostname inside true
        id() { echo $1:[$(stat -c %i box/$2)]; }; touch box/plain; ln -s ../nothing box/link
        same() { [ "$1" = "$2" ] || echo $3: $1 is not $2; }
        here=$(readlink /proc/self/ns/cgroup)
        show='readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/ipc /proc/self/ns/cgroup; hostname'
        for target in ./box box/ $PWD/box; do
            for words in "$target" "-t $target" "$target --"; do
                same "$(nsx enter $words sh -c "$show" | tr '\n' ' ')" "$(id net net) $(id uts name) $(id ipc ipc) $here inside " "$words"
            done
        done
        same "$(nsx enter box/ -u readlink /proc/self/ns/uts /proc/self/ns/net | tr '\n' ' ')" "$(id uts name) $(readlink /proc/self/ns/net) " -u
        nsx unshare --no-mount-sys --pin net=other true
        same "$(nsx enter box/ --uts --net=other readlink /proc/self/ns/net)" "net:[$(stat -c %i other)]" --net=other
        same "$(nsx enter box/ --explain true | grep -c 'box/.*CLONE_NEW')" 3 --explain
        ! nsx enter box/ --cgroup -- touch ran 2>said; grep -o 'no cgroup namespace is kept in the directory box/' said
        echo done"#;
    assert_eq!(
        private(session, script),
        "no cgroup namespace is kept in the directory box/\ndone"
    );
    assert!(!session.path("ran").exists());
}

fn the_directory_of_a_process_is_entered(session: &Session) {
    let (_unshare, id) = sleep_in_all(session);
    let expected = KINDS.map(|kind| procfs::ns(id, kind)).join("\n");
    let enter = session
        .nsx(&format!("enter /proc/{id}/ns sh -c"))
        .arg(PRINT_NAMESPACES);
    assert_eq!(enter.output(), expected);
    session
        .nsx("enter /proc/self/ns touch ran")
        .run()
        .exited(125)
        .says(&["nothing to enter"]);
    if !session.is_root() {
        session
            .nsx("enter /proc/1/ns touch ran")
            .run()
            .exited(125)
            .says(&["permission denied"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_directory_with_two_pins_of_a_kind_or_none_at_all_is_refused(session: &Session) {
    let script = r#"mkdir two links empty; for name in a b; do nsx unshare --no-mount-sys --pin net=two/$name true; done
        nsx unshare --pin uts=two/uts true; nsx unshare --pin uts=two/other true; ln -s /proc/self/ns/uts links/uts
        for target in two links empty; do nsx enter ./$target touch ran 2>>said && echo joined; done; cat said
        [ "$(nsx enter two/ --uts readlink /proc/self/ns/uts)" = "uts:[$(stat -c %i two/uts)]" ] && echo by name"#;
    let said = private(session, script);
    for words in [
        "./two holds several net namespaces",
        ": a, b",
        "kept in the directory ./links",
        "kept in the directory ./empty",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        said.ends_with("by name") && !said.contains("joined"),
        "{said}"
    );
    assert!(!session.path("ran").exists());
}
