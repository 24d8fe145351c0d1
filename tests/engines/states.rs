//! Containers that do not run, or whose daemon does not; and records that are out of date.

use super::names::{assert_leads_to, first};
use super::{
    DOCKER, LXC, PODMAN,
    engine::{Docker, Lxc, Podman},
};
use crate::support::{Cgroups, Host, Session, Test, procfs, root, until};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_container_that_does_not_run_is_reported_with_its_state).needs([DOCKER, PODMAN, LXC]),
        root(a_number_is_a_process_and_never_a_name).needs([DOCKER]),
        root(names_are_found_while_the_daemon_is_stopped).needs([DOCKER]),
        root(a_record_that_names_another_process_is_not_believed).needs([DOCKER, PODMAN]),
        root(a_container_without_a_record_of_its_process_is_not_said_to_have_exited)
            .needs([PODMAN]),
    ]
}

fn a_container_without_a_record_of_its_process_is_not_said_to_have_exited(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let runtime = "/run/user/4242/other";
    let podman = Podman::of_mapper_in(&host, runtime);
    let web = podman.run("web", "");
    assert_eq!(podman.state("web"), "running");
    let own = |words: &str| host.mapper(&format!("nsx pidmap --quiet --from {words} 1"));
    assert_eq!(
        own("web").env("XDG_RUNTIME_DIR", runtime).output(),
        web.pid.to_string()
    );
    let unknown = own("podman:web").run().exited(1).says(&[
        "failed to find the process of podman:web: there is no record of it in \
        /run/user/4242/containers",
    ]);
    own("web")
        .run()
        .exited(1)
        .says(&["no record of the process of podman:web in /run/user/4242/containers"]);
    let of_root = first(&host, "podman:mapper@web").run().exited(1).says(&[
        "process of podman:mapper@web: there is no record of it in /run/user/4242/containers",
    ]);
    for outcome in [&unknown, &of_root] {
        let text = outcome.to_string();
        assert!(
            !text.contains("exited:") && !text.contains("not running"),
            "{text}"
        );
    }
    // If the container's cgroup names it, nsx finds the process there.
    let root = "root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || root=$root/systemd";
    let script = format!(
        "{root}; mkdir -p $root/user.slice/user-4242.slice/libpod-{}; echo {} \
        >$root/user.slice/user-4242.slice/libpod-{}/cgroup.procs",
        web.id, web.pid, web.id
    );
    host.shell(&script).run().exited(0);
    assert_leads_to(&host, "podman:mapper@web", &web);
}

fn a_container_that_does_not_run_is_reported_with_its_state(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let podman = Podman::of_root(&host);
    let lxc = Lxc::new(&host);
    docker
        .command("create --name new image true")
        .run()
        .exited(0);
    docker.run("ended", "");
    docker.command("kill ended").run().exited(0);
    podman
        .command("create --name fresh image true")
        .run()
        .exited(0);
    podman.run("over", "");
    podman.command("kill over").run().exited(0);
    until("podman has noted the end", || {
        podman.state("over") == "exited"
    });
    lxc.run("halted", "");
    lxc.command("lxc-stop --kill --name halted").run().exited(0);
    for (word, full, state) in [
        ("new", "docker:new", "created"),
        ("docker:ended", "docker:ended", "exited"),
        ("fresh", "podman:fresh", "created"),
        ("over", "podman:over", "exited"),
        ("halted", "lxc:halted", "stopped"),
    ] {
        first(&host, word).run().exited(1).says(&[full, state]);
    }
    // A running container wins over a stopped one of the same name.
    let over = docker.run("over", "");
    assert_leads_to(&host, "over", &over);
    first(&host, "ovr")
        .run()
        .exited(1)
        .says(&["docker:over", "podman:over"]);
}

fn a_number_is_a_process_and_never_a_name(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let named = docker.run("999999", "");
    assert_leads_to(&host, "docker:999999", &named);
    first(&host, "999999")
        .run()
        .exited(1)
        .says(&["999999", "no such process"]);
    // A container whose name is the PID of another container's process.
    let other = docker.run(&named.pid.to_string(), "");
    assert_leads_to(&host, &named.pid.to_string(), &named);
    assert_leads_to(&host, &format!("docker:{}", named.pid), &other);
}

fn names_are_found_while_the_daemon_is_stopped(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let web = docker.run("web", "");
    docker.stop_daemon("KILL");
    assert_leads_to(&host, "web", &web);
    // The daemon is stopped in good order and leaves its containers alone.
    docker.start_daemon("--live-restore");
    let db = docker.run("db", "");
    docker.stop_daemon("TERM");
    assert_leads_to(&host, "docker:db", &db);
    assert_leads_to(&host, "docker:web", &web);
    // The container ends while its daemon is dead: the record says that it runs.
    host.command(&format!("kill -KILL {}", web.pid))
        .run()
        .exited(0);
    until("it is gone", || !host.exists(web.pid));
    first(&host, "web")
        .run()
        .exited(1)
        .says(&["docker:web", &web.pid.to_string()]);
}

/// The PID of an ended process is used again, by a process of the host and by a process of another
/// container.
fn a_record_that_names_another_process_is_not_believed(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let podman = Podman::of_root(&host);
    let web = docker.run("web", "");
    docker.stop_daemon("KILL");
    for target in [web, podman.run("web", "")] {
        // The monitors are killed first, because they would note the end.
        let monitor = procfs::status(host.process(target.pid), "PPid");
        host.command(&format!("kill -KILL {monitor} {}", target.pid))
            .run()
            .exited(0);
        until("it is gone", || !host.exists(target.pid));
        let reuse = format!(
            "for _ in 1 2 3 4 5 6 7 8 9; do
                echo {} >/proc/sys/kernel/ns_last_pid
                sleep 1002 &
                if [ $! = {} ]; then echo reused; wait; fi
            done",
            target.pid - 1,
            target.pid
        );
        let reused = host.shell(&reuse).start();
        assert_eq!(reused.line(), "reused");
        first(&host, &target.target)
            .run()
            .exited(1)
            .says(&[&target.target, &target.pid.to_string()]);
    }
}
