//! `nsx enter` alone: users, groups and shells are those of the target's own account files.

use super::alike::target;
use crate::{
    support::{Need, Session, Test, both, procfs, root},
    unshare::root_directory::small_root,
};
use std::{fs, os::unix::fs::symlink};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_user_name_is_looked_up_in_the_target),
        root(account_files_are_never_read_outside_the_target),
        root(no_supplementary_group_is_given_twice),
        both(the_shell_is_one_that_exists),
        both(an_image_without_a_shell_is_reported),
    ]
    .into_iter()
    .map(|test| {
        test.needs([
            Need::Namespaces,
            Need::UtilLinux(2, 36),
            Need::Tool("busybox"),
        ])
    })
    .collect()
}

fn a_user_name_is_looked_up_in_the_target(session: &Session) {
    let root = small_root(session);
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/:/bin/sh\nweb:x:0:0::/srv/web:/bin/sh\nops:x:7:8::/srv/ops:/bin/sh\n",
    )
    .unwrap();
    fs::write(root.join("etc/group"), "a:x:8:\nb:x:9:x,ops\nc:x:10:opsy\n").unwrap();
    let (_unshare, sleep) = target(session, "--root=root");
    let who = |user: &str| {
        let enter = session.nsx(&format!("enter {} --user {user} sh -c", sleep.id()));
        enter.arg("echo $(id -u):$(id -g):$(id -G):$HOME").run()
    };
    // A user that the target has already gets the home directory of the target.
    let home = session.directory().display();
    assert_eq!(who("web").exited(0).text(), format!("0:0:0:{home}"));
    for nobody in ["nobody", "web:nobody", "", "-1", "4294967295", "web:"] {
        who(nobody).exited(125);
    }
    if session.is_root() {
        for (user, expected) in [
            ("ops", "7:8:8 9:/srv/ops"),
            ("7", "7:8:8 9:/srv/ops"),
            ("ops:a", "7:8:8:/srv/ops"),
            ("ops:10", "7:10:10:/srv/ops"),
            ("77", "77:0:0:/"),
            ("0:b", &format!("0:9:9:{home}")),
        ] {
            assert_eq!(who(user).exited(0).text(), expected, "{user}");
        }
    } else {
        who("ops").exited(125).says(&["user id 7", "not mapped"]);
    }
}

fn account_files_are_never_read_outside_the_target(session: &Session) {
    let root = small_root(session);
    fs::create_dir(root.join("etc")).unwrap();
    let (_unshare, sleep) = target(session, "--root=root");
    let enter = |words: &str| session.nsx(&format!("enter {} {words}", sleep.id())).run();
    enter("--user nobody id")
        .exited(125)
        .says(&["no user named nobody"]);
    symlink("/../../../../etc/passwd", root.join("etc/group")).unwrap();
    symlink("/proc/1/root/etc/passwd", root.join("etc/passwd")).unwrap();
    enter("--user nobody id").exited(125);
    fs::remove_file(root.join("etc/passwd")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("etc/passwd"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    enter("--user nobody id")
        .exited(125)
        .says(&["users and groups"]);
    // A program that needs no user name runs all the same.
    assert_eq!(
        enter("--user 5:6 id")
            .exited(125)
            .says(&["users and groups"])
            .text(),
        ""
    );
    assert_eq!(enter("-S 5 -G 6 id").exited(0).text(), "uid=5 gid=6");
    enter("sh -c exit").exited(0);
}

fn no_supplementary_group_is_given_twice(session: &Session) {
    let root = small_root(session);
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "web:x:1000:29::/:/bin/sh\n").unwrap();
    fs::write(
        root.join("etc/group"),
        "one:x:30:web\nown:x:29:web\nsame:x:30:web\n",
    )
    .unwrap();
    let (_unshare, sleep) = target(session, "--root=root");
    assert_eq!(
        session
            .nsx(&format!("enter {} --user web id -G", sleep.id()))
            .output(),
        "29 30"
    );
    let (_unshare, sleep) = target(session, "setpriv --reuid=33 --regid=29 --groups=29,30,29");
    assert_eq!(procfs::status(sleep.id(), "Groups").trim(), "29 29 30");
    let enter = session.nsx(&format!(
        "enter {} grep Groups: /proc/self/status",
        sleep.id()
    ));
    assert_eq!(enter.output().trim(), "Groups:\t29 30");
}

fn the_shell_is_one_that_exists(session: &Session) {
    let root = small_root(session);
    fs::create_dir(root.join("etc")).unwrap();
    fs::hard_link(root.join("bin/busybox"), root.join("bin/ash")).unwrap();
    let (_unshare, sleep) = target(session, "--root=root");
    let shell = |shell: &str| {
        fs::write(root.join("etc/passwd"), format!("root:x:0:0::/:{shell}\n")).unwrap();
        session
            .nsx(&format!("enter {}", sleep.id()))
            .env("SHELL", "/bin/bash")
            .input(b"echo $0\n")
            .output()
    };
    assert_eq!(shell("/bin/ash"), "/bin/ash");
    for none in ["/bin/zsh", "", "/usr/sbin/nologin", "/bin/false"] {
        assert_eq!(shell(none), "/bin/sh", "{none}");
    }
}

fn an_image_without_a_shell_is_reported(session: &Session) {
    let root = small_root(session);
    let (_unshare, sleep) = target(session, "--root=root");
    for shell in ["bin/sh", "bin/bash"] {
        let _ = fs::remove_file(root.join(shell));
    }
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/zsh\n").unwrap();
    let shell = session
        .nsx(&format!("enter {}", sleep.id()))
        .run()
        .exited(127);
    shell.says(&[
        "/bin/zsh, /bin/bash or /bin/sh",
        "no such file",
        "none of these shells",
        "--host-tools runs yours",
    ]);
    session
        .nsx(&format!("enter {} ps-none", sleep.id()))
        .run()
        .exited(127)
        .says(&["ps-none", "--host-tools"]);
    let outcome = session
        .nsx(&format!("enter {} -U --uts ps-none", sleep.id()))
        .run()
        .exited(127);
    assert!(
        !String::from_utf8(outcome.stderr)
            .unwrap()
            .contains("--host-tools"),
        "those are the caller's own files"
    );
}
