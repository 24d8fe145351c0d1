//! `nsx doctor TARGET` of containers: what they were given is what is found.

use super::{assert_finding, finding, fits_the_schema};
use crate::{
    engines::engine::{Docker, Podman},
    support::{Cgroups, Host, Need, Session, Test, root},
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(what_docker_gives_a_container_is_found).needs([Need::Tool("docker")]),
        root(root_of_rootless_podman_is_not_root_here).needs([Need::Tool("podman")]),
    ]
}

fn document(host: &Host<'_>, target: &str) -> Value {
    let output = host.command("nsx doctor --json").arg(target).run();
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    fits_the_schema(&document);
    document
}

fn what_docker_gives_a_container_is_found(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let usual = document(&host, &docker.run("usual", "").target);
    assert_finding(&usual, "namespaces", "user", "bad", "is the host's");
    assert_finding(&usual, "ids", "user", "bad", "root of the host");
    for (area, check) in [
        ("confinement", "seccomp"),
        ("mounts", "proc"),
        ("mounts", "sys"),
        ("mounts", "shared"),
        ("mounts", "host"),
    ] {
        let found = finding(&usual, area, check);
        assert!(
            found.as_ref().is_some_and(|it| it.0 == "ok"),
            "{area}.{check}: {usual:#}"
        );
    }
    for capability in ["CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_KILL"] {
        assert_eq!(finding(&usual, "capabilities", capability), None);
    }
    // The filter refuses what Docker's documentation says that it refuses.
    let output = host
        .command("nsx doctor --syscalls --json docker:usual")
        .run();
    let calls: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answer = |name: &str| {
        let rows = calls["syscalls"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        row["answer"].as_str().unwrap().to_owned()
    };
    for (name, expected) in [
        ("read", "allowed"),
        ("kexec_load", "refused"),
        ("init_module", "refused"),
        ("mount", "refused"),
        ("unshare", "refused"),
        ("clone", "depends"),
        ("personality", "depends"),
    ] {
        assert_eq!(answer(name), expected, "{name}");
    }

    let options = "--cap-add SYS_ADMIN --cap-add SYS_MODULE --cap-add SYS_PTRACE --cap-add NET_ADMIN \
        --security-opt seccomp=unconfined --security-opt systempaths=unconfined --pid host \
        --network host --volume /run/docker.sock:/sock \
        --volume /etc:/host/etc";
    let open = document(&host, &docker.run("open", options).target);
    for (area, check, words) in [
        ("namespaces", "pid", "is the host's"),
        ("namespaces", "net", "is the host's"),
        ("capabilities", "CAP_SYS_MODULE", "loads code"),
        (
            "capabilities",
            "CAP_SYS_PTRACE",
            "every process of the host",
        ),
        ("capabilities", "CAP_NET_ADMIN", "the host's links"),
        ("confinement", "seccomp", "no filter"),
        ("mounts", "socket", "/run/docker.sock"),
        ("mounts", "writable", "/etc (there /host/etc)"),
        ("mounts", "proc", "nothing of /proc is masked"),
        ("limits", "memory", "not limited"),
    ] {
        assert_finding(&open, area, check, "bad", words);
    }

    let options = "--memory 64m --pids-limit 50 --cap-drop ALL --security-opt no-new-privileges \
        --user 4242 --network container:usual";
    let closed = document(&host, &docker.run("closed", options).target);
    assert_finding(&closed, "limits", "memory", "ok", "67108864");
    assert_finding(&closed, "limits", "pids", "ok", "pids.max is 50");
    assert_finding(
        &closed,
        "capabilities",
        "effective",
        "ok",
        "no capabilities",
    );
    assert_finding(&closed, "confinement", "no_new_privs", "ok", "is set");
    assert_finding(&closed, "ids", "user", "ok", "user 4242");
    assert_finding(&closed, "namespaces", "net", "info", "docker:usual");
    assert_finding(
        &closed,
        "network",
        "low_ports",
        "info",
        // Docker sets that.
        "may bind every port: net.ipv4.ip_unprivileged_port_start is 0",
    );
}

fn root_of_rootless_podman_is_not_root_here(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let podman = Podman::of_mapper(&host);
    let container = podman.run("web", "");
    let document = document(&host, &container.pid.to_string());
    let (verdict, root) = finding(&document, "ids", "root").unwrap();
    assert_eq!(verdict, "ok", "{root}");
    assert_finding(
        &document,
        "capabilities",
        "effective",
        "ok",
        "none on the host",
    );
    assert_eq!(finding(&document, "namespaces", "user"), None);
}
