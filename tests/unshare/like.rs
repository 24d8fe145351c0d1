//! `nsx unshare --like`: new namespaces like those of a target.

use super::sets::host;
use crate::support::{
    Need, Session, Test, both,
    procfs::{self, KINDS},
    root,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_kinds_of_the_target_are_new),
        both(ids_clocks_and_the_host_name_are_those_of_the_target),
        both(options_take_precedence_over_the_target),
        both(a_set_is_like_another_set),
        both(a_target_that_is_not_there_is_refused),
        root(links_lead_to_the_same_bridge).needs([Need::Tool("ip")]),
        root(the_name_of_a_link_is_not_read_as_options).needs([Need::Tool("ip")]),
        root(what_cannot_be_had_is_noted).needs([Need::Tool("ip")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Kernel(5, 6)]))
    .collect()
}

fn the_kinds_of_the_target_are_new(session: &Session) {
    let target = session.unshare("--uts --ipc --pid sleep 100").start();
    let target = target.program("sleep").id();
    let script = "for kind in cgroup ipc mnt net pid time user uts; do \
        readlink /proc/self/ns/$kind; done";
    let output = session.nsx(&format!("unshare --like {target} sh -c"));
    let output = output.arg(script).output();
    for (kind, found) in KINDS.into_iter().zip(output.lines()) {
        let (own, theirs) = (procfs::ns("self", kind), procfs::ns(target, kind));
        assert_eq!(found == own, own == theirs, "{kind}");
        assert!(found == own || found != theirs, "{kind}");
    }
}

/// Prints the facts that are alike.
const FACTS: &str = "hostname; cat /proc/self/timens_offsets /proc/self/uid_map \
    /proc/self/gid_map /proc/self/setgroups";

fn ids_clocks_and_the_host_name_are_those_of_the_target(session: &Session) {
    let maps = if session.is_root() {
        "--map-users 0:100000:1000 --map-groups 5:200000:7 --map-groups 0:100000:1"
    } else {
        "-r"
    };
    let target = session
        .nsx(&format!(
            "unshare {maps} --hostname walls --monotonic 500 --boottime -1 sh -c"
        ))
        .arg(format!("{FACTS}; exec sleep 100"))
        .start();
    let id = target.program("sleep").id();
    let expected: String = procfs_lines(&target.stdout());
    let alike = session.nsx(&format!("unshare --like {id} sh -c"));
    assert_eq!(procfs_lines(alike.arg(FACTS).output().as_bytes()), expected);
    assert!(
        expected.contains("walls") && expected.contains("500"),
        "{expected}"
    );
}

fn procfs_lines(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap().trim().to_owned()
}

fn options_take_precedence_over_the_target(session: &Session) {
    let target = session
        .unshare("--hostname walls --monotonic 500 sleep 100")
        .start();
    let target = target.program("sleep").id();
    let output = session
        .nsx(&format!(
            "unshare --like {target} --hostname other --monotonic 7 --ipc sh -c"
        ))
        .arg("hostname; grep monotonic /proc/self/timens_offsets; readlink /proc/self/ns/ipc")
        .output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "other");
    assert_eq!(lines[1].split_whitespace().nth(1), Some("7"), "{output}");
    assert_ne!(lines[2], procfs::ns(target, "ipc"));
}

fn a_set_is_like_another_set(session: &Session) {
    let script = "
        nsx unshare --name one --uts --hostname first --pid
        nsx unshare --name two --like lab:one
        nsx enter two hostname
        sed -n s/kinds=//p /run/nsx/one /run/nsx/two
        nsx unshare --join uts=one --like one --explain | grep -o 'unshare(.*NEWPID)'
        nsx rm lab:one lab:two";
    assert_eq!(
        host(session, script).output(),
        "first\nmnt,pid,uts\nmnt,pid,uts\nunshare(CLONE_NEWNS|CLONE_NEWPID)"
    );
}

fn a_target_that_is_not_there_is_refused(session: &Session) {
    for target in ["lab:none", "4194303", "/nonexistent", "self"] {
        let refused = session.nsx(&format!("unshare --uts --like {target} touch ran"));
        refused.run().exited(125);
        assert!(!session.path("ran").exists(), "{target}");
    }
}

fn links_lead_to_the_same_bridge(session: &Session) {
    let script = "
        nsx unshare --name one --link veth,name=data0,bridge=br7,create,addr=10.9.0.2/24,mtu=1400
        nsx unshare --name own --link veth,name=wan
        nsx unshare --name two --like lab:one
        nsx unshare --name three --like lab:own
        nsx enter two ip -o link show data0 | grep -o 'mtu 1400'
        ip -o link show master br7 | wc -l
        nsx enter three ip -o -4 address show wan | grep -c 'inet 10'
        nsx enter three ip route | grep -o 'default via 10'
        [ \"$(nsx enter own ip -o -4 addr show wan)\" != \"$(nsx enter three ip -o -4 addr show wan)\" ]
        nsx rm lab:one lab:two lab:three lab:own";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&["its link data0", "gets no address"]);
    assert_eq!(outcome.text(), "mtu 1400\n2\n1\ndefault via 10");
}

fn the_name_of_a_link_is_not_read_as_options(session: &Session) {
    let script = "
        ip link add br9 type bridge
        nsx unshare --name one --link veth,name=wan
        nsx enter one ip link set wan down
        nsx enter one ip link set wan name a,bridge=br9
        nsx unshare --name two --like lab:one
        nsx enter two ip -o -4 address show a,bridge=br9 | grep -c 'inet 10'
        ip -o link show master br9 | wc -l
        nsx rm lab:one lab:two
        ip link del br9";
    assert_eq!(host(session, script).output(), "1\n0");
}

fn what_cannot_be_had_is_noted(session: &Session) {
    let script = "
        nsx unshare --name one --net
        nsx enter one ip link add cable type veth peer name end
        ip link add br9 index 77 type bridge
        nsx enter one ip link add br8 index 77 type bridge
        nsx enter one ip link add upper link br8 type macvlan
        nsx unshare --like lab:one sh -c 'ls /sys/class/net'
        nsx rm lab:one
        ip link del br9";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&[
        "its link cable",
        "its link end",
        "its link upper",
        "left out",
    ]);
    assert!(!outcome.text().contains("cable"), "{}", outcome.text());
    assert!(!outcome.text().contains("upper"), "{}", outcome.text());
}
