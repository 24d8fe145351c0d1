//! `nsx enter`: the namespaces that it joins although nobody named them: those of the target's
//! children, and the user namespace that gives an ordinary user the right to the others; and the
//! notes about that.

use crate::{
    support::{
        Cgroups, Host, Need, Session, Test, both,
        filter::Filter,
        ordinary,
        procfs::{self, KINDS},
        root,
    },
    unshare::PRINT_NAMESPACES,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_waiting_target_leads_to_the_pid_namespace_of_its_children).needs([Need::Tool("ps")]),
        both(a_waiting_target_leads_to_the_time_namespace_of_its_children),
        both(a_pid_namespace_without_pid_1_is_not_joined),
        root(a_container_is_entered_in_the_namespaces_of_its_first_process)
            .needs([Need::Tool("busybox"), Need::Tool("ip")]),
        ordinary(a_user_joins_the_user_namespace_that_owns_the_others),
        ordinary(a_user_joins_the_user_namespace_that_is_above_all_owners),
        root(a_user_namespace_that_gives_no_right_is_not_joined),
        both(a_note_is_printed_if_the_program_lacks_the_targets_filters),
        root(a_note_is_printed_at_a_terminal_for_a_program_beside_a_container).needs([
            Need::Tool("busybox"),
            Need::Tool("ip"),
            Need::Tool("script"),
        ]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 36), Need::Kernel(5, 6)]))
    .collect()
}

fn a_waiting_target_leads_to_the_pid_namespace_of_its_children(session: &Session) {
    for (command, kinds) in [
        (
            session.unshare("--pid --net sleep 100"),
            &["mnt", "net"][..],
        ),
        (
            session.original_unshare("--pid --fork --kill-child --mount-proc sleep 100"),
            &["mnt"],
        ),
        (
            session.original_unshare("--pid --fork --kill-child sleep 100"),
            &[],
        ),
    ] {
        let waits = command.start();
        let sleep = waits.program("sleep").id();
        let id = waits.id();
        let there = procfs::ns(id, "pid_for_children");
        assert_eq!(there, procfs::ns(sleep, "pid"));
        assert_ne!(there, procfs::ns(id, "pid"));
        for filter in [
            None,
            Some(Filter::SetnsByPidfd),
            Some(Filter::PidTranslation),
        ] {
            let enter = session
                .nsx(&format!("enter {id} sh -c"))
                .arg(PRINT_NAMESPACES);
            let output = filter
                .map_or(enter.clone(), |filter| enter.under(filter))
                .output();
            let expected = KINDS.map(|kind| match kind {
                "pid" => there.clone(),
                "user" => procfs::ns(id, kind),
                kind if kinds.contains(&kind) => procfs::ns(id, kind),
                kind => procfs::ns("self", kind),
            });
            assert_eq!(output, expected.join("\n"), "{filter:?}");
        }
        if kinds.contains(&"mnt") {
            let ps = session
                .nsx(&format!("enter {id} ps -o pid=,comm="))
                .output();
            assert!(ps.trim_start().starts_with("1 sleep\n"), "{ps}");
        }
        // The kind alone, with the caller's files; and the tools of the host.
        let user = if session.is_root() { "" } else { "-U " };
        let first = "tr '\\0' ' ' </proc/1/cmdline";
        let named = session
            .nsx(&format!("enter {id} {user}--pid -- sh -c"))
            .arg(format!("readlink /proc/self/ns/pid; {first}"));
        assert_eq!(named.output(), format!("{there}\nsleep 100 "));
        let tools = session.nsx(&format!("enter {id} --host-tools -- sh -c"));
        assert_eq!(
            tools
                .arg(format!("{first}; readlink $NSX_TARGET_ROOT"))
                .output(),
            "sleep 100 /"
        );
        // A kind that was not named is not joined, and -v says so.
        let other = session
            .nsx(&format!(
                "enter {id} {user}--uts readlink /proc/self/ns/pid"
            ))
            .output();
        assert_eq!(other, procfs::ns("self", "pid"));
        session
            .nsx(&format!("enter {id} -v true"))
            .run()
            .exited(0)
            .says(&["its children", &there]);
        let plan = session.nsx(&format!("enter {id} --explain true")).output();
        assert!(
            plan.contains(&there) && plan.contains(&format!("/proc/{id}/ns/pid_for_children")),
            "{plan}"
        );
    }
}

fn a_waiting_target_leads_to_the_time_namespace_of_its_children(session: &Session) {
    let waits = session
        .unshare("--time --boottime 3d --fork sleep 100")
        .start();
    waits.program("sleep");
    let id = waits.id();
    let there = procfs::ns(id, "time_for_children");
    assert_ne!(there, procfs::ns(id, "time"));
    let user = if session.is_root() { "" } else { "-U " };
    for words in [String::new(), format!("{user}--time ")] {
        let enter = session.nsx(&format!("enter {id} {words}sh -c"));
        let output = enter
            .arg("readlink /proc/self/ns/time; cut -d. -f1 /proc/uptime")
            .output();
        let (namespace, uptime) = output.split_once('\n').unwrap();
        assert_eq!(namespace, there, "{words}");
        assert!(uptime.parse::<u64>().unwrap() >= 3 * 24 * 3600, "{uptime}");
    }
}

fn a_pid_namespace_without_pid_1_is_not_joined(session: &Session) {
    // A namespace without a process so far, and one whose PID 1 has ended.
    for command in [
        session.original_unshare("--pid --uts sleep 100"),
        session
            .original_unshare("--pid --uts sh -c")
            .arg("/bin/true; exec sleep 100"),
    ] {
        let sleep = command.start();
        let id = sleep.program("sleep").id();
        for filter in [None, Some(Filter::PidTranslation)] {
            let enter = session.nsx(&format!(
                "enter {id} -v readlink /proc/self/ns/pid /proc/self/ns/uts"
            ));
            let outcome = filter
                .map_or(enter.clone(), |filter| enter.under(filter))
                .run()
                .exited(0);
            assert_eq!(
                outcome.text(),
                format!("{}\n{}", procfs::ns("self", "pid"), procfs::ns(id, "uts"))
            );
            outcome.says(&["for its children", "no PID 1"]);
        }
    }
}

/// Records of a container, as runc writes them, about the process `$1` of a shell.
const RECORD: &str = r#"record() {
    start=$(cut -d' ' -f22 /proc/$1/stat); mkdir -p /run/runc/box
    echo "{\"id\":\"box\",\"init_process_pid\":$1,\"init_process_start\":$start,\"config\":{}}" >/run/runc/box/state.json
}"#;

fn a_container_is_entered_in_the_namespaces_of_its_first_process(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "unshare --uts unshare --pid --fork --kill-child sleep 100 &
        until [ -n \"$(cat /proc/$!/task/$!/children)\" ]; do sleep 0.01; done; record $!; echo \
    $!; wait";
    let container = host.shell(&format!("{RECORD}\n{script}")).start();
    let id = container.line();
    let show = "readlink /proc/self/ns/uts /proc/self/ns/pid";
    let enter = |target: &str, words: &str| {
        host.command(&format!("nsx enter {target} {words}"))
            .output()
    };
    let outside = |link: &str| {
        host.command(&format!("readlink /proc/{id}/ns/{link}"))
            .output()
    };
    // As `runc exec`, which uses the first process's own namespaces; by its PID the target is a
    // process that waits.
    for (target, link) in [("oci:box", "pid"), (id.as_str(), "pid_for_children")] {
        let expected = format!("{}\n{}", outside("uts"), outside(link));
        assert_eq!(enter(target, show), expected, "{target}");
        assert_eq!(
            enter(target, &format!("--uts --pid -- {show}")),
            expected,
            "{target}"
        );
    }
}

fn a_user_joins_the_user_namespace_that_owns_the_others(session: &Session) {
    let kinds = "--mount --uts --ipc --net --pid --cgroup --time --fork --kill-child";
    let unshare = session
        .original_unshare(&format!("{kinds} sleep 100"))
        .start();
    let id = unshare.program("sleep").id();
    let user = procfs::ns(id, "user");
    for (option, kind) in [
        ("mount", "mnt"),
        ("uts", "uts"),
        ("ipc", "ipc"),
        ("net", "net"),
        ("pid", "pid"),
        ("cgroup", "cgroup"),
        ("time", "time"),
    ] {
        let file = format!("/proc/{id}/ns/{kind}");
        for words in [
            format!("{id} --{option}"),
            format!("-t {id} --{option}"),
            format!("{id} --{option}={file}"),
            format!("--{option}={file}"),
            file.clone(),
            procfs::ns(id, kind),
            format!("/proc/{id}/ns --{option}"),
        ] {
            let show = format!(
                "readlink /proc/self/ns/user /proc/self/ns/{kind}; id -u; id -g; [ -e /proc/self ]"
            );
            let joined = session
                .nsx(&format!("enter --no-fix {words} -- sh -c"))
                .arg(show)
                .output();
            assert_eq!(
                joined,
                format!("{user}\n{}\n0\n0", procfs::ns(id, kind)),
                "{words}"
            );
        }
    }
    // nsx mounts files for the program with these privileges.
    assert_eq!(
        session
            .nsx(&format!("enter {id} --net ls /sys/class/net"))
            .output(),
        "lo"
    );
    let plan = session
        .nsx(&format!("enter {id} --net --explain true"))
        .output();
    assert!(
        plan.contains(&user) && plan.contains("CLONE_NEWUSER"),
        "{plan}"
    );
    session
        .nsx(&format!("enter {id} --net -v true"))
        .run()
        .exited(0)
        .says(&[&user]);
}

fn a_user_joins_the_user_namespace_that_is_above_all_owners(session: &Session) {
    let script = "readlink /proc/self/ns/user; exec unshare --user --map-root-user --uts sleep 100";
    let unshare = session.original_unshare("--net sh -c").arg(script).start();
    let outer = unshare.line();
    let id = unshare.program("sleep").id();
    let own = |kind: &str| procfs::ns(id, kind);
    assert_ne!(outer, own("user"));
    for (words, kinds, user) in [
        ("--uts", &["uts"][..], own("user")),
        ("--net", &["net"], outer.clone()),
        ("--net --uts", &["net", "uts"], outer.clone()),
    ] {
        let links: String = kinds
            .iter()
            .map(|kind| format!(" /proc/self/ns/{kind}"))
            .collect();
        let expected: String = kinds
            .iter()
            .map(|kind| format!("\n{}", own(kind)))
            .collect();
        let enter = session.nsx(&format!(
            "enter {id} --no-fix {words} -- readlink /proc/self/ns/user{links}"
        ));
        assert_eq!(enter.output(), format!("{user}{expected}"), "{words}");
    }
}

fn a_user_namespace_that_gives_no_right_is_not_joined(session: &Session) {
    let user = |id: u32| format!("setpriv --reuid={id} --regid={id} --clear-groups");
    // Root needs no user namespace, and another user gains nothing by one.
    let script = format!(
        "touch net; chmod 755 .; {} unshare --user --map-root-user --net sleep 100 & id=$!
        until [ \"$(cat /proc/$id/comm)\" = sleep ]; do sleep 0.01; done; mount --bind \
        /proc/$id/ns/net net
        nsx enter $id --net readlink /proc/self/ns/user; nsx enter ./net readlink /proc/self/ns/user
        {} nsx enter ./net id -u; {} nsx enter ./net id -u 2>said || echo $?; cat said; umount \
        net; kill $id",
        user(4242),
        user(4242),
        user(4343)
    );
    let output = session
        .command("unshare --mount sh -c")
        .arg(script)
        .output();
    let own = procfs::ns("self", "user");
    let said = output
        .strip_prefix(&format!("{own}\n{own}\n0\n125\n"))
        .unwrap_or_else(|| panic!("{output}"));
    assert!(
        said.contains("not permitted") && said.contains("as the user who created them"),
        "{said}"
    );
    assert!(!said.contains("--userns"), "{said}");
}

fn a_note_is_printed_if_the_program_lacks_the_targets_filters(session: &Session) {
    let filtered = session
        .original_unshare("--uts sleep 100")
        .under(Filter::NewCalls)
        .start();
    let id = filtered.program("sleep").id();
    let held = |command: crate::support::Command| {
        let outcome = command
            .args("-- grep Seccomp: /proc/self/status")
            .run()
            .exited(0);
        (
            outcome.text().to_owned(),
            String::from_utf8_lossy(&outcome.stderr).into_owned(),
        )
    };
    let enter = |words: &str| session.nsx(&format!("enter {id}{words}"));
    let (seccomp, said) = held(enter(""));
    if session.is_root() {
        assert_eq!((seccomp.as_str(), said.as_str()), ("Seccomp:\t2", ""));
        // The kernel shows no filter to a process that has one itself.
        let (_, said) = held(enter("").under(Filter::PidTranslation));
        assert!(
            said.contains("could not read the seccomp filters")
                && said.contains("not on the program"),
            "{said}"
        );
    } else {
        assert_eq!(seccomp, "Seccomp:\t0");
        assert!(
            said.contains("its seccomp filters") && said.contains("not on the program"),
            "{said}"
        );
    }
    // A caller who asked to leave the filters out gets no note, nor does one whose target has none.
    assert_eq!(
        held(enter(" --no-seccomp")),
        ("Seccomp:\t0".to_owned(), String::new())
    );
    let plain = session.original_unshare("--uts sleep 100").start();
    let plain = plain.program("sleep").id();
    assert_eq!(
        held(session.nsx(&format!("enter {plain}"))),
        ("Seccomp:\t0".to_owned(), String::new())
    );
}

/// Docker's `-i -t` and `-u` have another meaning here, so a program that is root outside gets a
/// note.
fn a_note_is_printed_at_a_terminal_for_a_program_beside_a_container(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "unshare --uts --ipc --mount sleep 100 &
        until [ \"$(cat /proc/$!/comm)\" = sleep ]; do sleep 0.01; done; record $!; echo $!; wait";
    let container = host.shell(&format!("{RECORD}\n{script}")).start();
    let id = container.line();
    let at_terminal = |words: &str| {
        host.command("script -qec")
            .arg(format!("nsx enter {words}"))
            .arg("/dev/null")
            .output()
    };
    for words in ["-i -t box true", "-i -t oci:box true", "box --ipc -- true"] {
        let shown = at_terminal(words);
        assert!(
            shown.contains("oci:box: only its ipc namespace is joined"),
            "{words}: {shown}"
        );
        assert!(
            shown.contains("your files") && shown.contains("the user that you are"),
            "{words}: {shown}"
        );
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
    let shown = at_terminal("box -iu -S 7 -- id -u");
    assert!(
        shown.contains("only its ipc and uts namespaces are joined") && shown.contains("is user 7"),
        "{shown}"
    );
    assert!(at_terminal("box --net -- true").contains("no namespace of it is joined"));
    // With the container's files the program is inside, and a process given by its PID is not a
    // container.
    for words in ["box true", "box -m -i true", &format!("{id} --ipc true")] {
        assert!(!at_terminal(words).contains("your files"), "{words}");
    }
    let piped = host.command("nsx enter box --ipc true").run().exited(0);
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}
