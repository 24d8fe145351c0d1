//! Users who give their containers the names of the system's containers.

use super::world::{AS_MAPPER, HOME, Named, RUNTIME, Victim, World};
use crate::{
    engines::engine::{Docker, Lxc, Podman},
    support::{Cgroups, Host, Need, Session, Test, procfs, root, until},
};

pub(super) fn tests() -> Vec<Test> {
    let engines = [Need::Tool("dockerd"), Need::Tool("podman")];
    vec![
        root(a_users_container_cannot_take_the_name_of_a_running_one).needs(engines),
        root(a_users_container_cannot_take_the_name_of_a_stopped_one).needs(engines),
        root(a_users_container_cannot_take_an_id).needs(engines),
        root(a_users_container_cannot_take_the_name_of_a_namespace),
        root(a_users_record_adds_nothing_to_a_system_container).needs([Need::Tool("lxc-start")]),
        root(no_account_takes_the_name_or_the_id_of_another),
    ]
}

fn a_users_container_cannot_take_the_name_of_a_running_one(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host).run("web", "");
    let podman = Podman::of_root(&host).run("db", "");
    let rootless = Podman::of_mapper(&host);
    for container in [docker, podman] {
        let (_, name) = container.target.split_once(':').unwrap();
        let squatter = rootless.run(name, "");
        let mounts = |pid: u32| procfs::ns(host.process(pid), "mnt");
        let entered = |word: &str| {
            host.command(&format!("nsx enter {word} -- readlink /proc/self/ns/mnt"))
                .output()
        };
        for word in [name, &container.target] {
            assert_eq!(entered(word), mounts(container.pid), "{word}");
        }
        assert_eq!(
            entered(&format!("podman:mapper@{name}")),
            mounts(squatter.pid)
        );
        let all = entered(&format!("--all-of {name}*"));
        assert_eq!(
            all,
            format!("{} | {}", container.target, mounts(container.pid))
        );
    }
}

fn a_users_container_cannot_take_the_name_of_a_stopped_one(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let rootless = Podman::of_mapper(&host);
    docker.run("web", "");
    docker.command("kill web").run().exited(0);
    until("Docker has noted the end", || {
        docker.command("ps --quiet").output().is_empty()
    });
    rootless.run("web", "");
    host.command("nsx enter web true")
        .run()
        .exited(125)
        .says(&["docker:web", "exited"]);
    host.command("nsx enter docker:web true")
        .run()
        .exited(125)
        .says(&["exited"]);
    host.command("nsx enter --all-of web* true")
        .run()
        .exited(125);
}

fn a_users_container_cannot_take_an_id(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let rootless = Podman::of_mapper(&host);
    let web = docker.run("web", "");
    // Its name is an id of the system's, whole and shortened, while that container runs and after
    // it is gone.
    let names = [&web.id[..], &web.id[..12]];
    for name in names {
        rootless.run(name, "");
        let mounts = procfs::ns(host.process(web.pid), "mnt");
        assert_eq!(
            host.command(&format!("nsx enter {name} -- readlink /proc/self/ns/mnt"))
                .output(),
            mounts
        );
    }
    docker.command("rm --force web").run().exited(0);
    for name in names {
        for word in [
            name.to_owned(),
            format!("docker:{name}"),
            format!("podman:{name}"),
        ] {
            host.command(&format!("nsx enter {word} true"))
                .run()
                .exited(125);
        }
        host.command(&format!("nsx enter {name} true"))
            .run()
            .says(&[&format!("podman:mapper@{name}")]);
    }
}

/// The directory of crun's records of the user `mapper`.
const CRUNS: &str = "/run/user/4242/crun";

fn a_users_container_cannot_take_the_name_of_a_namespace(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    world.host.command("ip netns add blue").run().exited(0);
    let blue = world
        .host
        .command("stat --dereference --format net:[%i] /run/netns/blue")
        .output();
    world.crun(CRUNS, "blue", world.named(Victim::OwnContainer));
    for word in ["blue", "netns:blue"] {
        let enter = world
            .host
            .command(&format!("nsx enter {word} -- readlink /proc/self/ns/net"));
        assert_eq!(enter.output(), blue, "{word}");
    }
}

/// Records name the processes of containers that have no configuration of their own, through the
/// link that once made them root's.
fn a_users_record_adds_nothing_to_a_system_container(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let web = Lxc::new(&world.host).run("web", "");
    world
        .mapper(&format!("ln -s /tmp {RUNTIME}/crun"))
        .run()
        .exited(0);
    let service = world.named(Victim::RootsService);
    let machine = service.fill(
        r"mkdir -p /run/systemd/machines; printf 'CLASS=container\nLEADER={PID}\nLEADER_PIDFDID={INODE}\n' >/run/systemd/machines/box",
    );
    world.host.shell(&machine).run().exited(0);
    let web = Named::of(&world.host, web.pid);
    for (name, process) in [
        ("web", web),
        ("box", service),
        ("other", web),
        ("another", service),
    ] {
        world.crun("/tmp", name, process);
    }
    for word in ["web", "lxc:web", "box", "machine:box", "--all-of *"] {
        let enter = world
            .host
            .command(&format!("nsx enter {word} -- readlink /proc/self/ns/user"))
            .run()
            .exited(0);
        assert_eq!(world.marks(), "", "the user's code ran as root by {enter}");
    }
    for word in ["other", "another", "oci:mapper@web", "oci:mapper@box"] {
        world
            .host
            .command(&format!("nsx enter {word} true"))
            .run()
            .exited(125);
    }
}

fn no_account_takes_the_name_or_the_id_of_another(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    world.crun(CRUNS, "db", world.named(Victim::OwnContainer));
    let mounts = world.mounts(Victim::OwnContainer);
    let entered = |word: &str| {
        world
            .host
            .command(&format!("nsx enter {word} -- readlink /proc/self/ns/mnt"))
            .run()
    };
    for word in ["oci:mapper@db", "oci:4242@db"] {
        assert_eq!(entered(word).exited(0).text(), mounts, "{word}");
    }
    for word in [
        "oci:ada@db",
        "oci:4343@db",
        "oci:root@db",
        "oci:0@db",
        "oci:@db",
        "oci:nobody-has-this-name@db",
        "oci:4242",
    ] {
        entered(word).exited(125);
    }
    // A directory of the user's with another user's name.
    let script = format!(
        "mkdir -p {RUNTIME}/crun/ada@db; cp {RUNTIME}/crun/db/status {RUNTIME}/crun/ada@db/"
    );
    world.mapper(&script).run().exited(0);
    entered("oci:ada@db").exited(125);
    // An entry that gives the user's id another name, and an entry that gives another id its home.
    world
        .host
        .shell(&format!(
            "echo twin:x:4242:4242::{HOME}:/bin/sh >>/etc/passwd; echo \
            other:x:4444:4444::{HOME}:/bin/sh >>/etc/passwd"
        ))
        .run()
        .exited(0);
    let engine = format!("{AS_MAPPER} mkdir -p {HOME}/.local/share/lxc");
    world.host.command(&engine).run().exited(0);
    assert_eq!(entered("oci:mapper@db").exited(0).text(), mounts);
    entered("oci:other@db").exited(125);
}
