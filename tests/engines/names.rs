//! Containers by name: which process a name finds, and the message if it finds none or several.
//!
//! `pidmap --from TARGET 1` finds the first process of the target's PID namespace.

use super::{
    CONTAINERD, CRUN, DOCKER, LXC, PODMAN,
    engine::{Container, Containerd, Docker, Lxc, Oci, Podman},
};
use crate::support::{Cgroups, Command, Host, Session, Test, procfs, root, until};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_name_an_id_and_a_prefix_of_it_find_the_container).needs([DOCKER, PODMAN]),
        root(a_name_that_several_engines_know_is_refused_with_the_full_forms)
            .needs([DOCKER, PODMAN, CONTAINERD, CRUN, LXC]),
        root(a_watch_names_the_container_instead_of_its_network_file).needs([DOCKER]),
        root(a_container_in_a_container_is_found_from_both_sides).needs([DOCKER]),
        root(a_rootless_container_is_found_by_its_user_and_by_root).needs([PODMAN]),
        root(a_prefix_of_an_id_finds_the_container_unless_it_is_a_name).needs([DOCKER, PODMAN]),
        root(every_name_that_ls_prints_finds_its_container)
            .needs([DOCKER, PODMAN, CONTAINERD, LXC]),
    ]
}

/// Prints the first process that `word` finds.
pub(super) fn first(host: &Host, word: &str) -> Command {
    host.command("nsx pidmap --quiet --from").arg(word).arg("1")
}

#[track_caller]
pub(super) fn assert_leads_to(host: &Host, word: &str, container: &Container) {
    assert_eq!(
        first(host, word).output(),
        container.pid.to_string(),
        "{word}"
    );
}

fn a_name_an_id_and_a_prefix_of_it_find_the_container(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        for container in [
            Docker::start(&host).run("web", ""),
            Podman::of_root(&host).run("db", ""),
        ] {
            let (engine, name) = container.target.split_once(':').unwrap();
            let id = &container.id;
            let starts = [64, 12, 4].map(|length| format!("{engine}:{}", &id[..length]));
            let words = [
                name,
                &container.target,
                id,
                &id[..12],
                &format!("{engine}://{id}"),
            ];
            for word in words.into_iter().chain(starts.iter().map(String::as_str)) {
                assert_leads_to(&host, word, &container);
            }
            let too_short = format!("{engine}:{}", &id[..3]);
            first(&host, &too_short).run().exited(1).says(&[&too_short]);
        }
        first(&host, "podman:web")
            .run()
            .exited(1)
            .says(&["podman:web"]);
    }
}

fn a_prefix_of_an_id_finds_the_container_unless_it_is_a_name(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    // A prefix with a letter in it: digits alone are a PID.
    let web = docker.run("web", "");
    let mut starts = (4..=12).map(|length| &web.id[..length]);
    let start = starts
        .find(|start| start.contains(char::is_alphabetic))
        .unwrap();
    assert_leads_to(&host, start, &web);
    assert_eq!(
        host.command(&format!("nsx ls {start} --json")).output(),
        host.command(&format!("nsx ls {} --json", web.pid)).output()
    );
    let inside = host
        .command(&format!("nsx enter {start} -- readlink /proc/self/ns/mnt"))
        .output();
    assert_eq!(inside, procfs::ns(host.process(web.pid), "mnt"));
    first(&host, &format!("docker:{}", &web.id[..3]))
        .run()
        .exited(1);
    // An exact name wins, of a container or of a network.
    host.command(&format!("ip netns add {start}"))
        .run()
        .exited(0);
    let network = host
        .command(&format!("ip netns exec {start} readlink /proc/self/ns/net"))
        .output();
    assert_eq!(
        host.command(&format!("nsx enter {start} -- readlink /proc/self/ns/net"))
            .output(),
        network
    );
    host.command(&format!("ip netns del {start}"))
        .run()
        .exited(0);
    let named = docker.run(start, "");
    for word in [start.to_owned(), format!("docker:{start}")] {
        assert_leads_to(&host, &word, &named);
    }
    assert_leads_to(&host, &web.id[..12], &web);
    // Two containers whose ids have a common prefix.
    let runc = Oci::runc(&host);
    let two = ["beef0001", "beef0002"].map(|id| runc.run(id, ""));
    first(&host, "beef")
        .run()
        .exited(2)
        .says(&["beef may be any of oci:beef0001, oci:beef0002"]);
    assert_leads_to(&host, "beef0002", &two[1]);
}

/// Each word under NAME and NS, given to every command that takes one.
fn every_name_that_ls_prints_finds_its_container(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containerd = Containerd::start(&host);
    let docker = Docker::start(&host);
    let (web, eng) = (
        docker.run("web", ""),
        docker.run("eng-1", "--network container:web"),
    );
    let second = Docker::start_as(
        &host,
        "second",
        "--data-root /var/lib/second --exec-root /run/second",
    );
    let containers = [
        web,
        eng,
        second.run("far", "--network none"),
        Podman::of_root(&host).run("db", ""),
        Podman::of_mapper(&host).run("cache", ""),
        containerd.run("default", "c1", ""),
        containerd.run("other", "a-name-of-more-than-twelve-letters", ""),
        Oci::runc(&host).run(
            "r1",
            "s|\"linux\": {|\"linux\": {\"cgroupsPath\":\"/alone\",|",
        ),
        Lxc::new(&host).run("box", ""),
        Lxc::in_directory(&host, "/var/lib/far").run("box", ""),
        Lxc::in_directory(&host, "/var/lib/far").run("alone", ""),
    ];
    // If two have the same name, the one in the usual directory has it.
    let namesake = second.run("web", "--network none");
    let others = host.shell(
        "ip netns add blue; touch /run/pin; unshare --uts=/run/pin true
        root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || root=$root/systemd; \
        unit=$root/system.slice/web.service
        own=$root/user.slice/user-4242.slice/user@4242.service/app.slice/own.service
        for unit in $unit $own; do
            mkdir -p $unit; unshare --uts sh -c \"echo \\$\\$ >$unit/cgroup.procs; exec sleep \
        100\" &
        done
        unshare --ipc sh -c 'echo made; exec sleep 100' & wait",
    );
    let others = others.start();
    others.line();
    let json = |words: &str| serde_json::from_str::<Value>(&host.command(words).output()).unwrap();
    let inside = |pid: &Value, kind: &str| {
        procfs::ns(
            host.process(pid.as_u64().unwrap().try_into().unwrap()),
            kind,
        )
    };
    let groups = json("nsx ls --json --groups");
    let groups = groups["groups"].as_array().unwrap();
    let mut words = BTreeSet::new();
    for group in groups.iter().filter(|group| group["name"] != "host") {
        let name = group["name"].as_str().unwrap();
        words.insert(name.to_owned());
        let kinds: Vec<_> = group["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ns| ns["type"].as_str().unwrap())
            .collect();
        host.command("nsx ls").arg(name).run().exited(0);
        host.command("nsx enter")
            .arg(name)
            .args("--explain -- true")
            .run()
            .exited(0);
        if kinds.contains(&"pid") && !group["pid"].is_null() {
            host.command("nsx pidmap").arg(name).run().exited(0);
            assert_eq!(
                first(&host, name).output(),
                group["pid"].to_string(),
                "{name}"
            );
        }
        for kind in kinds.iter().filter(|kind| !["pid", "user"].contains(*kind)) {
            let enter = host
                .command("nsx enter")
                .arg(name)
                .arg(format!("--{}", kind.replace("mnt", "mount")));
            let entered = enter
                .args("-- readlink")
                .arg(format!("/proc/self/ns/{kind}"))
                .run();
            if !group["pid"].is_null() && *kind != "mnt" {
                assert_eq!(
                    entered.exited(0).text(),
                    inside(&group["pid"], kind),
                    "{name} {kind}"
                );
            }
        }
    }
    for container in &containers {
        let is_box = container.target == "lxc:box";
        assert!(
            is_box || words.contains(&container.target),
            "{} {words:?}",
            container.target
        );
    }
    // A name that a user chose for a service finds nothing for root.
    assert!(!words.contains("unit:own"), "{words:?}");
    let namesake = format!("docker:{}", &namesake.id[..12]);
    for word in [
        "lxc:box",
        "lxc:box-1",
        "netns:blue",
        "/run/pin",
        "unit:web",
        &namesake,
    ] {
        assert!(words.contains(word), "{word} {words:?}");
    }
    let list = json("nsx ls --json");
    for row in list["namespaces"].as_array().unwrap() {
        let (kind, inode) = (row["type"].as_str().unwrap(), &row["ns"]);
        let ns = format!("{kind}:[{inode}]");
        for word in [&ns, &inode.to_string()] {
            assert_eq!(
                json(&format!("nsx ls --why --json {word}"))["ns"],
                *inode,
                "{word}"
            );
        }
        host.command("nsx enter")
            .arg(&ns)
            .args("--explain -- true")
            .run()
            .exited(0);
        if kind == "pid" {
            let listed = host.command("nsx pidmap").arg(&ns).run();
            assert!(listed.status() == "exit status: 0", "{listed}");
        }
    }
}

fn a_name_that_several_engines_know_is_refused_with_the_full_forms(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containerd = Containerd::start(&host);
    let rootless = Podman::of_mapper(&host).run("web", "");
    let containers = [
        ("docker:web", Docker::start(&host).run("web", "")),
        (
            "containerd:default/web",
            containerd.run("default", "web", ""),
        ),
        ("containerd:other/web", containerd.run("other", "web", "")),
        (
            "oci:web",
            Oci::runc(&host).run(
                "web",
                "s|\"linux\": {|\"linux\": {\"cgroupsPath\":\"/alone\",|",
            ),
        ),
        ("lxc:web", Lxc::new(&host).run("web", "")),
        ("podman:web", Podman::of_root(&host).run("web", "")),
    ];
    let words = containers.each_ref().map(|(word, _)| *word);
    let several = first(&host, "web").run().exited(2).says(&words);
    assert!(
        !String::from_utf8_lossy(&several.stderr).contains("mapper"),
        "{several}"
    );
    for (word, container) in &containers {
        assert_leads_to(&host, word, container);
    }
    assert_leads_to(&host, "podman:mapper@web", &rootless);
    first(&host, "containerd:web")
        .run()
        .exited(2)
        .says(&words[1..3]);
    assert_leads_to(&host, "cweb", &Oci::crun(&host).run("cweb", ""));
}

/// dockerd creates a container's network, and a file that holds it, before the container starts,
/// and removes it afterwards.
fn a_watch_names_the_container_instead_of_its_network_file(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    // The first container makes the daemon create everything that all containers share.
    docker.run("first", "");
    let watch = host.command("nsx ls --watch=0.02").start();
    let told = || {
        let text = String::from_utf8(watch.stdout()).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .collect::<Vec<_>>()
    };
    // Namespaces of the first look are not events.
    docker.run("second", "");
    until("an event", || {
        told().iter().any(|event| event["name"] == "docker:second")
    });
    let web = docker.run("web", "");
    let net = procfs::ns(host.process(web.pid), "net");
    let is_its = |event: &&serde_json::Value| {
        event["type"] == "net" && format!("net:[{}]", event["ns"]) == net
    };
    until("its network", || {
        told()
            .iter()
            .any(|event| is_its(&event) && event["event"] == "created")
    });
    docker.command("kill web").run().exited(0);
    until("its end", || {
        told()
            .iter()
            .any(|event| is_its(&event) && event["event"] == "destroyed")
    });
    for event in told().iter().filter(is_its) {
        assert_eq!(event["name"], "docker:web", "{event}");
    }
    watch.signal(rustix::process::Signal::TERM);
    watch.wait();
}

fn a_container_in_a_container_is_found_from_both_sides(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let docker = Docker::start(&host);
        let outer = docker.run_docker("outer");
        let inside = "docker run --detach --name inner --network none image sleep 1003";
        let id = outer.exec().args(inside).output();
        let pid = host
            .command("pgrep --full --exact")
            .arg("sleep 1003")
            .output();
        // On the host only the cgroup has its id.
        assert_eq!(first(&host, &id).output(), pid);
        assert_eq!(first(&host, &format!("docker:{}", &id[..12])).output(), pid);
        assert_leads_to(&host, "outer", &outer);
        let inner = outer
            .exec()
            .args("nsx pidmap --quiet --from docker:inner 1")
            .output();
        let seen = outer
            .exec()
            .args("docker inspect --format {{.State.Pid}} inner")
            .output();
        assert_eq!(inner, seen);
    }
}

fn a_rootless_container_is_found_by_its_user_and_by_root(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let web = Podman::of_mapper(&host).run("web", "");
        for word in ["web", "podman:web"] {
            let refused = first(&host, word).run().exited(1);
            refused.says(&[
                "nothing has that name or id",
                "user mapper has podman:mapper@web",
            ]);
        }
        let short = format!("podman:mapper@{}", &web.id[..12]);
        for word in ["podman:mapper@web", &short] {
            assert_leads_to(&host, word, &web);
        }
        for word in [
            "web",
            "podman:web",
            "podman:mapper@web",
            &short,
            &web.id[..12],
        ] {
            let own = host.mapper("nsx pidmap --quiet --from").arg(word).arg("1");
            assert_eq!(own.output(), web.pid.to_string(), "{word}");
        }
        // An ordinary user learns no names of root's containers, and nsx says so.
        Podman::of_root(&host).run("db", "");
        let hidden = host
            .mapper("nsx pidmap --quiet --from db 1")
            .run()
            .exited(1);
        hidden.says(&["db", "sudo"]);
    }
}
