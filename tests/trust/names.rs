//! Names without a record: of units, by cgroup directories, and of network namespaces, by files.

use super::world::{AS_MAPPER, HOME, ID, RUNTIME, Victim, World};
use crate::support::{Cgroups, Session, Test, root};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_users_cgroup_is_neither_a_unit_nor_a_system_container),
        root(a_users_link_names_no_namespace),
        root(a_link_of_root_through_a_users_directory_names_no_system_namespace),
        root(a_name_in_a_users_network_directory_belongs_to_the_user),
    ]
}

/// The directories in which a user may create cgroups: systemd's directory for the user, and that
/// of a service with Delegate=.
const DELEGATED: [&str; 2] = [
    "user.slice/user-4242.slice/user@4242.service",
    "system.slice/builder.service",
];

fn a_users_cgroup_is_neither_a_unit_nor_a_system_container(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let world = World::new(session, cgroups);
        let mut wrong = Vec::new();
        for delegated in DELEGATED {
            for victim in [Victim::OwnService, Victim::OwnContainer] {
                for (name, words) in [
                    ("backup.service", ["backup.service", "unit:backup"]),
                    (
                        &format!("docker-{ID}.scope"),
                        [ID, &format!("docker:{}", &ID[..12])],
                    ),
                    ("lxc.payload.web", ["web", "lxc:web"]),
                    ("machine-web.scope", ["web", "machine:web"]),
                ] {
                    let script = CGROUPS
                        .replace("DELEGATED", delegated)
                        .replace("NAME", name);
                    let shell = world
                        .host
                        .shell(&script)
                        .arg("sh")
                        .arg(world.named(victim).pid.to_string());
                    let answers = shell
                        .arg(words[0])
                        .arg(words[1])
                        .env("AS_MAPPER", AS_MAPPER)
                        .output();
                    wrong.extend(
                        answers
                            .lines()
                            .map(|answer| format!("{victim:?}: {answer}")),
                    );
                }
            }
        }
        assert!(wrong.is_empty(), "{cgroups:?}:\n{}", wrong.join("\n"));
    }
}

/// Creates cgroups called NAME as the user, moves the process `$1` into each, and enters the other
/// words. Prints those that found something.
const CGROUPS: &str = "
    root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || root=$root/systemd
    pid=$1; shift
    mkdir -p $root/DELEGATED/app.slice; chown -R 4242:4242 $root/DELEGATED
    for group in DELEGATED/app.slice/NAME DELEGATED/NAME; do
        $AS_MAPPER mkdir $root/$group; echo $pid >$root/$group/cgroup.procs
        for word; do
            if out=$(nsx enter $word -- readlink /proc/self/ns/mnt 2>&1); then status=0; else \
status=$?; fi
            [ $status = 125 ] || echo $word $group $status $out
        done
        echo $pid >$root/cgroup.procs || echo $pid >$root/init/cgroup.procs; rmdir $root/$group
    done";

fn a_users_link_names_no_namespace(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    for victim in Victim::ALL {
        let pid = world.named(victim).pid;
        world
            .mapper(&format!("ln -sfn /proc/{pid}/ns {RUNTIME}/netns"))
            .run()
            .exited(0);
        for word in ["mnt", "netns:mnt", "user", "netns:net", "netns:mapper@mnt"] {
            world
                .host
                .command(&format!("nsx enter {word} true"))
                .run()
                .exited(125);
        }
    }
}

fn a_link_of_root_through_a_users_directory_names_no_system_namespace(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let script = format!(
        "mkdir -p /run/netns; ln -s {HOME}/net /run/netns/web; ln -s {HOME}/below/net \
        /run/netns/below
        ln -s /proc/1/ns/net /run/netns/users-link; chown -h 4242 /run/netns/users-link"
    );
    world.host.shell(&script).run().exited(0);
    for victim in Victim::ALL {
        let pid = world.named(victim).pid;
        let links =
            format!("cd {HOME}; ln -sfn /proc/{pid}/ns/net net; ln -sfn /proc/{pid}/ns below");
        world.mapper(&links).run().exited(0);
        for word in [
            "web",
            "netns:web",
            "netns:below",
            "netns:users-link",
            "users-link",
        ] {
            world
                .host
                .command(&format!("nsx enter {word} true"))
                .run()
                .exited(125);
        }
    }
}

fn a_name_in_a_users_network_directory_belongs_to_the_user(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    world.host.command("ip netns add blue").run().exited(0);
    let blue = world
        .host
        .command("stat --dereference --format net:[%i] /run/netns/blue")
        .output();
    // A name of the user's own, and another name for a network of the system.
    let script = format!(
        "install -d -o 4242 -g 4242 {RUNTIME}/netns; touch {RUNTIME}/netns/own \
        {RUNTIME}/netns/green {RUNTIME}/netns/blue
        {AS_MAPPER} unshare --user --map-root-user --net sleep 1000 & pid=$!
        until [ \"$(cat /proc/$pid/comm)\" = sleep ]; do sleep 0.01; done
        mount --bind /proc/$pid/ns/net {RUNTIME}/netns/own; mount --bind /proc/$pid/ns/net \
        {RUNTIME}/netns/blue
        mount --bind /run/netns/blue {RUNTIME}/netns/green
        readlink /proc/$pid/ns/net; wait"
    );
    let own = world.host.shell(&script).start();
    let network = own.line();
    let entered = |word: &str| {
        world
            .host
            .command(&format!("nsx enter {word} -- readlink /proc/self/ns/net"))
            .run()
    };
    for word in [
        "own",
        "netns:own",
        "green",
        "netns:green",
        "netns:mapper@green",
    ] {
        entered(word).exited(125);
    }
    entered("own").says(&["netns:mapper@own"]);
    for word in ["blue", "netns:blue"] {
        assert_eq!(entered(word).exited(0).text(), blue);
    }
    for word in ["netns:mapper@own", "netns:mapper@blue"] {
        assert_eq!(entered(word).exited(0).text(), network);
    }
}
