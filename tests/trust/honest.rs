//! The trust rule takes nothing from honest users: users' containers are found by their full names,
//! and the system's as before.

use crate::{
    engines::engine::{Container, Docker, Lxc, Oci, Podman},
    support::{Cgroups, Host, Need, Session, Test, procfs, root},
};
use serde_json::Value;

pub(super) fn tests() -> Vec<Test> {
    let podman = Need::Tool("podman");
    let docker = Need::Tool("dockerd");
    vec![
        root(root_enters_a_users_container_by_its_full_name).needs([podman]),
        root(a_user_enters_the_same_container_by_its_name).needs([podman]),
        root(a_bare_name_of_a_user_is_refused_with_the_full_form).needs([podman]),
        root(the_systems_containers_are_entered_by_their_names).needs([
            podman,
            docker,
            Need::Tool("crun"),
            Need::Tool("lxc-start"),
        ]),
        root(docker_with_a_user_namespace_belongs_to_the_system).needs([docker]),
        root(every_printed_name_finds_its_container).needs([podman, docker]),
    ]
}

/// The values that a program has from the configuration of its container.
const PROBE: &str = "id -u; echo $GREETING; pwd; readlink /proc/self/ns/mnt; grep -E \
'Cap(Bnd|Eff)' /proc/self/status
    cat /proc/self/uid_map";

const OPTIONS: &str = "--env GREETING=hello --workdir /tmp --cap-drop ALL --cap-add CHOWN";

fn root_enters_a_users_container_by_its_full_name(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let db = Podman::of_mapper(&host).run("db", OPTIONS);
        let expected = db.exec().args("sh -c").arg(PROBE).output();
        for name in ["db", &db.id, &db.id[..12]] {
            for user in ["mapper", "4242"] {
                let enter = host.command(&format!("nsx enter podman:{user}@{name} -- sh -c"));
                assert_eq!(enter.arg(PROBE).output(), expected, "{user}@{name}");
            }
        }
        let all = host
            .command("nsx enter --all-of podman:mapper@* -- sh -c")
            .arg(PROBE)
            .output();
        let with_names: Vec<_> = expected
            .lines()
            .map(|line| format!("podman:mapper@db | {line}"))
            .collect();
        assert_eq!(all, with_names.join("\n"));
    }
}

fn a_user_enters_the_same_container_by_its_name(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let db = Podman::of_mapper(&host).run("db", OPTIONS);
    let expected = db.exec().args("sh -c").arg(PROBE).output();
    for word in ["db", "podman:db", "podman:mapper@db", &db.id[..12]] {
        let enter = host
            .mapper("nsx enter")
            .arg(word)
            .args("-- sh -c")
            .arg(PROBE);
        assert_eq!(enter.output(), expected, "{word}");
    }
    let all = host.mapper("nsx enter --all-of podman:* -- id -u").output();
    assert_eq!(all, "podman:db | 0");
}

fn a_bare_name_of_a_user_is_refused_with_the_full_form(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let db = Podman::of_mapper(&host).run("db", "");
    for word in ["db", "podman:db", &db.id, &db.id[..12]] {
        host.command("nsx enter")
            .arg(word)
            .arg("true")
            .run()
            .exited(125)
            .says(&["podman:mapper@db"]);
        host.command("nsx pidmap --from")
            .arg(word)
            .arg("1")
            .run()
            .exited(1)
            .says(&["podman:mapper@db"]);
    }
    for pattern in ["*", "d?", "podman:*"] {
        host.command("nsx enter --all-of")
            .arg(pattern)
            .arg("true")
            .run()
            .exited(125);
    }
}

fn the_systems_containers_are_entered_by_their_names(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containers = [
        Docker::start(&host).run("one", OPTIONS),
        Podman::of_root(&host).run("two", OPTIONS),
        Oci::runc(&host).run("three", ""),
        Oci::crun(&host).run("four", ""),
        Lxc::new(&host).run("five", ""),
    ];
    let namespaces = "readlink /proc/self/ns/mnt";
    for container in &containers {
        let (_, name) = container.target.split_once(':').unwrap();
        let expected = container.exec().args(namespaces).output();
        for word in [name, &container.target] {
            let enter = host
                .command("nsx enter")
                .arg(word)
                .arg("--")
                .args(namespaces);
            assert_eq!(enter.output(), expected, "{word}");
        }
    }
    for container in &containers[..2] {
        let enter = host
            .command("nsx enter")
            .arg(&container.target)
            .args("-- sh -c")
            .arg(PROBE);
        assert_eq!(
            enter.output(),
            container.exec().args("sh -c").arg(PROBE).output()
        );
    }
}

fn docker_with_a_user_namespace_belongs_to_the_system(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    docker.stop_daemon("TERM");
    docker.start_daemon("--userns-remap mapper");
    host.shell("tar -C /run/image -c . | docker import - image")
        .run()
        .exited(0);
    let web = docker.run("web", OPTIONS);
    let expected = web.exec().args("sh -c").arg(PROBE).output();
    assert!(expected.ends_with("200000      65536"), "{expected}");
    for word in ["web", "docker:web", &web.id] {
        assert_eq!(
            host.command("nsx enter")
                .arg(word)
                .args("-- sh -c")
                .arg(PROBE)
                .output(),
            expected,
            "{word}"
        );
    }
}

fn every_printed_name_finds_its_container(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let (docker, rootful, rootless) = (
        Docker::start(&host),
        Podman::of_root(&host),
        Podman::of_mapper(&host),
    );
    let containers = [
        ("docker:web", docker.run("web", "")),
        ("podman:db", rootful.run("db", "")),
        ("podman:mapper@db", rootless.run("db", "")),
        ("podman:mapper@cache", rootless.run("cache", "")),
    ];
    let mounts = |container: &Container| procfs::ns(host.process(container.pid), "mnt");
    let leads_to = |word: &str| {
        host.command("nsx pidmap --quiet --from")
            .arg(word)
            .arg("1")
            .run()
            .exited(0);
        host.command("nsx enter")
            .arg(word)
            .args("-- readlink /proc/self/ns/mnt")
            .output()
    };
    let full: Vec<&str> = containers.iter().map(|(word, _)| *word).collect();
    for (word, container) in &containers {
        assert_eq!(leads_to(word), mounts(container), "{word}");
    }

    // Shell completion: all names in full, and the names that need no more.
    let completed = host.command("nsx __complete fish enter").arg("");
    let completed = completed.output();
    let words = completed.lines().skip(1);
    let words: Vec<_> = words.map(|line| line.trim_end()).collect();
    assert!(full.iter().all(|word| words.contains(word)), "{completed}");
    assert!(
        !words.contains(&"cache") && !words.contains(&"podman:cache"),
        "{completed}"
    );
    for word in words {
        leads_to(word);
    }

    // The groups of the list.
    let list = host.command("nsx ls").output();
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("docker:") || name.starts_with("podman:"))
        .collect();
    let mut expected = full.clone();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "{list}");

    // Rows for programs: engine and container together are a word.
    let document = host.command("nsx ls --all -o all --json").output();
    let document: Value = serde_json::from_str(&document).unwrap();
    for (word, container) in &containers {
        let inode = mounts(container)
            .split(['[', ']'])
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap();
        let row = document["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["ns"] == inode)
            .unwrap();
        let told = format!(
            "{}:{}",
            row["engine"].as_str().unwrap(),
            row["container"].as_str().unwrap()
        );
        assert_eq!(told, *word);
    }

    // The owner of a PID namespace, and of a process that was given by its PID.
    for (word, container) in &containers {
        let document = host
            .command(&format!("nsx pidmap --json {}", container.pid))
            .output();
        let document: Value = serde_json::from_str(&document).unwrap();
        let of = document["processes"][0]["of"][1].as_str().unwrap();
        assert!(of == *word || !of.contains(':'), "{of} is not {word}");
        let enter = host
            .command(&format!("nsx enter {} --verbose -- true", container.pid))
            .run();
        enter.exited(0).says(&[&format!("is {word};")]);
    }
    let all = host
        .command("nsx enter --all-of podman:mapper@* --json-lines -- true")
        .output();
    let all: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut targets: Vec<_> = all
        .iter()
        .map(|line| line["target"].as_str().unwrap())
        .collect();
    targets.sort_unstable();
    assert_eq!(targets, ["podman:mapper@cache", "podman:mapper@db"]);
}
