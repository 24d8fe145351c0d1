//! `nsx unshare --root`: another root directory, without a way back.

use crate::support::{Need, Session, Test, both, filter::Filter};
use std::{fs, os::unix::fs::symlink, path::PathBuf};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_program_sees_the_new_root_alone),
        both(the_program_and_its_directory_are_looked_up_inside),
        both(proc_and_sys_are_mounted_inside),
        both(nothing_leads_out_of_the_root),
        both(a_link_at_proc_never_leads_outside),
        both(a_link_at_proc_is_followed_inside),
        both(the_current_root_may_be_named),
        both(an_invalid_root_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox")]))
    .collect()
}

/// Creates a root directory with a shell and its tools. The file `outside` beside it must be out of
/// reach.
pub(crate) fn small_root(session: &Session) -> PathBuf {
    let root = session.path("root");
    // Programs are copied by another process: see `support::place`.
    let script = "mkdir -p root/bin root/proc root/sys root/tmp outside && cp \"$(command -v \
    busybox)\" root/bin/ &&
        for tool in sh ls cat ps pwd id readlink mount mkdir chroot sleep touch; do ln \
    root/bin/busybox root/bin/$tool; done &&
        echo inside > root/where && echo outside > where";
    session.shell(script).run().exited(0);
    root
}

fn the_program_sees_the_new_root_alone(session: &Session) {
    let root = small_root(session);
    for option in [
        format!("--root {}", root.display()),
        "-R root".into(),
        format!("--mount --root={}", root.display()),
    ] {
        let output = session
            .unshare(&option)
            .args("sh -c")
            .arg("pwd; echo /*; cat /where")
            .output();
        assert_eq!(output, "/\n/bin /proc /sys /tmp /where\ninside", "{option}");
    }
    assert_eq!(
        fs::read_dir(root.join("proc")).unwrap().count(),
        0,
        "nothing was mounted outside"
    );
}

fn the_program_and_its_directory_are_looked_up_inside(session: &Session) {
    let root = small_root(session);
    assert_eq!(session.unshare("-R root --wd /tmp pwd").output(), "/tmp");
    assert_eq!(
        session.unshare("-R root /bin/cat /where").output(),
        "inside"
    );
    session
        .unshare("-R root setpriv --version")
        .run()
        .exited(127)
        .says(&["setpriv"]);
    session
        .unshare("-R root --wd /usr touch ran")
        .run()
        .exited(125)
        .says(&["/usr"]);
    assert!(!root.join("ran").exists() && !session.path("ran").exists());
}

fn proc_and_sys_are_mounted_inside(session: &Session) {
    let root = small_root(session);
    let output = session.unshare("-R root --pid ps").output();
    let processes: Vec<&str> = output.lines().skip(1).collect();
    assert!(
        matches!(processes[..], [one] if one.trim_start().starts_with("1 ")),
        "{output}"
    );
    assert_eq!(
        session
            .unshare("-R root --net --pid ls /sys/class/net")
            .output(),
        "lo"
    );
    assert_eq!(
        session
            .unshare("-R root --pid --no-mount-proc ls /proc")
            .output(),
        ""
    );
    fs::remove_dir(root.join("proc")).unwrap();
    session
        .unshare("-R root --pid touch ran")
        .run()
        .exited(125)
        .says(&["proc", "no such file"]);
    assert!(!root.join("ran").exists());
}

fn nothing_leads_out_of_the_root(session: &Session) {
    small_root(session);
    // A program that may call chroot escapes from a simple chroot: through a descriptor from
    // before, above which no root stops it.
    let climb = "mkdir -p tmp/proc && mount -o bind /proc tmp/proc && exec 3</ &&
        chroot tmp /proc/self/fd/3/bin/sh -c 'cd -P /proc/self/fd/3/../../../../../.. && cat \
    where; echo *'";
    let output = session.unshare("-R root --pid sh -c").arg(climb).output();
    assert_eq!(output, "inside\nbin proc sys tmp where");
    // The old root is not mounted anywhere.
    let mounts = session
        .unshare("-R root --pid cat /proc/self/mountinfo")
        .output();
    let places: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    assert_eq!(places, ["/", "/proc"], "{mounts}");
}

fn a_link_at_proc_never_leads_outside(session: &Session) {
    for target in [
        session.path("outside"),
        PathBuf::from("../outside"),
        PathBuf::from("/outside"),
    ] {
        let root = small_root(session);
        fs::remove_dir(root.join("proc")).unwrap();
        symlink(&target, root.join("proc")).unwrap();
        let outcome = session.unshare("-R root --pid touch ran").run();
        outcome.exited(125).says(&["proc"]);
        assert!(!root.join("ran").exists(), "{}", target.display());
        fs::remove_dir_all(&root).unwrap();
    }
}

fn a_link_at_proc_is_followed_inside(session: &Session) {
    let root = small_root(session);
    fs::remove_dir(root.join("proc")).unwrap();
    fs::create_dir(root.join("real")).unwrap();
    for target in ["/real", "real", "../../real"] {
        symlink(target, root.join("proc")).unwrap();
        assert_eq!(
            session.unshare("-R root --pid ls -d /real/1").output(),
            "/real/1",
            "{target}"
        );
        // Without openat2 (5.6) no link is followed at all.
        let outcome = session
            .unshare("-R root --pid touch ran")
            .under(Filter::NewCalls)
            .run();
        outcome.exited(125).says(&["proc"]);
        fs::remove_file(root.join("proc")).unwrap();
    }
    assert!(!root.join("ran").exists());
    fs::create_dir(root.join("proc")).unwrap();
    assert_eq!(
        session
            .unshare("-R root --pid ls -d /proc/1")
            .under(Filter::NewCalls)
            .output(),
        "/proc/1"
    );
}

/// As with chroot(2), and with util-linux's -R.
fn the_current_root_may_be_named(session: &Session) {
    for options in [
        "--root /",
        "-R /../.",
        "--pid --root /",
        "--root / --tmpfs /mnt",
        "--root / --propagation shared",
    ] {
        assert_eq!(
            session.unshare(&format!("{options} pwd")).output(),
            "/",
            "{options}"
        );
        assert_eq!(
            session.unshare(&format!("{options} --wd etc pwd")).output(),
            "/etc",
            "{options}"
        );
    }
    session
        .unshare("--root / --wd missing touch ran")
        .run()
        .exited(125)
        .says(&["/missing"]);
}

fn an_invalid_root_is_refused(session: &Session) {
    session
        .unshare("--root missing touch ran")
        .run()
        .exited(125)
        .says(&["missing", "no such file"]);
    session
        .unshare("--root /etc/passwd touch ran")
        .run()
        .exited(125)
        .says(&["/etc/passwd", "not a directory"]);
    assert!(!session.path("ran").exists());
}
