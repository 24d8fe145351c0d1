//! `nsx pidmap` beside `docker top` and `podman top`.

use super::{
    CONTAINERD, DOCKER, LXC, PODMAN,
    engine::{Containerd, Docker, Lxc, Oci, Podman},
};
use crate::support::{Cgroups, Host, Session, Test, root, until};
use serde_json::Value;

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_process_has_the_ids_that_podman_top_shows).needs([PODMAN]),
        root(a_container_has_the_processes_that_top_shows).needs([DOCKER, PODMAN]),
        root(a_namespace_is_named_by_its_container_for_every_engine)
            .needs([DOCKER, PODMAN, CONTAINERD, LXC]),
        root(a_namespace_inside_a_container_is_named_by_its_process).needs([DOCKER]),
    ]
}

fn a_process_has_the_ids_that_podman_top_shows(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let podmen = [Podman::of_root(&host), Podman::of_mapper(&host)];
    for (podman, target) in podmen.iter().map(|podman| (podman, podman.run("web", ""))) {
        podman
            .command("exec --detach web sleep 1001")
            .run()
            .exited(0);
        let top = podman.command("top web pid,hpid").output();
        let shown: Vec<[&str; 2]> = top.lines().skip(1).map(|line| split(line)).collect();
        assert_eq!(shown.len(), 2, "{top}");
        for [inner, outer] in shown {
            let command = format!("nsx pidmap --quiet --from {} {inner}", target.pid);
            assert_eq!(
                host.command(&command).output(),
                outer,
                "{} {top}",
                target.target
            );
        }
    }
}

/// The two words of a line.
#[track_caller]
fn split(line: &str) -> [&str; 2] {
    line.split_whitespace()
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

/// Returns what each PID namespace of a process belongs to.
fn of(host: &Host, pid: impl std::fmt::Display) -> Vec<String> {
    let document: Value =
        serde_json::from_str(&host.command(&format!("nsx pidmap --json {pid}")).output()).unwrap();
    let of = document["processes"][0]["of"].as_array().unwrap();
    of.iter()
        .map(|of| of.as_str().unwrap_or("?").to_owned())
        .collect()
}

fn a_namespace_is_named_by_its_container_for_every_engine(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containerd = Containerd::start(&host);
    for container in [
        Docker::start(&host).run("web", ""),
        Podman::of_root(&host).run("db", ""),
        Podman::of_mapper(&host).run("cache", ""),
        containerd.run("default", "c1", ""),
        Oci::runc(&host).run(
            "r1",
            "s|\"linux\": {|\"linux\": {\"cgroupsPath\":\"/alone\",|",
        ),
        Lxc::new(&host).run("box", ""),
        Lxc::in_directory(&host, "/var/lib/far").run("far", ""),
    ] {
        assert_eq!(of(&host, container.pid), ["here", &container.target]);
    }
}

fn a_namespace_inside_a_container_is_named_by_its_process(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let outer = docker.run_docker("outer");
    let inner = outer
        .exec()
        .args("docker run --detach --name inner --network none image sleep 1005")
        .output();
    let pid = |command: &str| host.command("pgrep --full --exact").arg(command).output();
    let inner = format!("docker:{}", &inner[..12]);
    assert_eq!(
        of(&host, pid("sleep 1005")),
        ["here", &outer.target, &inner]
    );
    docker
        .command("exec --detach outer unshare --pid --fork sleep 1006")
        .run()
        .exited(0);
    let mut sleep = String::new();
    until("the program sleeps", || {
        sleep = host
            .command("pgrep --full --exact")
            .arg("sleep 1006")
            .run()
            .text()
            .to_owned();
        !sleep.is_empty()
    });
    let own = format!("{sleep} (sleep) in {}", outer.target);
    assert_eq!(of(&host, &sleep), ["here", &outer.target, &own]);
}

/// Each process of a container as the engine's `top` and `nsx pidmap CONTAINER` show it.
fn a_container_has_the_processes_that_top_shows(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    docker.run("web", "--user web");
    docker
        .command("exec --detach --user root web sleep 1004")
        .run()
        .exited(0);
    let top = sorted(&docker.command("top web -o pid,uid").output());
    assert_eq!(members(&host, "docker:web", &["pid", "uid"]), top);
    // Only podman shows PIDs and users inside.
    let (podman, rootless) = (Podman::of_root(&host), Podman::of_mapper(&host));
    let db = podman.run("db", "--uidmap 0:100000:65536").target;
    let cache = rootless.run("cache", "--user web").target;
    for (podman, name, target) in [(&podman, "db", db), (&rootless, "cache", cache)] {
        podman
            .command(&format!("exec --detach --user 1002 {name} sleep 1004"))
            .run()
            .exited(0);
        let top = podman
            .command(&format!("top {name} pid,hpid,user,huser,args"))
            .output()
            .replace("sleep ", "sleep_");
        let rows = members(
            &host,
            &target,
            &["id", "pid", "user_inside", "user", "command"],
        );
        assert_eq!(rows.len(), 2);
        assert_eq!(rows, sorted(&top));
    }
}

/// These fields of the processes that nsx lists, in order. A user without a name is a number, and
/// no word has a space.
fn members(host: &Host, target: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let document = host.command("nsx pidmap --json").arg(target).output();
    let document: Value = serde_json::from_str(&document).unwrap();
    let word = |row: &Value, field: &str| match &row[field] {
        Value::String(word) => word.replace(' ', "_"),
        Value::Null => row[field.replace("user", "uid")].to_string(),
        number => number.to_string(),
    };
    let rows = document["processes"].as_array().unwrap().iter();
    let mut rows: Vec<Vec<_>> = rows
        .map(|row| fields.iter().map(|field| word(row, field)).collect())
        .collect();
    rows.sort();
    rows
}

/// The lines of a table without its header, in order.
fn sorted(table: &str) -> Vec<Vec<String>> {
    let lines = table.lines().skip(1);
    let mut rows: Vec<Vec<_>> = lines
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    rows.sort();
    rows
}
