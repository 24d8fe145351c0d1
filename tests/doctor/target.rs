//! `nsx doctor TARGET`: compared with what the kernel shows and with what the target was given.

use super::{assert_finding, document, finding, fits_the_schema};
use crate::support::{
    Need, Process, Session, Test, both, filter::Filter, hang, procfs, root, until,
};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(namespaces_of_its_own_are_told_from_the_hosts),
        both(root_of_a_user_namespace_is_named_as_here),
        root(capabilities_that_lead_out_are_explained),
        both(confinement_is_read_from_its_status),
        root(system_calls_are_judged_as_its_filter_decides),
        root(system_calls_depend_on_arguments_if_the_filter_looks_at_them),
        both(directories_of_the_host_are_found_whatever_their_names),
        both(mounts_that_propagate_are_found),
        root(ports_are_those_that_ss_lists).needs([Need::Tool("ss")]),
        both(low_ports_are_those_that_may_not_be_bound),
        root(a_mount_that_hangs_does_not_stall).needs([Need::Fuse]),
        both(a_process_that_ended_is_a_failure),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn sleep(session: &Session, options: &str) -> (Process, u32) {
    let unshare = session
        .original_unshare(&format!("{options} sleep 100"))
        .start();
    let id = unshare.program("sleep").id();
    (unshare, id)
}

fn namespaces_of_its_own_are_told_from_the_hosts(session: &Session) {
    let (_unshare, id) = sleep(session, "--net --uts");
    let document = document(session, "", &id.to_string());
    let (verdict, own) = finding(&document, "namespaces", "own").unwrap();
    assert_eq!(verdict, "ok");
    for kind in ["ipc", "net", "pid", "uts"] {
        let is_own = procfs::ns(id, kind) != procfs::ns(std::process::id(), kind);
        assert_eq!(own.contains(kind), is_own, "{kind}: {own}");
        assert_eq!(
            finding(&document, "namespaces", kind).is_some(),
            !is_own,
            "{kind}"
        );
    }
    assert_finding(&document, "namespaces", "pid", "bad", "is the host's");
}

fn root_of_a_user_namespace_is_named_as_here(session: &Session) {
    let unshare = session
        .command("unshare --user --map-root-user sleep 100")
        .start();
    let id = unshare.program("sleep").id();
    let document = document(session, "", &id.to_string());
    let (verdict, words) = match session.is_root() {
        true => ("bad", "is root here".to_owned()),
        false => ("ok", format!("is user {}", session.ids().0)),
    };
    assert_finding(&document, "ids", "root", verdict, &words);
    let words = "all capabilities in its own user namespace, and none on the host";
    assert_finding(&document, "capabilities", "effective", "ok", words);
}

fn capabilities_that_lead_out_are_explained(session: &Session) {
    let process = session
        .command("setpriv --bounding-set=-sys_admin,-net_admin sleep 100")
        .start();
    let id = process.program("sleep").id();
    let document = document(session, "", &id.to_string());
    let words = "it loads code into the host's kernel";
    assert_finding(&document, "capabilities", "CAP_SYS_MODULE", "bad", words);
    for lacking in ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"] {
        assert_eq!(finding(&document, "capabilities", lacking), None);
    }
    // In a network of its own, CAP_NET_ADMIN does not lead out.
    let (_unshare, id) = sleep(session, "--net");
    let document = super::document(session, "", &id.to_string());
    assert_eq!(finding(&document, "capabilities", "CAP_NET_ADMIN"), None);
    assert_finding(&document, "capabilities", "CAP_SYS_ADMIN", "bad", "mounts");
}

fn confinement_is_read_from_its_status(session: &Session) {
    let (_unshare, id) = sleep(session, "--uts");
    let plain = document(session, "", &id.to_string());
    assert_finding(&plain, "confinement", "no_new_privs", "bad", "is not set");
    assert_finding(&plain, "confinement", "seccomp", "bad", "no filter");
    let filtered = session
        .command("setpriv --no-new-privs sleep 100")
        .under(Filter::NewCalls)
        .start();
    let id = filtered.program("sleep").id();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let filtered = document(session, "", &id.to_string());
    assert_finding(&filtered, "confinement", "no_new_privs", "ok", "is set");
    assert_finding(&filtered, "confinement", "seccomp", "ok", "a filter");
}

/// The answers to system calls of a process under a filter, as `NAME ANSWER EFFECT`.
fn syscalls(session: &Session, filter: Filter) -> Vec<String> {
    let process = session.command("sleep 100").under(filter).start();
    let id = process.program("sleep").id();
    let output = session
        .nsx(&format!("doctor --syscalls --json {id}"))
        .run()
        .exited(0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    fits_the_schema(&document);
    assert_eq!(document["filters"], 1);
    // The target runs on.
    let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    until("the target to sleep", || {
        fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") S "))
    });
    assert!(!state.contains(") Z "), "{state}");
    let rows = document["syscalls"].as_array().unwrap();
    assert!(rows.len() > 300, "{}", rows.len());
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or("").to_owned();
    rows.iter()
        .map(|row| {
            format!(
                "{} {} {}",
                text(row, "name"),
                text(row, "answer"),
                text(row, "effect")
            )
        })
        .collect()
}

fn system_calls_are_judged_as_its_filter_decides(session: &Session) {
    let rows = syscalls(session, Filter::NewCalls);
    for refused in ["open_tree", "mount_setattr", "openat2", "clone3"] {
        assert!(
            rows.contains(&format!("{refused} refused ENOSYS")),
            "{refused}"
        );
    }
    for allowed in ["openat", "clone", "unshare", "ioctl"] {
        assert!(rows.contains(&format!("{allowed} allowed ")), "{allowed}");
    }
    // Without a filter everything is allowed, and nothing is isolated.
    let process = session.command("sleep 100").start();
    let id = process.program("sleep").id();
    let outcome = session
        .nsx(&format!("doctor --syscalls {id}"))
        .run()
        .exited(1);
    let words = "no filter of system calls is on it";
    assert!(outcome.text().contains(words), "{outcome}");
}

fn system_calls_depend_on_arguments_if_the_filter_looks_at_them(session: &Session) {
    let rows = syscalls(session, Filter::PidTranslation);
    assert!(rows.contains(&"ioctl depends ".to_owned()));
    assert!(rows.contains(&"setns allowed ".to_owned()));
}

/// A process in a mount namespace that a script prepares, and its document.
fn with_mounts(session: &Session, script: &str) -> (serde_json::Value, String) {
    let process = session
        .original_unshare("--mount sh -ec")
        .arg(format!("{script}\nexec sleep 100"))
        .start();
    let id = process.program("sleep").id();
    let document = document(session, "", &id.to_string());
    let text = session.nsx(&format!("doctor {id}")).run();
    (document, text.text().to_owned())
}

fn directories_of_the_host_are_found_whatever_their_names(session: &Session) {
    let source = session.path("so\x1b[31mre");
    let at = session.path("at\x1b]0;x\x07");
    fs::create_dir(&source).unwrap();
    fs::create_dir(&at).unwrap();
    let script = format!("mount --bind '{}' '{}'", source.display(), at.display());
    let (document, text) = with_mounts(session, &script);
    let source = source.display().to_string().replace('\x1b', "\\x1b");
    assert_finding(&document, "mounts", "writable", "bad", &source);
    assert!(!text.contains('\x1b') && text.contains(&source), "{text}");
}

fn mounts_that_propagate_are_found(session: &Session) {
    let map = session.map_root();
    let find = |propagation: &str| {
        let script = format!(
            "mount -t tmpfs none /mnt; mount --make-shared /mnt
            unshare --mount --propagation {propagation} sleep 100 & sleeper=$!
            until [ \"$(readlink /proc/$sleeper/ns/mnt)\" != \"$(readlink /proc/self/ns/mnt)\" ] && \
                [ \"$(cat /proc/$sleeper/comm)\" = sleep ]; do sleep 0.01; done
            nsx doctor --json $sleeper || true
            kill $sleeper"
        );
        let output = session
            .command(&format!("unshare {map}--mount sh -ec"))
            .arg(&script)
            .run();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", output.text()))
    };
    assert_finding(&find("unchanged"), "mounts", "shared", "bad", "/mnt");
    let slave = find("slave");
    assert_finding(&slave, "mounts", "shared", "ok", "no mount made in it");
    assert_finding(&slave, "mounts", "slave", "info", "/mnt");
    assert_eq!(finding(&find("private"), "mounts", "slave"), None);
}

/// Ten thousand sockets take no longer, and are counted.
fn ports_are_those_that_ss_lists(session: &Session) {
    let script = "ip link set lo up; ulimit -n 20000; exec perl -MIO::Socket::INET -e 'my @all = \
        map { IO::Socket::INET->new(Listen => 1, LocalAddr => \"127.0.0.1\", LocalPort => $_) or \
        die $! } 10001..20000; push @all, IO::Socket::INET->new(Listen => 1, LocalPort => 80); \
        $| = 1; print \"ready\\n\"; sleep 100'";
    let process = session.original_unshare("--net sh -ec").arg(script).start();
    assert_eq!(process.line(), "ready");
    let id = process.program("perl").id();
    let listed = session
        .command(&format!("nsenter --target {id} --net ss -Hltn"))
        .output();
    assert_eq!(listed.lines().count(), 10_001);
    let document = document(session, "", &id.to_string());
    let words = "programs listen on 80, for itself alone on 10001, ";
    assert_finding(&document, "network", "listening", "info", words);
    assert_finding(&document, "network", "listening", "info", "9988 more ports");
    let words = "may bind every port";
    assert_finding(&document, "network", "low_ports", "info", words);
}

/// The setting is that of the target's network, which is not nsx's.
fn low_ports_are_those_that_may_not_be_bound(session: &Session) {
    let map = session.map_root();
    for (first, words) in [
        (
            80,
            "it cannot bind ports below 80 (net.ipv4.ip_unprivileged_port_start)",
        ),
        (0, "it may bind every port"),
    ] {
        let script = format!(
            "echo {first} >/proc/sys/net/ipv4/ip_unprivileged_port_start; ip link set lo up
            bind() {{ setpriv --bounding-set=-net_bind_service perl -MIO::Socket::INET -e \
                'my $socket = IO::Socket::INET->new(Listen => 1, LocalPort => shift); \
                exit !$socket' $1; }}
            bind 79; refused=$?; bind 80; echo $refused $?
            exec setpriv --bounding-set=-net_bind_service sleep 100"
        );
        let process = session
            .command(&format!("unshare {map}--net --mount sh -c"))
            .arg(script)
            .start();
        assert_eq!(process.line(), if first == 80 { "1 0" } else { "0 0" });
        let id = process.program("sleep").id();
        let document = document(session, "", &id.to_string());
        assert_finding(&document, "network", "low_ports", "info", words);
    }
}

fn a_mount_that_hangs_does_not_stall(session: &Session) {
    let directory = session.path("hung");
    fs::create_dir(&directory).unwrap();
    let tests = std::env::current_exe().unwrap();
    let process = session
        .command("unshare --mount")
        .arg(tests)
        .arg(hang::OPTION)
        .arg(&directory)
        .start();
    assert_eq!(process.line(), "hung");
    let document = document(session, "timeout 20", &process.id().to_string());
    assert_finding(&document, "mounts", "shared", "ok", "");
}

fn a_process_that_ended_is_a_failure(session: &Session) {
    let (unshare, id) = sleep(session, "--uts");
    drop(unshare);
    until("the process to end", || {
        fs::metadata(format!("/proc/{id}")).is_err()
    });
    session
        .nsx(&format!("doctor {id}"))
        .run()
        .exited(2)
        .says(&["no such process"]);
    session
        .nsx("doctor nosuch")
        .run()
        .exited(2)
        .says(&["nosuch"]);
}
