//! `nsx unshare --join`: namespaces of targets beside the new ones.

use super::sets::host;
use crate::support::{
    Command, Need, Session, Test, both, ordinary,
    procfs::{self, KINDS},
    root,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(named_kinds_are_the_targets_and_the_others_are_new),
        both(every_kind_is_new_but_those_that_are_joined),
        both(a_target_is_a_process_a_set_a_file_or_a_directory),
        both(proc_and_sys_show_what_is_joined).needs([Need::Tool("ip"), Need::Tool("ps")]),
        both(a_joined_mount_namespace_is_left_as_it_is),
        both(a_set_has_joined_namespaces_and_ends_without_them),
        both(what_cannot_be_joined_is_refused_before_anything_is_made),
        both(a_kind_is_not_both_joined_and_new),
        root(a_set_of_an_ordinary_user_is_joined_as_its_root),
        root(a_process_that_has_ended_is_not_joined),
        ordinary(the_namespaces_of_an_own_set_are_joined),
        ordinary(the_namespaces_of_others_are_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Kernel(5, 6)]))
    .collect()
}

/// Prints a line `KIND NAMESPACE` for each kind.
const PRINT: &str = "for kind in cgroup ipc mnt net pid time user uts; do \
    echo $kind $(readlink /proc/self/ns/$kind); done";

/// A namespace of `output`, which [`PRINT`] printed.
fn namespace<'a>(output: &'a str, kind: &str) -> &'a str {
    let mut lines = output.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(name, _)| *name == kind);
    found.unwrap_or_else(|| panic!("{kind}: {output}")).1
}

fn named_kinds_are_the_targets_and_the_others_are_new(session: &Session) {
    let target = session.unshare("--net --uts --ipc sleep 100").start();
    let target = target.program("sleep").id();
    let output = session
        .nsx(&format!("unshare --join net,uts={target} --ipc sh -c"))
        .arg(PRINT)
        .output();
    for kind in ["net", "uts"] {
        assert_eq!(namespace(&output, kind), procfs::ns(target, kind), "{kind}");
    }
    for kind in ["ipc", "mnt"] {
        assert_ne!(namespace(&output, kind), procfs::ns(target, kind), "{kind}");
        assert_ne!(namespace(&output, kind), procfs::ns("self", kind), "{kind}");
    }
    for kind in ["pid", "time", "cgroup"] {
        assert_eq!(namespace(&output, kind), procfs::ns("self", kind), "{kind}");
    }
    // An ordinary user gains the right to join in the user namespace that owns them.
    assert_eq!(namespace(&output, "user"), procfs::ns(target, "user"));
}

fn every_kind_is_new_but_those_that_are_joined(session: &Session) {
    let target = session.unshare("--uts --net sleep 100").start();
    let target = target.program("sleep").id();
    let output = session
        .nsx(&format!("unshare --all --join uts={target} sh -c"))
        .arg(PRINT)
        .output();
    for kind in KINDS {
        let found = namespace(&output, kind);
        let is_joined = kind == "uts" || (kind == "user" && !session.is_root());
        assert_eq!(found == procfs::ns(target, kind), is_joined, "{kind}");
        if !is_joined {
            assert_ne!(found, procfs::ns("self", kind), "{kind}");
        }
    }
}

fn a_target_is_a_process_a_set_a_file_or_a_directory(session: &Session) {
    let script = "
        nsx unshare --name web --uts --hostname inside
        keeper=$(sed -n s/pid=//p /run/nsx/web)
        mkdir pins
        touch pins/uts
        mount --bind /proc/$keeper/ns/uts pins/uts
        for target in $keeper lab:web web pins/uts ./pins /proc/$keeper/ns/uts /proc/$keeper/ns; do
            nsx unshare --join uts=$target --ipc hostname
        done
        umount pins/uts
        nsx rm lab:web";
    let output = host(session, script).output();
    assert_eq!(output, ["inside"; 7].join("\n"));
}

fn proc_and_sys_show_what_is_joined(session: &Session) {
    let script = "
        nsx unshare --name web --net --pid
        nsx enter web ip link add inside type dummy 2>/dev/null || \
            nsx enter web ip link add inside type veth peer name other
        nsx unshare --join net,pid=web --ipc sh -c 'ls -d /sys/class/net/inside; ps -o comm= 1'
        nsx rm lab:web";
    let output = host(session, script).output();
    assert_eq!(output, "/sys/class/net/inside\nnsx");
}

fn a_joined_mount_namespace_is_left_as_it_is(session: &Session) {
    let script = "
        nsx unshare --name web --mount --tmpfs /mnt
        nsx enter web touch /mnt/inside
        nsx enter web cat /proc/self/mountinfo >before
        nsx unshare --join mnt=web --net --pid --ipc ls /mnt
        nsx enter web cat /proc/self/mountinfo >after
        cmp before after && echo same
        for option in '--tmpfs /x' '--root /mnt' '--mount-proc' '--mount'; do
            nsx unshare --join mnt=web $option true 2>/dev/null || echo $?
        done
        nsx rm lab:web";
    assert_eq!(
        host(session, script).output(),
        "inside\nsame\n125\n125\n125\n125"
    );
}

fn a_set_has_joined_namespaces_and_ends_without_them(session: &Session) {
    let script = "
        nsx unshare --name one --uts --hostname first
        nsx unshare --name two --join uts=lab:one --ipc
        nsx enter two hostname
        nsx enter one sh -c 'sleep 100' &
        sleep 0.2
        nsx rm lab:two
        kill $! && echo lives
        nsx enter one hostname
        nsx rm lab:one
        ls -A /run/nsx";
    assert_eq!(host(session, script).output(), "first\nlives\nfirst");
}

fn what_cannot_be_joined_is_refused_before_anything_is_made(session: &Session) {
    let script = "
        nsx unshare --name web --uts --ipc
        keeper=$(sed -n s/pid=//p /run/nsx/web)
        try() { nsx unshare --name new --net \"$@\" 2>&1 && echo ran; ls /run/nsx; }
        try --join uts=lab:none
        try --join net=/proc/$keeper/ns/uts
        try --join uts,net=/proc/$keeper/ns/uts
        try --join uts=/nonexistent
        try --join uts=4194303
        try --join uts=lab:web --join uts=lab:web
        nsx rm lab:web";
    let output = host(session, script).output();
    assert_eq!(output.matches("\nweb").count(), 6, "{output}");
    for words in [
        "lab:none",
        "is a uts namespace, not a process that has a net one",
        "/nonexistent",
        "4194303",
        "--join names the uts namespace twice",
    ] {
        assert!(output.contains(words), "{words}: {output}");
    }
    for (word, says) in [
        ("net", "KIND[,KIND]=TARGET"),
        ("=web", "unknown kind"),
        ("net=", "KIND[,KIND]=TARGET"),
        ("nets=web", "unknown kind"),
    ] {
        let refused = session.nsx("unshare --uts --join").arg(word).arg("true");
        refused.run().exited(125).says(&[says]);
    }
}

fn a_kind_is_not_both_joined_and_new(session: &Session) {
    let target = session
        .unshare("--net --uts --ipc --pid --time --cgroup sleep 100")
        .start();
    let target = target.program("sleep").id();
    for (kind, option) in [
        ("net", "--net"),
        ("uts", "--hostname x"),
        ("pid", "--init"),
        ("time", "--monotonic 5"),
        ("cgroup", "--cgroup"),
        ("ipc", "--ipc"),
        ("mnt", "--tmpfs /tmp"),
    ] {
        let refused = session.nsx(&format!("unshare --join {kind}={target} {option} true"));
        refused.run().exited(125).says(&[&format!(
            "the {kind} namespace cannot be both joined and new"
        )]);
    }
}

fn runtime(session: &Session) -> impl Fn(&str) -> Command {
    let runtime = session.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::os::unix::fs::chown(&runtime, Some(session.ids().0), Some(session.ids().1)).unwrap();
    move |words| session.nsx(words).env("XDG_RUNTIME_DIR", &runtime)
}

fn the_namespaces_of_an_own_set_are_joined(session: &Session) {
    let nsx = runtime(session);
    nsx("unshare -r --net --uts --hostname mine --pid --name mine").output();
    assert_eq!(
        nsx("unshare --join uts,pid=lab:mine --ipc sh -c")
            .arg("hostname; id -u; ps -o comm= 1")
            .output(),
        "mine\n0\nnsx"
    );
    // A second set, in the network of the first.
    nsx("unshare --join net=lab:mine --uts --hostname other --name other").output();
    assert_eq!(nsx("enter lab:other hostname").output(), "other");
    let net = |name: &str| nsx(&format!("enter {name} readlink /proc/self/ns/net")).output();
    assert_eq!(net("mine"), net("other"));
    nsx("unshare -r --join net=lab:mine true")
        .run()
        .exited(125)
        .says(&["leave out -r", "joined"]);
    nsx("rm lab:mine lab:other").output();
}

fn the_namespaces_of_others_are_refused(session: &Session) {
    // PID 1 is root's.
    for kind in ["net", "uts", "user"] {
        let refused = session.nsx(&format!("unshare -r --ipc --join {kind}=1 true"));
        refused.run().exited(125).says(&["of 1"]);
    }
}

fn a_set_of_an_ordinary_user_is_joined_as_its_root(session: &Session) {
    let target = session
        .original_unshare("--map-root-user --user --net sleep 100")
        .start();
    let target = target.program("sleep").id();
    let output = session
        .nsx(&format!("unshare --join user,net={target} --uts sh -c"))
        .arg("id -u; id -G; grep CapEff /proc/self/status; ip link set lo up && echo up")
        .output();
    let mut lines = output.lines();
    assert_eq!((lines.next(), lines.next()), (Some("0"), Some("0")));
    assert_eq!(lines.last(), Some("up"), "{output}");
}

fn a_process_that_has_ended_is_not_joined(session: &Session) {
    let gone = session.shell("echo $$").output();
    let refused = session.nsx(&format!("unshare --ipc --join net={gone} touch ran"));
    refused.run().exited(125);
    assert!(!session.path("ran").exists());
}
