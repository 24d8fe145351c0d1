//! `nsx enter`: namespaces that files hold, with a process beside them and without.

use crate::support::{Need, Session, Test, both, procfs, root};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_file_is_joined_in_place_of_the_targets),
        root(a_namespace_by_itself_is_joined_alone),
        root(a_file_of_another_kind_is_refused),
        root(the_program_is_root_of_a_user_namespace_of_a_file),
        both(ones_own_user_namespace_is_none_to_enter),
        root(nobody_is_born_where_pid_1_has_ended),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Pins a new namespace to the file of its kind's name, and gives its name.
fn pinned(session: &Session, kind: &str) -> String {
    let (option, link) = if kind == "pid" { ("--pid", "pid") } else { ("", kind) };
    let path = session.path(kind);
    let unshare = session.nsx(
        &format!("unshare {option} --pin {kind}={} readlink /proc/self/ns/{link}", path.display()).replace("  ", " "),
    );
    unshare.output()
}

fn unpin(session: &Session, kind: &str) {
    session.command("umount").arg(session.path(kind)).run().exited(0);
}

fn a_file_is_joined_in_place_of_the_targets(session: &Session) {
    let net = pinned(session, "net");
    let unshare = session.original_unshare("--uts --net sleep 100").start();
    let sleep = unshare.program("sleep");
    let script = "readlink /proc/self/ns/net /proc/self/ns/uts";
    let file = session.path("net");
    let enter = |words: &str| session.nsx(&format!("enter {} {words} -- {script}", sleep.id())).output();
    let (uts, own) = (procfs::ns(sleep.id(), "uts"), procfs::ns("self", "uts"));
    assert_eq!(enter(&format!("--net={}", file.display())), format!("{net}\n{own}"));
    assert_eq!(enter(&format!("-u -n={}", file.display())), format!("{net}\n{uts}"));
    assert_eq!(enter("-un"), format!("{}\n{uts}", procfs::ns(sleep.id(), "net")));
    unpin(session, "net");
}

fn a_namespace_by_itself_is_joined_alone(session: &Session) {
    let net = pinned(session, "net");
    let file = session.path("net");
    let words = format!("enter {} --", file.display());
    let script = "readlink /proc/self/ns/net /proc/self/ns/mnt; id -u; ls /sys/class/net; pwd";
    let output = session.nsx(&words).args("sh -c").arg(script).output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!((lines[0], lines[2], lines[3]), (net.as_str(), "0", "lo"), "{output}");
    // /sys is put right apart from everybody else's mounts.
    assert_ne!(lines[1], procfs::ns("self", "mnt"));
    assert_eq!(lines[4], session.directory().to_str().unwrap());
    let unfixed = session.nsx(&format!("enter {} --no-fix readlink /proc/self/ns/mnt", file.display())).output();
    assert_eq!(unfixed, procfs::ns("self", "mnt"));
    let uts = session.nsx(&format!("enter {} --uts touch ran", file.display())).run().exited(125);
    uts.says(&["is a net namespace", "uts"]);
    let missing = session.nsx("enter /nowhere/net touch ran").run().exited(125);
    missing.says(&["/nowhere/net"]);
    assert!(!session.path("ran").exists());
    unpin(session, "net");
}

fn the_program_is_root_of_a_user_namespace_of_a_file(session: &Session) {
    let who = "id -u; id -g; id -G; readlink /proc/self/ns/user";
    let mapped =
        session.command("setpriv --reuid=4242 --clear-groups unshare --user --map-root-user sleep 100").start();
    let mapped = mapped.program("sleep");
    let ranges = session.nsx("unshare --user --map-users 0:70000:10 --map-groups 0:70000:10 sleep 100").start();
    let ranges = ranges.program("sleep");
    let unmapped = session.command("unshare --user --map-current-user sleep 100").start();
    let own =
        session.command("setpriv --reuid=4242 --regid=4242 --clear-groups unshare --user --map-current-user sleep 100");
    let own = own.start();
    let (unmapped, own) = (unmapped.program("sleep"), own.program("sleep"));
    let other = session.command("unshare --user --map-root-user --uts sleep 100").start();
    let other = other.program("sleep").id();
    for (sleep, uid) in [(&mapped, "0"), (&ranges, "0"), (&unmapped, "0"), (&own, "65534")] {
        let file = format!("/proc/{}/ns/user", sleep.id());
        let name = procfs::ns(sleep.id(), "user");
        for target in [file.clone(), name.clone(), format!("{other} --uts --userns={file}")] {
            let enter = session.command("setpriv --groups=7,8 -- nsx enter").args(&target).args("-- sh -c").arg(who);
            let output = enter.output();
            let expected = session.command(&format!("setpriv --groups=7,8 -- nsenter --user={file} sh -c")).arg(who);
            match uid {
                "0" => assert_eq!(output, expected.output(), "{target}"),
                // nsenter gives up where there is no user 0.
                _ => assert_eq!(output, format!("65534\n65534\n65534\n{name}"), "{target}"),
            }
        }
        let user = session.nsx(&format!("enter {file} -S 3 -G 4 -- sh -c")).arg(who).run();
        if sleep.id() == ranges.id() {
            assert_eq!(user.exited(0).text(), format!("3\n4\n4\n{name}"));
        } else {
            user.exited(125).says(&["become group 4"]);
        }
        let plan = session.nsx(&format!("enter {file} --explain -- true")).output();
        let ids: Vec<_> =
            plan.lines().filter(|line| line.contains("setgid(0)") || line.contains("setuid(0)")).collect();
        assert!(ids.len() == 2 && ids.iter().all(|line| line.contains("skipped if")), "{plan}");
    }
}

fn ones_own_user_namespace_is_none_to_enter(session: &Session) {
    let own = procfs::ns("self", "user");
    for target in [own.as_str(), "/proc/self/ns/user", "$$ --userns=/proc/self/ns/user"] {
        let refused = session.shell(&format!("exec nsx enter {target} -- touch ran")).run().exited(125);
        refused.says(&["your own user namespace already", "nothing to enter"]);
    }
    assert!(!session.path("ran").exists());
}

fn a_file_of_another_kind_is_refused(session: &Session) {
    let sleep = session.original_unshare("--uts sleep 100").start();
    let id = sleep.program("sleep").id();
    fs::write(session.path("plain"), "").unwrap();
    for (file, says) in
        [("/proc/self/ns/uts", "holds a uts namespace"), ("plain", "as a namespace"), ("/nowhere", "/nowhere")]
    {
        session.nsx(&format!("enter {id} --net={file} touch ran")).run().exited(125).says(&[says]);
    }
    assert!(!session.path("ran").exists());
}

fn nobody_is_born_where_pid_1_has_ended(session: &Session) {
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
