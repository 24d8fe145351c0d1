//! `nsx enter`: namespaces that files hold, with a process beside them and without.

use crate::support::{Need, Session, Test, procfs, root};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_file_is_joined_in_place_of_the_targets),
        root(a_namespace_by_itself_is_joined_alone),
        root(a_file_of_another_kind_is_refused),
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
    session.nsx(&format!("enter {} touch ran", file.display())).run().exited(125).says(&["child", "PID 1"]);
    assert!(!session.path("ran").exists());
    unpin(session, "pid");
}
