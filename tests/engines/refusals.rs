//! `nsx enter CONTAINER` if the container or its cgroup is in the way.

use super::{
    DOCKER, PODMAN,
    engine::{Docker, Podman},
};
use crate::support::{Cgroups, Host, Need, Session, Test, filter::Filter, root, until};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_cgroup_in_many_hierarchies_is_explained_in_one_line).needs([DOCKER]),
        root(filters_that_would_stop_nsx_are_refused).needs([DOCKER]),
        root(a_limit_on_processes_is_reported_with_the_step_that_failed).needs([DOCKER]),
        root(a_paused_container_is_refused_unless_its_cgroup_is_left_out).needs([DOCKER, PODMAN]),
        root(a_container_that_is_restarted_meanwhile_is_not_entered)
            .needs([DOCKER, Need::Tool("strace")]),
    ]
}

fn a_cgroup_in_many_hierarchies_is_explained_in_one_line(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let docker = Docker::start(&host);
        let web = docker.run("web", "");
        // A kernel before 5.7 creates no process directly in a cgroup.
        let enter = || host.command("nsx enter docker:web -- cat /proc/self/cgroup");
        let expected = docker.command("exec web cat /proc/self/cgroup").output();
        assert_eq!(
            [enter(), enter().under(Filter::NewCalls)].map(|enter| enter.output()),
            [&*expected; 2]
        );
        let explained = host.command("nsx enter docker:web --explain true").output();
        let hierarchies = host
            .command(&format!("cat /proc/{}/cgroup", web.pid))
            .output();
        let lines = |word: &str| {
            explained
                .lines()
                .filter(|line| line.contains(word))
                .collect::<Vec<_>>()
        };
        for (word, most) in [("not frozen", 1), ("the program is counted and limited", 2)] {
            // A cgroup of version 2 is joined by another file than those of version 1.
            let lines = lines(word);
            assert!((1..=most).contains(&lines.len()), "{explained}");
            // Each of them is named in it.
            for hierarchy in hierarchies.lines().filter(|line| line.contains("/docker")) {
                let controllers = hierarchy
                    .split(':')
                    .nth(1)
                    .unwrap()
                    .trim_start_matches("name=");
                assert!(
                    lines.iter().any(|line| line.contains(controllers)),
                    "{controllers} in {explained}"
                );
            }
        }
    }
}

fn filters_that_would_stop_nsx_are_refused(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let run = |name: &str, call: &str| {
        let profile = format!(
            "{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{{{call}, \"action\": \"SCMP_ACT_ERRNO\"}}]}}"
        );
        fs::write(session.path(name), profile).unwrap();
        docker.run(
            name,
            &format!("--security-opt seccomp={}", session.path(name).display()),
        );
        host.command(&format!("nsx enter --verbose docker:{name}"))
    };
    let clone = run("clone", "\"names\": [\"clone\"]");
    clone.clone().args("true").run().exited(125).says(&[
        "seccomp filters",
        "clone",
        "--no-seccomp",
    ]);
    assert_eq!(
        clone
            .args("--no-seccomp grep Seccomp: /proc/self/status")
            .output(),
        "Seccomp:\t0"
    );
    // Without the death signal the program runs all the same.
    let tie =
        "\"names\": [\"prctl\"], \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]";
    let untied = run("untied", tie)
        .args("grep Seccomp: /proc/self/status")
        .run()
        .exited(0);
    assert_eq!(untied.text(), "Seccomp:\t2");
    untied.says(&["could not tie the program's life"]);
}

fn a_limit_on_processes_is_reported_with_the_step_that_failed(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    // The container holds one descriptor, and the joiner one.
    docker.run("web", "--pids-limit 2");
    let enter = host.command("nsx enter docker:web -- true").run();
    enter.exited(125).says(&[
        "failed to create the program's process",
        "temporarily unavailable",
    ]);
}

fn a_paused_container_is_refused_unless_its_cgroup_is_left_out(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let docker = Docker::start(&host);
        docker.run("web", "");
        docker.command("pause web").run().exited(0);
        let podman = Podman::of_root(&host);
        podman.run("db", "");
        podman.command("pause db").run().exited(0);
        for target in ["docker:web", "podman:db"] {
            let enter = format!("nsx enter {target}");
            host.command(&enter)
                .args("true")
                .run()
                .exited(125)
                .says(&["paused", "--no-cgroup"]);
            assert_eq!(
                host.command(&enter)
                    .args("--no-cgroup -- cat /proc/1/comm")
                    .output(),
                "sleep"
            );
        }
    }
}

/// strace stops nsx after it has looked and before it joins. Everything that it pinned by then is
/// gone when it continues.
fn a_container_that_is_restarted_meanwhile_is_not_entered(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let before = docker.run("web", "").pid;
    let held = "strace --follow-forks --output /run/trace --trace setns --inject \
    setns:delay_enter=4000000:when=1";
    let enter = host
        .command(held)
        .args("nsx enter docker:web -- touch /entered")
        .start();
    until("nsx is about to join", || {
        host.command("grep -q setns /run/trace").run().status() == "exit status: 0"
    });
    docker.command("restart --time 0 web").run().exited(0);
    assert_ne!(docker.container("web").pid, before);
    enter.wait().exited(125).says(&["no such process"]);
    docker.command("exec web ls /entered").run().exited(1);
}
