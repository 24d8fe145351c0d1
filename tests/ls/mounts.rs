//! `nsx ls --why`: mounts that keep a namespace alive.

use super::holders::{assert_is_entered, json, only_holder, why};
use crate::support::{
    Need, Process, Session, Test, both,
    procfs::{self},
    root,
};
use serde_json::Value;
use std::{path::Path, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_descriptor_opened_at_a_mount_holds_a_namespace),
        both(a_mount_in_another_mount_namespace_holds_a_namespace),
        root(a_mount_in_an_empty_mount_namespace_holds_a_namespace)
            .needs([Need::Kernel(6, 12), Need::Tool("taskset")]),
        both(a_hanging_mount_on_the_path_is_not_waited_for),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell in its own mount namespace, as root of a user namespace if it needs one.
pub(super) fn private(session: &Session, script: &str) -> Process {
    let map = session.map_root();
    session
        .command(&format!("unshare {map}--mount sh -ec"))
        .arg(script)
        .start()
}

fn a_descriptor_opened_at_a_mount_holds_a_namespace(session: &Session) {
    // Its link then shows a path instead of a namespace.
    let script = "touch pin; unshare --uts=pin true; exec 7<pin; umount -l pin; stat -Lc \
    'uts:[%i]' /proc/self/fd/7
        touch pin; unshare --uts=pin true; exec 8<pin; stat -Lc 'uts:[%i]' /proc/self/fd/8; exec \
    sleep 100";
    let keeper = private(session, script);
    keeper.program("sleep");
    let text = String::from_utf8(keeper.stdout()).unwrap();
    let [unmounted, ns] = [0, 1].map(|line| text.lines().nth(line).unwrap());
    // Only `/` is left of its path.
    let holder = only_holder(session, unmounted);
    assert_eq!(
        (&holder["holder"], &holder["fd"]),
        (&"descriptor".into(), &7.into())
    );
    let link = std::fs::read_link(format!("/proc/{}/fd/8", keeper.id())).unwrap();
    assert!(link.is_absolute(), "{}", link.display());
    let holders = why(session, ns);
    let kinds: Vec<&str> = holders
        .iter()
        .map(|holder| holder["holder"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["descriptor", "mount"]);
    assert_eq!(
        (&holders[0]["process"]["pid"], &holders[0]["fd"]),
        (&keeper.id().into(), &8.into())
    );
    assert_is_entered(session, ns);
}

fn a_mount_in_another_mount_namespace_holds_a_namespace(session: &Session) {
    let name = "p\x1b\u{202e} in";
    let keeper = private(
        session,
        &format!(
            "touch '{name}'; unshare --uts='{name}' true; stat -c 'uts:[%i]' '{name}'; exec sleep \
            100"
        ),
    );
    let sleep = keeper.program("sleep");
    let ns = keeper.line();
    let holder = only_holder(session, &ns);
    assert_eq!(holder["holder"], "mount");
    assert_eq!(holder["point"], session.path(name).to_str().unwrap());
    assert_eq!(
        format!("mnt:[{}]", holder["inside"]),
        procfs::ns(sleep.id(), "mnt")
    );
    assert_eq!(
        (&holder["own"], &holder["seen_by"]),
        (&false.into(), &sleep.id().into())
    );
    // Its owner is known though no process is in it.
    let document = json(session, &format!("ls --why {ns}"));
    assert_eq!(
        format!("user:[{}]", document["owner"]),
        procfs::ns(sleep.id(), "user")
    );
    let text = session.nsx(&format!("ls --why {ns}")).output();
    assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
    assert!(text.contains("is unmounted there."), "{text}");
    // Without --deep nsx does not look there.
    let shallow = json(session, "ls -t uts");
    assert!(
        !shallow.to_string().contains(&ns[5..ns.len() - 1]),
        "{shallow}"
    );
}

fn a_mount_in_an_empty_mount_namespace_holds_a_namespace(session: &Session) {
    // A mount namespace can be pinned only on the processor that it was created on, see
    // tests/unshare/pins.rs.
    let script = "touch mnt uts; exec taskset -c 0 unshare --mount --propagation private sh -ec '
        unshare --mount=mnt --propagation unchanged sh -ec \"unshare --uts=uts true; stat -c %i \
    uts\"
        stat -c %i mnt; exec sleep 100'";
    let keeper = session
        .command("taskset -c 0 unshare --mount --propagation private sh -ec")
        .arg(script)
        .start();
    keeper.program("sleep");
    let output = String::from_utf8(keeper.stdout()).unwrap();
    let (uts, mnt) = output.trim().split_once('\n').unwrap();
    let holder = only_holder(session, &format!("uts:[{uts}]"));
    assert_eq!(
        (&holder["holder"], &holder["seen_by"]),
        (&"mount".into(), &Value::Null)
    );
    assert_eq!(holder["point"], session.path("uts").to_str().unwrap());
    assert_eq!(holder["inside"].to_string(), mnt);
    // The path of that mount means nothing to the caller.
    let rows = json(session, "ls --deep -t uts -o ns,nsfs,path,holders");
    let row = rows["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["ns"] == uts.parse::<u64>().unwrap());
    let row = row.unwrap();
    assert_eq!((&row["nsfs"], &row["path"]), (&Value::Null, &Value::Null));
    assert_eq!(row["holders"][0], "1 mount");
    let holder = only_holder(session, &format!("mnt:[{mnt}]"));
    assert_eq!(
        (&holder["holder"], &holder["point"]),
        (
            &"mount".into(),
            &session.path("mnt").to_str().unwrap().into()
        )
    );
}

fn a_hanging_mount_on_the_path_is_not_waited_for(session: &Session) {
    // A pin below a directory that has been replaced by a FIFO, and descriptors of FIFOs.
    let script = "mkfifo fifo; mkdir dir; touch dir/pin; unshare --uts=dir/pin true; stat -c \
    'uts:[%i]' dir/pin
        exec 7<>fifo; mkfifo dir/other; mount --bind fifo dir/other; exec sleep 100";
    let keeper = private(session, script);
    keeper.program("sleep");
    let ns = keeper.line();
    let process = session.nsx("ls --deep").start();
    process.wait_for(Duration::from_secs(15)).exited(0);
    let holder = only_holder(session, &ns);
    assert_eq!(
        Path::new(holder["point"].as_str().unwrap()),
        session.path("dir/pin")
    );
}
