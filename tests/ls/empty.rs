//! `nsx ls` of namespaces without processes, and what it can still show of them.

use crate::support::{Need, Session, Test, both, procfs, root};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_namespace_kept_by_a_descriptor_is_described_like_a_populated_one)
            .needs([Need::Kernel(6, 12)]),
        both(a_network_kept_by_a_socket_is_described).needs([Need::Tool("perl")]),
        root(a_pinned_network_has_its_nsid_and_devices).needs([Need::Tool("ip")]),
        root(a_name_finds_a_namespace_without_processes).needs([Need::Tool("ip")]),
        root(facts_that_nothing_leads_to_stay_unknown).needs([Need::Tool("ip")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Returns the row of a list for a namespace such as `uts:[4026532177]`.
#[track_caller]
fn row(session: &Session, ns: &str, words: &str) -> Value {
    let document = session
        .nsx(&format!("ls -q --deep --json -o ns,type,seen,{words}"))
        .output();
    let document: Value = serde_json::from_str(&document).unwrap();
    let is_it = |row: &&Value| format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"]) == ns;
    let row = document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(is_it);
    row.unwrap_or_else(|| panic!("no {ns} in {document}"))
        .clone()
}

/// The devices that every new network namespace has.
fn devices(session: &Session) -> usize {
    session
        .original_unshare("--user --map-root-user --net cat /proc/self/net/dev")
        .output()
        .lines()
        .count()
        - 2
}

fn a_namespace_kept_by_a_descriptor_is_described_like_a_populated_one(session: &Session) {
    let unshare = session
        .nsx("unshare -r --uts --hostname empty-box --net --mount sleep 100")
        .start();
    let sleep = unshare.program("sleep");
    let id = sleep.id();
    let [uts, net, mnt] = ["uts", "net", "mnt"].map(|kind| procfs::ns(id, kind));
    // Above its root directory there may be a mount that it does not see.
    let mounts = std::fs::read_to_string(format!("/proc/{id}/mountinfo"))
        .unwrap()
        .lines()
        .count() as u64;
    let script = format!(
        "exec 6</proc/{id}/ns/uts 7</proc/{id}/ns/net 8</proc/{id}/ns/mnt; echo open; exec sleep \
        100"
    );
    let keeper = session.shell(&script).start();
    keeper.line();
    keeper.program("sleep");
    sleep.signal(Signal::KILL);
    assert!(sleep.ended(Duration::from_secs(10)));
    drop(unshare);
    let row = |ns, column| {
        let row = row(session, ns, column);
        assert_eq!(row["seen"], 0, "{row}");
        row[column].clone()
    };
    assert_eq!(row(&uts, "hostname"), "empty-box");
    assert_eq!(row(&net, "nlinks"), devices(session));
    assert_eq!(row(&net, "hostname"), Value::Null);
    let counted = row(&mnt, "nmounts").as_u64().unwrap();
    assert!(
        [mounts, mounts + 1].contains(&counted),
        "{counted} {mounts}"
    );
}

fn a_network_kept_by_a_socket_is_described(session: &Session) {
    let (unshare, setns) = (libc::SYS_unshare, libc::SYS_setns);
    let script = format!(
        "$| = 1; use Socket; open(OLD, '<', '/proc/self/ns/net') or die $!;
        syscall({unshare}, 0x40000000) == 0 or die $!; my $new = readlink('/proc/self/ns/net');
        socket(S, AF_UNIX, SOCK_DGRAM, 0) or die $!; syscall({setns}, fileno(OLD), 0) == 0 or die \
        $!; close(OLD);
        print \"$new\\n\"; sleep 100"
    );
    let process = session
        .original_unshare("--user --map-root-user --net perl -e")
        .arg(script)
        .start();
    assert_eq!(
        row(session, &process.line(), "nlinks")["nlinks"],
        devices(session)
    );
}

fn a_pinned_network_has_its_nsid_and_devices(session: &Session) {
    let script =
        "mount -t tmpfs none /run; ip netns add blue; ip netns set blue 77; ip -n blue link add \
        name more type veth
        exec nsx ls -q --json -t net -o nlinks,netnsid -Q 'NSFS == \"/run/netns/blue\"'";
    let document = session
        .original_unshare("--mount --net sh -ec")
        .arg(script)
        .output();
    let document: Value = serde_json::from_str(&document).unwrap();
    // The two ends of the cable.
    assert_eq!(
        document["namespaces"],
        json!([{ "nlinks": devices(session) + 2, "netnsid": 77 }])
    );
}

fn a_name_finds_a_namespace_without_processes(session: &Session) {
    let script = "mount -t tmpfs none /run; ip netns add blue; stat -c %i /run/netns/blue
        for word in blue netns:blue /run/netns/blue; do nsx ls -q --json $word | grep -o '\"ns\": \
    *[0-9]*' | head -n 1; done";
    let output = session
        .original_unshare("--mount --net sh -ec")
        .arg(script)
        .output();
    let lines: Vec<_> = output
        .lines()
        .map(|line| line.rsplit([':', ' ']).next().unwrap())
        .collect();
    assert_eq!(lines, [lines[0]; 4], "{output}");
}

fn facts_that_nothing_leads_to_stay_unknown(session: &Session) {
    // At its mount point another namespace is mounted: that one is not opened, and nothing else
    // leads there.
    let script =
        "mount -t tmpfs none /run; ip netns add blue; touch /run/other; mount --bind /run/other \
        /run/netns/blue
        exec nsx ls -q --json -t net -o nprocs,nlinks,netnsid -Q 'NPROCS == 0 && NSFS == \"/run/netns/blue\"'";
    let document = session
        .original_unshare("--mount --net sh -ec")
        .arg(script)
        .output();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        document["namespaces"],
        json!([{ "nprocs": 0, "nlinks": null, "netnsid": null }])
    );
}
