//! `nsx unshare` and the files of the kernel: /proc, /sys, /dev/mqueue and the cgroups.

use super::quoted;
use crate::support::{Cgroups, Host, Need, Session, Test, both, root};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(proc_is_mounted_on_the_named_directory),
        both(sys_shows_the_new_networks_devices_and_keeps_the_cgroups),
        both(a_sys_that_the_kernel_refuses_is_left_out),
        both(the_message_queues_are_those_of_the_new_namespace),
        root(cgroups_are_seen_from_the_new_namespace),
        root(cgroups_are_seen_under_another_root).needs([Need::Tool("busybox")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn proc_is_mounted_on_the_named_directory(session: &Session) {
    let place = session.path("proc");
    fs::create_dir(&place).unwrap();
    let option = format!("--pid --mount-proc={} sh -c", place.display());
    assert_eq!(
        session
            .unshare(&option)
            .arg("cd proc && echo [0-9]* && cat 1/comm")
            .output(),
        "1\nsh"
    );
    assert_eq!(
        fs::read_dir(&place).unwrap().count(),
        0,
        "it is mounted in the new mount namespace alone"
    );

    let missing = format!(
        "--pid --mount-proc={}/missing touch ran",
        session.directory().display()
    );
    session
        .unshare(&missing)
        .run()
        .exited(125)
        .says(&["missing", "no such file"]);
    assert!(!session.path("ran").exists());
}

fn sys_shows_the_new_networks_devices_and_keeps_the_cgroups(session: &Session) {
    let list = |directory: &str| session.command("ls").arg(directory).output();
    let [devices, cgroups] = ["/sys/class/net", "/sys/fs/cgroup"].map(list);
    assert_ne!(
        devices, "lo",
        "a host with no network but lo proves nothing"
    );
    assert_eq!(session.unshare("--net ls /sys/class/net").output(), "lo");
    assert_eq!(session.unshare("--net ls /sys/fs/cgroup").output(), cgroups);
    assert_eq!(
        session
            .unshare("--net --no-mount-sys ls /sys/class/net")
            .output(),
        devices
    );
}

fn a_sys_that_the_kernel_refuses_is_left_out(session: &Session) {
    // A user namespace may mount a sysfs only if it sees another whole one: see
    // mount_too_revealing() in fs/namespace.c.
    let hidden = |command: &str| {
        let script = format!("mount -t tmpfs over /sys/kernel && {command}");
        session
            .command("unshare -r --mount sh -c")
            .arg(script)
            .run()
    };
    let refused = hidden("unshare -r --net mount -t sysfs sysfs /sys").exited(32);
    refused.says(&["permission denied"]);
    let quiet = hidden("nsx unshare -r --net echo ran").exited(0);
    assert_eq!((quiet.text(), quiet.stderr.len()), ("ran", 0), "{quiet}");
    let noted = hidden("nsx unshare -r --net -v echo ran")
        .exited(0)
        .says(&["/sys"]);
    assert_eq!(noted.text(), "ran");
}

fn the_message_queues_are_those_of_the_new_namespace(session: &Session) {
    let show = "sh -c 'ls /dev/mqueue; touch /dev/mqueue/inner && stat -f -c %T /dev/mqueue'";
    let commands = [
        // util-linux leaves it.
        ("unshare --ipc ls /dev/mqueue".to_owned(), "outer"),
        (format!("nsx unshare --ipc {show}"), "mqueue"),
        (format!("nsx unshare -r --ipc --pid {show}"), "mqueue"),
        (format!("nsx unshare --ipc --root / {show}"), "mqueue"),
        (
            "nsx unshare --ipc --no-mount-mqueue ls /dev/mqueue".to_owned(),
            "outer",
        ),
        (
            "nsx unshare --uts --mount ls /dev/mqueue".to_owned(),
            "outer",
        ),
        // The caller's mounts there stay, and nothing is mounted that would be seen outside.
        (
            "nsx unshare --ipc --bind /dev/mqueue ls /dev/mqueue".to_owned(),
            "outer",
        ),
        (
            "nsx unshare --ipc --propagation shared ls /dev/mqueue".to_owned(),
            "outer",
        ),
        ("ls /dev/mqueue".to_owned(), "outer"),
    ];
    // A /dev as systemd has it, on any host. There are only a few queues: a user may not have more
    // (RLIMIT_MSGQUEUE).
    let mut script =
        "mount -t tmpfs none /dev && mkdir /dev/mqueue && mount -t mqueue none /dev/mqueue\n\
        touch /dev/mqueue/outer\n"
            .to_owned();
    commands
        .iter()
        .for_each(|(command, _)| script += &format!("{command}\n"));
    let output = session
        .command(&format!(
            "unshare {}--mount --ipc sh -ec",
            session.map_root()
        ))
        .arg(script)
        .output();
    for ((command, expected), seen) in commands.iter().zip(output.lines()) {
        assert_eq!(seen, *expected, "{command}");
    }
    assert_eq!(output.lines().count(), commands.len(), "{output}");
    // Without the directory nothing is mounted.
    let without = |option: &str| {
        let script = format!("mount -t tmpfs none /dev && nsx unshare --ipc {option} echo ran");
        session
            .command(&format!("unshare {}--mount sh -c", session.map_root()))
            .arg(script)
            .run()
            .exited(0)
    };
    let quiet = without("");
    assert_eq!((quiet.text(), quiet.stderr.len()), ("ran", 0), "{quiet}");
    without("-v").says(&["/dev/mqueue", "no such file"]);
    // A /dev that nsx creates has one.
    assert_eq!(
        session
            .unshare("--dev --ipc stat -f -c %T /dev/mqueue")
            .output(),
        "mqueue"
    );
}

/// Prints the root of each hierarchy's topmost mount: `/` for its top, `/..` for its outside.
pub(crate) const PRINT_TOPS: &str = "awk '$5 ~ \"^/sys/fs/cgroup\" && / - cgroup2? / { top[$5] = \
$4 } \
    END { for (place in top) print top[place] }' /proc/self/mountinfo | sort -u";

/// A shell of root on a host, in a cgroup that is not the top one.
pub(crate) fn below_the_top(host: &Host<'_>, script: &str) -> String {
    let below =
        "for one in $(findmnt --noheadings --list --types cgroup,cgroup2 --output TARGET); \
    do
            mkdir -p $one/box
            [ ! -e $one/cpuset.cpus ] || { cat $one/cpuset.cpus >$one/box/cpuset.cpus; cat \
    $one/cpuset.mems >$one/box/cpuset.mems; }
            echo $$ >$one/box/cgroup.procs
        done";
    host.shell(&format!("{below}\n{script}")).output()
}

fn cgroups_are_seen_from_the_new_namespace(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let tops = |options: &str| {
            // The top of the view has the processes of the new namespace.
            let inside = format!(
                "{PRINT_TOPS}; for one in $(findmnt -nlt cgroup,cgroup2 -o TARGET); do \
                    grep -qx $$ $one/cgroup.procs || echo $one lacks $$; done"
            );
            below_the_top(
                &host,
                &format!("nsx unshare {options} sh -c {}", quoted(&inside)),
            )
        };
        assert_eq!(
            below_the_top(
                &host,
                &format!("unshare --cgroup --mount sh -c {}", quoted(PRINT_TOPS))
            ),
            "/.."
        );
        for options in [
            "--cgroup",
            "-r --cgroup",
            "--cgroup --net",
            "--cgroup --root /",
            "--cgroup --ro-root",
        ] {
            assert_eq!(tops(options), "/", "{options} {cgroups:?}");
        }
        for options in [
            "--cgroup --no-mount-cgroup",
            "--cgroup --propagation shared",
        ] {
            assert!(tops(options).starts_with("/..\n"), "{options} {cgroups:?}");
        }
    }
}

fn cgroups_are_seen_under_another_root(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let script = "ls /sys/fs/cgroup; echo; nsx unshare --cgroup --net --pid --root /run/image \
        ls /sys/fs/cgroup";
        let output = below_the_top(&host, script);
        let (outside, inside) = output.split_once("\n\n").unwrap();
        match cgroups {
            Cgroups::AsOutside => assert_eq!(inside, outside),
            Cgroups::Unified => assert!(
                inside.lines().any(|file| file == "cgroup.procs"),
                "{inside}"
            ),
        }
    }
}
