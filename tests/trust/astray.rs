//! The attacks by which an ordinary user could become root, as they were found.

use super::world::{AS_MAPPER, BUNDLE, EVIL, HOME, ID, RUNC, RUNTIME, Victim, World};
use crate::support::{Cgroups, Session, Test, root};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_link_to_a_sticky_directory_makes_no_system_record),
        root(a_users_record_of_their_own_service_decides_nothing),
        root(a_link_in_a_users_docker_store_makes_no_system_container),
        root(a_data_root_that_a_user_configured_does_not_belong_to_the_system),
        root(a_graphroot_that_a_user_configured_does_not_belong_to_the_system),
        root(only_the_user_of_a_process_gets_its_environment),
    ]
}

/// Enters each of these words as root: no code of the user may run as user 0 of the host, and nsx
/// refuses.
#[track_caller]
fn assert_refused(world: &World<'_>, words: &[&str]) {
    for word in words {
        for program in [
            "/usr/bin/readlink /proc/self/ns/user",
            "readlink /proc/self/ns/user",
        ] {
            let enter = world
                .host
                .command(&format!("nsx enter {word} -- {program}"))
                .run();
            assert_eq!(world.marks(), "", "the user's code ran as root by {enter}");
            enter.exited(125);
        }
    }
}

fn a_link_to_a_sticky_directory_makes_no_system_record(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    world
        .mapper(&format!("ln -sfn /tmp {RUNTIME}/crun"))
        .run()
        .exited(0);
    world.crun("/tmp", "websec", world.named(Victim::RootsService));
    assert_refused(
        &world,
        &[
            "websec",
            "oci:websec",
            "oci:mapper@websec",
            "--all-of webse*",
            "--all-of oci:mapper@*",
        ],
    );
}

fn a_users_record_of_their_own_service_decides_nothing(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    world.crun(
        &format!("{RUNTIME}/crun"),
        "websec",
        world.named(Victim::OwnService),
    );
    assert_refused(
        &world,
        &[
            "websec",
            "oci:websec",
            "oci:mapper@websec",
            "--all-of webse*",
            "--all-of oci:mapper@*",
        ],
    );
    let refused = world
        .host
        .command("nsx enter oci:mapper@websec -- true")
        .run();
    refused.exited(125).says(&["is not believed"]);
}

/// The files of a container of Docker's below a data root and the user's runtime directory.
fn docker(world: &World<'_>, containers: &str) {
    let process = world.named(Victim::RootsService);
    let (pid, state) = (process.pid, process.fill(RUNC));
    let script = format!(
        r#"mkdir -p {containers}/{ID} {RUNTIME}/docker/runtime-runc/moby/{ID}
        echo '{{"ID":"{ID}","Name":"/websec","State":{{"Running":true,"Pid":{pid},"StartedAt":"2026"}}}}' \
            >{containers}/{ID}/config.v2.json
        echo '{state}' >{RUNTIME}/docker/runtime-runc/moby/{ID}/state.json"#
    );
    world.mapper(&script).run().exited(0);
}

const DOCKERS: [&str; 6] = [
    "websec",
    "docker:websec",
    "docker:mapper@websec",
    ID,
    "--all-of webse*",
    "--all-of docker:mapper@*",
];

fn a_link_in_a_users_docker_store_makes_no_system_container(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let data = format!("{HOME}/.local/share/docker");
    world
        .mapper(&format!("mkdir -p {data}; ln -sfn /tmp {data}/containers"))
        .run()
        .exited(0);
    docker(&world, "/tmp");
    assert_refused(&world, &DOCKERS);
}

fn a_data_root_that_a_user_configured_does_not_belong_to_the_system(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let script = format!(
        r#"mkdir -p {HOME}/.config/docker /tmp/root; ln -s /tmp /tmp/root/containers
        echo '{{"data-root":"/tmp/root"}}' >{HOME}/.config/docker/daemon.json"#
    );
    world.mapper(&script).run().exited(0);
    docker(&world, "/tmp");
    assert_refused(&world, &DOCKERS);
}

fn a_graphroot_that_a_user_configured_does_not_belong_to_the_system(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let state = world.named(Victim::RootsService).fill(RUNC);
    let script = format!(
        r#"mkdir -p {HOME}/.config/containers /tmp/overlay-containers/{ID}/userdata {RUNTIME}/runc/{ID}
        echo 'graphroot = "/tmp"' >{HOME}/.config/containers/storage.conf
        echo '[{{"id":"{ID}","names":["websec"]}}]' >/tmp/overlay-containers/containers.json
        cp {BUNDLE}/config.json /tmp/overlay-containers/{ID}/userdata
        echo '{state}' >{RUNTIME}/runc/{ID}/state.json"#
    );
    world.mapper(&script).run().exited(0);
    let words = [
        "websec",
        "podman:websec",
        "podman:mapper@websec",
        "--all-of webse*",
        "--all-of podman:mapper@*",
    ];
    assert_refused(&world, &words);
}

/// A process that is given by its PID: its environment is its user's claim.
fn only_the_user_of_a_process_gets_its_environment(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let start = format!(
        "unshare --mount {AS_MAPPER} env PATH={EVIL}:/bin LD_PRELOAD={EVIL}/library.so /bin/sleep \
        1000 & echo $!; wait"
    );
    let service = world.host.shell(&start).start();
    let pid = service.line();
    service.program("sleep");
    for options in [
        "",
        "--user root",
        "--user 0:0",
        "--privileged",
        "--host-caps",
        "--setuid 0",
        "--setgid 0",
    ] {
        let options = if options.is_empty() {
            String::new()
        } else {
            format!("{options} ")
        };
        let enter = world
            .host
            .command(&format!(
                "nsx enter {pid} {options}-- readlink /proc/self/ns/user"
            ))
            .run();
        assert_eq!(world.marks(), "", "the user's code ran as root by {enter}");
        enter.exited(0);
    }
}
