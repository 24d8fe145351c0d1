//! `nsx unshare` with mounts that make up a root directory, or that are made in one.

use super::mounts::{old_and_new, write};
use crate::{
    support::{Need, Session, Test, both},
    unshare::root_directory::small_root,
};
use std::{fs, os::unix::fs::symlink};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(dev_has_what_programs_expect),
        both(a_root_can_be_built_from_nothing),
        both(a_root_file_system_stays_as_it_is_under_an_overlay),
        both(a_missing_mount_point_is_made_in_memory_alone),
        both(a_hostile_root_leads_nowhere),
        both(a_mount_on_the_root_becomes_the_root),
        both(a_read_only_root_leaves_devices_and_kernel_files_usable),
        both(a_read_only_root_has_writable_exceptions),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox"), Need::Kernel(5, 12)]))
    .collect()
}

fn dev_has_what_programs_expect(session: &Session) {
    let script = "cd /dev && echo * && echo lost > null && head -c 2 zero | wc -c && head -c 3 \
    urandom | wc -c &&
        (echo x > full) 2> null || echo full; readlink fd stdin ptmx; test -c tty && stat -c %a \
    shm pts/ptmx && exec 3<>ptmx && ls pts";
    let expected = "fd full null ptmx pts random shm stderr stdin stdout tty urandom \
    zero\n2\n3\nfull\n/proc/self/fd\n\
                    /proc/self/fd/0\npts/ptmx\n1777\n666\n0\nptmx";
    for command in old_and_new(&session.unshare("--dev sh -c").arg(script)) {
        assert_eq!(command.output(), expected);
    }
}

fn a_root_can_be_built_from_nothing(session: &Session) {
    small_root(session);
    let line = "--root outside --tmpfs / --ro-bind root/bin:/bin --dev --bind where:/etc/where \
    --pid --net \
                sh -c";
    let script = "echo /* && ls /dev/null && cat /etc/where && echo $$ && ls /sys/class/net; echo \
    x > /bin/x || echo x > /x";
    for command in old_and_new(&session.unshare(line).arg(script)) {
        let outcome = command.run().exited(0);
        assert_eq!(
            outcome.text(),
            "/bin /dev /etc /proc /sys\n/dev/null\noutside\n1\nlo"
        );
    }
    assert_eq!(fs::read_dir(session.path("outside")).unwrap().count(), 0);
}

fn a_root_file_system_stays_as_it_is_under_an_overlay(session: &Session) {
    let root = small_root(session);
    let line = "--root root --overlay root:/ --dev --pid sh -c";
    for command in old_and_new(
        &session
            .unshare(line)
            .arg("echo x > /made && cat /where /made && echo /*"),
    ) {
        assert_eq!(
            command.output(),
            "inside\nx\n/bin /dev /made /proc /sys /tmp /where"
        );
    }
    assert!(!root.join("made").exists() && !root.join("dev").exists());
}

fn a_missing_mount_point_is_made_in_memory_alone(session: &Session) {
    write(session, &[("from/file", "x"), ("to/x", "")]);
    let here = session.directory().display();
    for (options, made) in [
        (format!("--bind from:{here}/to/new"), "to/new"),
        (format!("--tmpfs {here}/to/new"), "to/new"),
        (format!("--bind from/file:{here}/to/a/b"), "to/a"),
        // The host's directory is in memory that nsx mounted, and belongs to the host all the same.
        (
            format!("--tmpfs {here}/to --bind from:{here}/to/from --tmpfs {here}/to/from/new"),
            "from/new",
        ),
    ] {
        for command in old_and_new(&session.unshare(&options).args("true")) {
            command
                .run()
                .exited(125)
                .says(&["no such", "leave it behind", "make it"]);
        }
        assert!(!session.path(made).exists(), "{options}");
    }
    let deep = session.unshare(&format!(
        "--tmpfs {here}/to --bind from/file:{here}/to/a/b cat to/a/b"
    ));
    assert_eq!(deep.output(), "x");
}

fn a_hostile_root_leads_nowhere(session: &Session) {
    for target in [
        session.path("outside"),
        "../outside".into(),
        "/outside".into(),
        "/proc/self/root/outside".into(),
    ] {
        let root = small_root(session);
        for name in ["dev", "link"] {
            symlink(&target, root.join(name)).unwrap();
        }
        for options in [
            "--dev",
            "--tmpfs /link",
            "--bind where:/link/made",
            "--tmpfs /tmp --bind where:/tmp/../link/made",
            "--overlay /etc:/link",
            "--ro-bind bin:/link",
        ] {
            for command in
                old_and_new(&session.unshare(&format!("--root root {options} touch ran")))
            {
                command.run().exited(125);
                assert!(!root.join("ran").exists(), "{options} {}", target.display());
                assert_eq!(
                    fs::read_dir(session.path("outside")).unwrap().count(),
                    0,
                    "{options}"
                );
            }
        }
        fs::remove_dir_all(&root).unwrap();
    }
}

/// Like the commonest command lines of bubblewrap, with and without a named root.
fn a_mount_on_the_root_becomes_the_root(session: &Session) {
    write(session, &[("file", "")]);
    let here = session.directory().display();
    for root in ["", "--root / "] {
        let start = if root.is_empty() {
            here.to_string()
        } else {
            "/".to_owned()
        };
        let script =
            format!("pwd; echo x > {here}/file; ls -A /proc/self/root/ | wc -l; cat {here}/file");
        let files = fs::read_dir("/").unwrap().count();
        for command in old_and_new(
            &session
                .unshare(&format!("{root}--ro-bind /:/ sh -c"))
                .arg(&script),
        ) {
            let outcome = command.run().exited(0).says(&["Read-only file system"]);
            assert_eq!(outcome.text(), format!("{start}\n{files}"), "{root}");
        }
        let line = format!(
            "{root}--tmpfs / --ro-bind /usr --bind /bin --bind /lib --bind /lib64 --dev --pid \
            --net --wd / sh -c"
        );
        for command in old_and_new(
            &session
                .unshare(&line)
                .arg("echo /*; echo $$; ls /sys/class/net"),
        ) {
            assert_eq!(
                command.output(),
                "/bin /dev /lib /lib64 /proc /sys /usr\n1\nlo",
                "{root}"
            );
        }
        // The old root is not mounted anywhere, so nothing leads back.
        let tools = "--ro-bind /usr --bind /bin --bind /lib --bind /lib64";
        let mounts = session.unshare(&format!(
            "{root}--tmpfs / --bind /proc {tools} --wd / sed -n"
        ));
        let roots = mounts
            .arg(r"s/^\([^ ]* \)\{4\}\/ .* - \([^ ]*\) .*/\2/p")
            .args("/proc/self/mountinfo")
            .output();
        assert_eq!(roots, "tmpfs", "{root}");
    }
    session
        .unshare("--tmpfs / touch ran")
        .run()
        .exited(125)
        .says(&["mounted on / has no such directory", "--wd"]);
    assert!(!session.path("ran").exists());
}

fn a_read_only_root_leaves_devices_and_kernel_files_usable(session: &Session) {
    let script = "touch /nsx-$$ 2>&1 | grep -c Read-only; touch here 2>&1 | grep -c Read-only; \
    touch /tmp/nsx-$$ 2>&1 | grep -c Read-only
        echo lost >/dev/null && head -c 2 /dev/zero | wc -c; touch /dev/shm/nsx-$$ && rm \
    /dev/shm/nsx-$$ && echo shm
        echo name >/proc/self/comm && echo proc; ls /sys/fs/cgroup | wc -l; unshare -r id -u; pwd";
    let cgroups = fs::read_dir("/sys/fs/cgroup").unwrap().count();
    let here = session.directory().display();
    let expected = format!("1\n1\n1\n2\nshm\nproc\n{cgroups}\n0\n{here}");
    for command in old_and_new(&session.unshare("--ro-root sh -c").arg(script)) {
        assert_eq!(command.output(), expected);
    }
    let inside = session
        .unshare("--ro-root --pid --net sh -c")
        .arg("echo $$; ls /sys/class/net; ls /sys/fs/cgroup | wc -l");
    assert_eq!(inside.output(), format!("1\nlo\n{cgroups}"));
    assert!(!session.path("here").exists());
}

fn a_read_only_root_has_writable_exceptions(session: &Session) {
    write(session, &[("open/x", ""), ("shut/x", "")]);
    let script = "ls /tmp | wc -l; pwd; echo 1 >x && echo 2 >/tmp/x && echo 3 >../shut/x";
    let command = session
        .unshare("--ro-root --tmpfs /tmp --bind . --ro-bind ../shut sh -c")
        .directory(&session.path("open"));
    let outcome = command
        .arg(script)
        .run()
        .exited(2)
        .says(&["Read-only file system"]);
    assert!(outcome.text().ends_with("/open"), "{outcome}");
    let read = |name: &str| fs::read_to_string(session.path(name)).unwrap();
    assert_eq!(
        (read("open/x").as_str(), read("shut/x").as_str()),
        ("1\n", "")
    );
    // It hides the mounts of options before it.
    session
        .unshare("--bind . --ro-root touch open/y")
        .run()
        .exited(1)
        .says(&["Read-only file system"]);
}
