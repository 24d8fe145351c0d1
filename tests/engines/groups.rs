//! `nsx ls` of containers: which ones share namespaces, which process leads them, who owns them,
//! and what keeps their namespaces alive.

use super::{
    DOCKER, PODMAN,
    engine::{Container, Docker, Podman},
};
use crate::support::{Cgroups, Host, Session, Test, procfs, root, until};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_container_shows_the_containers_that_it_shares_with).needs([DOCKER]),
        root(a_user_of_a_container_is_not_given_a_name_of_the_host).needs([DOCKER]),
        root(a_container_is_explained_as_a_whole).needs([DOCKER]),
        root(a_container_without_a_record_is_named_by_its_first_process).needs([PODMAN]),
    ]
}

#[track_caller]
fn json(host: &Host, words: &str) -> Value {
    serde_json::from_str(&host.command(words).output()).unwrap()
}

fn ns(host: &Host, container: &Container, kind: &str) -> String {
    procfs::ns(host.process(container.pid), kind)
}

fn named(row: &Value) -> String {
    format!("{}:[{}]", row["type"].as_str().unwrap(), row["ns"])
}

#[track_caller]
fn group(groups: &Value, name: &str) -> Value {
    let groups = groups["groups"].as_array().unwrap();
    groups
        .iter()
        .find(|group| group["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {groups:#?}"))
        .clone()
}

fn a_container_shows_the_containers_that_it_shares_with(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let web = docker.run("web", "");
    let side = docker.run("side", "--network container:web");
    let open = docker.run("open", "--network host --pid container:web");
    docker.command("pause side").run().exited(0);
    assert_eq!(ns(&host, &web, "net"), ns(&host, &side, "net"));
    let table = host.command("nsx ls -q").output();
    let line = |name: &str| {
        let line = table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("no {name} in {table}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        line("docker:side").starts_with("docker:side (paused) ")
            && line("docker:side").contains(" net=docker:web "),
        "{table}"
    );
    assert!(
        line("docker:open").contains(" net=host ")
            && line("docker:open").contains(" pid=docker:web "),
        "{table}"
    );
    assert!(
        !line("docker:web").contains('=') && !line("docker:web").contains("paused"),
        "{table}"
    );
    assert!(line("docker:web").contains(" net "), "{table}");

    let groups = json(&host, "nsx ls -q --groups --json");
    for container in [&web, &side, &open] {
        let group = group(&groups, &container.target);
        assert_eq!(group["pid"], container.pid, "{group}");
        assert_eq!(
            group["paused"],
            container.target == "docker:side",
            "{group}"
        );
        // Together they are the namespaces that the kernel shows for the leader.
        let both = group["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .chain(group["shared"].as_array().unwrap());
        let told: BTreeSet<String> = both.map(named).collect();
        assert_eq!(
            told,
            procfs::KINDS.map(|kind| ns(&host, container, kind)).into(),
            "{group}"
        );
    }
    let whose = |target: &str, kind: &str| {
        let rows = json(&host, &format!("nsx ls {target} --json"))["namespaces"].clone();
        rows.as_array()
            .unwrap()
            .iter()
            .find(|row| row["type"] == kind)
            .unwrap()["shared_with"]
            .clone()
    };
    assert_eq!(
        whose("docker:side", "net"),
        serde_json::json!(["docker:web"])
    );
    assert_eq!(
        whose("docker:web", "net"),
        serde_json::json!(["docker:side"])
    );
    assert_eq!(
        whose("docker:web", "pid"),
        serde_json::json!(["docker:open"])
    );
    let text = host.command("nsx ls docker:side -t net").output();
    assert!(
        text.contains("shared with docker:web") && !text.contains("its own"),
        "{text}"
    );
}

fn a_user_of_a_container_is_not_given_a_name_of_the_host(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    host.shell("echo ada:x:1777:1777::/:/bin/sh >>/etc/passwd")
        .run()
        .exited(0);
    let docker = Docker::start(&host);
    let web = docker.run("web", "--user 1777");
    let groups = json(&host, "nsx ls -q --groups --json");
    let group = group(&groups, "docker:web");
    assert_eq!(
        (&group["uid"], &group["user"]),
        (&1777.into(), &Value::Null),
        "{group}"
    );
    let users = |filter: &str| {
        host.command("nsx ls -q --pids -o user -Q")
            .arg(filter)
            .output()
    };
    assert_eq!(
        users(&format!("PID == {}", web.pid))
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["USER", "1777"]
    );
    // With the host's files, the same id belongs to that user.
    let beside = host
        .command("unshare --uts --mount setpriv --reuid=1777 --clear-groups sleep 1001")
        .start();
    until("it sleeps", || {
        host.command("pgrep --full --exact")
            .arg("sleep 1001")
            .run()
            .text()
            != ""
    });
    let pid = host
        .command("pgrep --full --exact")
        .arg("sleep 1001")
        .output();
    let row = host
        .command("nsx ls -q -t uts -o user -Q")
        .arg(format!("PID == {pid}"))
        .output();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["USER", "ada"]);
    host.command(&format!("kill {pid}")).run().exited(0);
    drop(beside);
}

fn a_container_is_explained_as_a_whole(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let web = docker.run("web", "");
    let document = json(&host, "nsx ls -q --why docker:web --json");
    assert_eq!(document["pid"], web.pid);
    let told: BTreeSet<String> = document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    let is_own = |ns: &String| {
        !procfs::KINDS
            .iter()
            .any(|kind| procfs::ns(host.process(1), kind) == *ns)
    };
    assert_eq!(
        told,
        procfs::KINDS
            .map(|kind| ns(&host, &web, kind))
            .into_iter()
            .filter(is_own)
            .collect()
    );
    let lines = host
        .command("nsx ls -q --why docker:web --json-lines")
        .output();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_web = |line: &&Value| line["holder"] == "process" && line["process"]["pid"] == web.pid;
    assert_eq!(lines.iter().filter(of_web).count(), told.len());
    assert!(
        lines
            .iter()
            .filter(of_web)
            .all(|line| line["process"]["container"] == "docker:web"),
        "{lines:#?}"
    );
    // Docker bind-mounts the network to a file.
    let text = host.command("nsx ls -q --why docker:web").output();
    assert!(text.lines().next().unwrap().contains(":["), "{text}");
    assert!(
        text.contains("CONTAINER") && text.contains("docker:web"),
        "{text}"
    );
    assert!(text.contains("umount /run/docker/netns/"), "{text}");
}

fn a_container_without_a_record_is_named_by_its_first_process(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let podman = Podman::of_mapper(&host);
    let web = podman.run("web", "");
    let monitor = procfs::status(host.process(web.pid), "PPid");
    let monitor = host.process(monitor.parse().unwrap());
    assert_ne!(procfs::ns(monitor, "pid"), ns(&host, &web, "pid"));
    let hide =
        "for store in /var/lib/mapper/.local/share/containers/storage/*-containers; do mv $store \
        $store.away; done
        mv /run/user/4242/runc /run/user/4242/away";
    host.shell(hide).run().exited(0);
    let groups = json(&host, "nsx ls -q --groups --json");
    let has_it = |group: &&Value| {
        group["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| named(row) == ns(&host, &web, "pid"))
    };
    let group = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(has_it)
        .unwrap_or_else(|| panic!("{groups:#}"));
    assert_eq!(
        (&group["name"], &group["pid"]),
        (&web.pid.to_string().into(), &web.pid.into()),
        "{groups:#}"
    );
    for row in group["namespaces"].as_array().unwrap() {
        let kind = row["type"].as_str().unwrap();
        let same = |other: &&Value| other["type"] == kind;
        let several = group["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .filter(same)
            .count()
            > 1;
        assert!(several || ns(&host, &web, kind) == named(row), "{group}");
    }
    let inside = host.command(&format!(
        "nsx enter {} --pid -- readlink /proc/self/ns/pid",
        group["name"].as_str().unwrap()
    ));
    assert_eq!(inside.output(), ns(&host, &web, "pid"));
}
