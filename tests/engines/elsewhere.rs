//! Containers by name whose records are not in the usual directories.

use super::{
    DOCKER, LXC,
    engine::{Docker, Lxc},
    names::{assert_leads_to, first},
};
use crate::support::{Cgroups, Host, Session, Test, procfs, root};
use std::collections::BTreeSet;

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_container_of_a_second_daemon_is_found_by_name).needs([DOCKER]),
        root(containers_of_a_killed_daemon_with_its_own_data_root_are_found).needs([DOCKER]),
        root(a_container_of_lxc_is_found_in_any_directory).needs([LXC]),
    ]
}

fn a_container_of_a_second_daemon_is_found_by_name(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let first_daemon = Docker::start(&host);
    let web = first_daemon.run("web", "");
    let second = Docker::start_as(
        &host,
        "second",
        "--data-root /var/lib/second --exec-root /run/second",
    );
    let config = r#"{"data-root": "/var/lib/third", "exec-root": "/run/third"}"#;
    host.shell(&format!(
        "mkdir -p /etc/third; echo '{config}' >/etc/third/config.json"
    ))
    .run()
    .exited(0);
    let third = Docker::start_as(&host, "third", "--config-file=/etc/third/config.json");
    let containers = [
        web,
        second.run("eng-web", "--network none"),
        third.run("db", "--network none"),
        third.run("eng-db", "--network none"),
    ];
    for container in &containers {
        let name = container.target.strip_prefix("docker:").unwrap();
        for word in [
            name,
            &container.target,
            &container.id,
            &format!("docker:{}", &container.id[..4]),
        ] {
            assert_leads_to(&host, word, container);
        }
    }
    let listed = host.command("nsx ls --json --groups").output();
    for container in &containers {
        assert!(
            listed.contains(&format!("\"{}\"", container.target)),
            "{} {listed}",
            container.target
        );
    }
    let all = host
        .command("nsx enter --all-of docker:eng-* -- readlink /proc/self/ns/pid")
        .output();
    let lines: BTreeSet<_> = all
        .lines()
        .map(|line| line.split(" | ").map(str::trim).collect())
        .collect();
    let namespaces: Vec<_> = containers
        .iter()
        .map(|it| procfs::ns(host.process(it.pid), "pid"))
        .collect();
    let expected = [
        ["docker:eng-web", &namespaces[1]],
        ["docker:eng-db", &namespaces[3]],
    ];
    assert_eq!(
        lines,
        expected
            .into_iter()
            .map(|line| line.to_vec())
            .collect::<BTreeSet<Vec<&str>>>()
    );
    first(&host, "eng")
        .run()
        .exited(1)
        .says(&["near names: docker:eng-db, docker:eng-web"]);
}

fn containers_of_a_killed_daemon_with_its_own_data_root_are_found(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    // The PID file is not in the usual directory either.
    let docker = Docker::start_as(&host, "other", "--data-root /var/lib/other");
    let web = docker.run("web", "--network none");
    assert_leads_to(&host, "web", &web);
    docker.stop_daemon("KILL");
    for word in ["web", "docker:web", &web.id[..12]] {
        assert_leads_to(&host, word, &web);
    }
}

fn a_container_of_lxc_is_found_in_any_directory(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let far = Lxc::in_directory(&host, "/var/lib/far");
        let usual = Lxc::new(&host).run("web", "");
        let (other, alone) = (far.run("web", ""), far.run("alone", ""));
        for (word, container) in [
            ("web", &usual),
            ("lxc:web", &usual),
            ("alone", &alone),
            ("lxc:alone", &alone),
            // LXC gives the second cgroup of a name this name.
            ("lxc:web-1", &other),
            ("web-1", &other),
        ] {
            assert_leads_to(&host, word, container);
        }
        let all = host
            .command("nsx enter --all-of lxc:* -- readlink /proc/self/ns/mnt")
            .output();
        let mut all: Vec<_> = all
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect();
        all.sort();
        let mut expected = [&usual, &other, &alone]
            .map(|container| procfs::ns(host.process(container.pid), "mnt"));
        expected.sort();
        assert_eq!(all, expected);
        first(&host, "alne")
            .run()
            .exited(1)
            .says(&["near names: lxc:alone"]);
    }
}
