//! `nsx enter CONTAINER` compared with the engine's own command: `docker exec`, `podman exec` and
//! the like.

use super::{
    CONTAINERD, CRUN, DOCKER, LXC, PODMAN,
    engine::{Container, Containerd, Docker, Lxc, Oci, Podman},
};
use crate::support::{Cgroups, Command, ENTER_EXAMPLE, Host, Session, Test, procfs, root, until};
use std::fs;

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(a_program_finds_what_docker_exec_gives_it).needs([DOCKER]),
        root(a_program_finds_what_podman_exec_gives_it).needs([PODMAN]),
        root(a_program_finds_what_rootless_podman_gives_it).needs([PODMAN]),
        root(a_program_finds_what_containerd_and_the_runtimes_give_it).needs([CONTAINERD, CRUN]),
        root(another_program_enters_a_container_as_the_engine_does),
        root(a_program_is_where_lxc_attach_puts_it).needs([LXC]),
        root(changes_of_the_first_process_do_not_affect_a_new_one).needs([DOCKER]),
        root(the_whole_container_is_entered_though_its_first_process_is_in_a_chroot)
            .needs([DOCKER]),
        root(limits_that_the_first_process_changed_do_not_affect_a_new_one).needs([DOCKER]),
        root(names_are_looked_up_in_a_containers_network_as_the_container_does).needs([DOCKER]),
        root(no_supplementary_group_of_a_container_is_given_twice).needs([DOCKER]),
    ]
}

/// Prints everything that a program can find out about itself, one line each, in any container.
const PROBE: &str = r#"
    id; pwd; hostname; env | sort
    while read -r name rest; do
        case $name in Umask:|Uid:|Gid:|Groups:|Cap*|NoNewPrivs:|Seccomp:|Sig[IB]*|Cpus_allowed:) echo $name $rest;; esac
    done </proc/self/status
    cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
    for link in /proc/self/ns/*; do readlink $link; done"#;

/// Returns the output of the probe without the lines that begin with any of `but`.
#[track_caller]
fn probe(way: Command, but: &[&str]) -> Vec<String> {
    let output = way.args("sh -c").arg(PROBE).output();
    output
        .lines()
        .filter(|line| !but.iter().any(|start| line.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

/// Runs the probe through the engine and through nsx, and compares the outputs. It leaves out the
/// terminal's name, which nsx takes from its caller, and lines that begin with any of `but`.
#[track_caller]
fn assert_same_but(container: &Container, nsx: Command, but: &[&str]) {
    let but = [&["TERM="], but].concat();
    let (expected, found) = (
        probe(container.exec(), &but),
        probe(nsx.arg(&container.target).arg("--"), &but),
    );
    let only = |of: &[String], other: &[String]| {
        let lines = of
            .iter()
            .filter(|line| !other.contains(line))
            .map(String::as_str);
        lines.collect::<Vec<_>>().join("\n")
    };
    let (missing, more) = (only(&expected, &found), only(&found, &expected));
    assert_eq!(
        found, expected,
        "{}\n--- the engine alone\n{missing}\n--- nsx alone\n{more}\n---",
        container.target
    );
}

#[track_caller]
fn assert_same(container: &Container, nsx: Command) {
    assert_same_but(container, nsx, &[]);
}

/// Compares as [`assert_same_but`] does, with podman. podman gives two things only to the first
/// program of a container: HOSTNAME, and the user's own group among the supplementary ones. nsx
/// gives both to every program.
#[track_caller]
fn assert_same_as_podman(container: &Container, nsx: Command, but: &[&str]) {
    assert_same_but(
        container,
        nsx.clone(),
        &[&["HOSTNAME=", "uid=", "Groups:"], but].concat(),
    );
    let groups = |file: &str| {
        nsx.clone()
            .arg(&container.target)
            .args("-- grep Groups:")
            .arg(file)
            .output()
    };
    let first = nsx
        .clone()
        .arg(&container.target)
        .args("-- ps -o pid,comm")
        .output();
    let first = first
        .lines()
        .find_map(|line| line.trim().strip_suffix(" sleep"))
        .unwrap()
        .trim()
        .to_owned();
    assert_eq!(
        groups("/proc/self/status"),
        groups(&format!("/proc/{first}/status")),
        "{}",
        container.target
    );
}

/// Options for containers that differ in what a new program is given.
const SHAPES: [&str; 3] = [
    "",
    "--user web --workdir /tmp --env GREETING=hello --hostname there --ulimit nofile=200:200 \
    --group-add 77 \
     --security-opt no-new-privileges",
    "--cap-drop ALL --cap-add NET_BIND_SERVICE --cap-add CHOWN --read-only --security-opt \
    seccomp=unconfined --pid host",
];

fn a_program_finds_what_docker_exec_gives_it(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let docker = Docker::start(&host);
        for (name, shape) in ["plain", "user", "bare"].into_iter().zip(SHAPES) {
            assert_same(&docker.run(name, shape), host.command("nsx enter"));
        }
        let shares = docker.run(
            "shares",
            "--network container:plain --ipc host --oom-score-adj 77",
        );
        assert_same(&shares, host.command("nsx enter"));
        assert_eq!(
            host.command("nsx enter docker:shares readlink /proc/self/ns/net")
                .output(),
            procfs::ns(host.process(docker.container("plain").pid), "net")
        );
    }
}

fn a_program_finds_what_podman_exec_gives_it(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let podman = Podman::of_root(&host);
        for (name, shape) in ["plain", "user", "bare"].into_iter().zip(SHAPES) {
            assert_same_as_podman(&podman.run(name, shape), host.command("nsx enter"), &[]);
        }
        let mapped = podman.run("mapped", "--uidmap 0:100000:65536 --user web");
        assert_same_as_podman(&mapped, host.command("nsx enter"), &[]);
        let shares = podman.run("shares", "--network container:plain");
        assert_same_as_podman(&shares, host.command("nsx enter"), &[]);
    }
}

fn a_program_finds_what_rootless_podman_gives_it(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        let podman = Podman::of_mapper(&host);
        for (name, shape) in
            ["plain", "user", "kept"]
                .into_iter()
                .zip(["", SHAPES[1], "--userns keep-id"])
        {
            let container = podman.run(name, shape);
            assert_same_as_podman(&container, host.command("nsx enter"), &[]);
            // Only root can copy a seccomp filter.
            assert_same_as_podman(&container, host.mapper("nsx enter"), &["Seccomp:"]);
            let enter = || host.mapper("nsx enter").arg(&container.target);
            enter().args("true").run().exited(0).says(&["seccomp"]);
            // The container's user first joins the user namespace that owns the others.
            for kind in ["net", "uts", "ipc"] {
                let joined = enter()
                    .arg(format!("--{kind}"))
                    .arg("readlink")
                    .arg(format!("/proc/self/ns/{kind}"));
                assert_eq!(
                    joined.output(),
                    procfs::ns(host.process(container.pid), kind),
                    "{}",
                    container.target
                );
            }
        }
    }
}

fn a_program_finds_what_containerd_and_the_runtimes_give_it(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containerd = Containerd::start(&host);
    assert_same(
        &containerd.run("default", "plain", "--cwd /tmp"),
        host.command("nsx enter"),
    );
    assert_same(
        &containerd.run(
            "other",
            "plain",
            "--seccomp --allow-new-privs --cap-drop CAP_CHOWN",
        ),
        host.command("nsx enter"),
    );
    let user = "s|\"user\": {|\"user\": { \"additionalGids\": [77],|; s|\"uid\": 0|\"uid\": 1000|; \
    s|\"cwd\": \"/\"|\"cwd\": \"/tmp\"|";
    let lone = Oci::runc(&host).run("lone", "");
    assert_same(&lone, host.command("nsx enter"));
    // The capabilities that runc's configuration calls ambient are not inheritable, so the kernel
    // makes none of them ambient.
    for user in ["0:0", "5:6"] {
        let words = format!("nsx enter oci:lone --user {user}");
        let status = host
            .command(&format!("{words} grep Cap /proc/self/status"))
            .output();
        assert!(status.contains("CapAmb:\t0000000000000000"), "{status}");
        assert_eq!(
            status.contains("CapEff:\t0000000000000000"),
            user != "0:0",
            "{status}"
        );
        let plan = host.command(&format!("{words} --explain true")).output();
        let line = plan.lines().find(|line| line.contains("capset(")).unwrap();
        assert!(
            !line.contains("ambient") && line.contains("if it runs as user 0, and otherwise none"),
            "{line}"
        );
    }
    assert_same(
        &Oci::runc(&host).run("user", user),
        host.command("nsx enter"),
    );
    // `crun exec` uses little of the container's configuration, so the first process is the
    // reference here.
    let crun = Oci::crun(&host).run("alone", user);
    let script = "process=${1:-$$}; readlink /proc/$process/cwd; cd /proc/$process; cat limits \
    cgroup oom_score_adj
        grep -E '^(Uid|Gid|Groups|Cap.*|NoNew.*|Seccomp):' status
        for link in ns/*; do readlink $link; done";
    let says = |process: &str| {
        let enter = host
            .command("nsx enter")
            .arg(&crun.target)
            .args("-- sh -c")
            .arg(script);
        enter.args("sh").options(process).output()
    };
    assert_eq!(says(""), says("1"));
}

/// The example of nsx-target is 15 lines of another program.
fn another_program_enters_a_container_as_the_engine_does(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let user = "s|\"uid\": 0|\"uid\": 1000|; s|\"cwd\": \"/\"|\"cwd\": \"/tmp\"|";
    let container = Oci::runc(&host).run("lone", user);
    let example = host.command(ENTER_EXAMPLE).arg(&container.target);
    // A Rust program ignores SIGPIPE, and what it runs in place inherits that.
    let but = ["TERM=", "SigIgn:"];
    assert_eq!(probe(example, &but), probe(container.exec(), &but));
    host.command(&format!("{ENTER_EXAMPLE} {} sh -c", container.target))
        .arg("exit 7")
        .run()
        .exited(7);
}

fn a_program_is_where_lxc_attach_puts_it(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let web = Lxc::new(&host).run("web", "");
    let script = "for link in /proc/self/ns/*; do readlink $link; done; cat /proc/self/cgroup; id; \
    hostname; ls /";
    let nsx = host
        .command("nsx enter lxc:web -- sh -c")
        .arg(script)
        .output();
    // With cgroup v2, LXC has a cgroup beside the container's program for attached programs.
    assert_eq!(
        nsx,
        web.exec()
            .args("sh -c")
            .arg(script)
            .output()
            .replace("0::/.lxc\n", "0::/\n")
    );
}

/// PID 1 has become another user with another directory and another environment.
fn changes_of_the_first_process_do_not_affect_a_new_one(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let became = "exec setpriv --reuid 1000 --clear-groups --inh-caps -all --bounding-set -all \
    --no-new-privs \
                  env -i CHANGED=yes sleep 1000";
    let options = "--env GREETING=hello --volume /usr:/usr:ro --volume /lib:/lib:ro --volume \
    /lib64:/lib64:ro";
    docker
        .command(&format!("run --detach --name web {options} image sh -c"))
        .arg(format!("cd /tmp; {became}"))
        .run()
        .exited(0);
    let web = docker.container("web");
    until("it has become another", || {
        procfs::status(host.process(web.pid), "Uid").starts_with("1000")
    });
    assert_same(&web, host.command("nsx enter"));
    // By its PID it is entered as it is now, and with -v nsx says how that differs.
    let pid = web.pid;
    let by_number = host
        .command(&format!("nsx enter {pid} -- env"))
        .run()
        .exited(0);
    assert!(
        by_number.text().contains("CHANGED=yes") && !by_number.text().contains("GREETING"),
        "{by_number}"
    );
    assert!(!by_number.text().contains("docker:web"), "{by_number}");
    let enter = |words: &str| host.command(&format!("nsx enter {words}")).run().exited(0);
    enter(&format!("{pid} --verbose -- true")).says(&["its container: is docker:web"]);
    let explained = enter(&format!("{pid} --explain true"));
    assert!(
        explained.text().contains("its container") && explained.text().contains("docker:web"),
        "{explained}"
    );
    let by_name = enter("docker:web --explain true");
    assert!(!by_name.text().contains("its container"), "{by_name}");
}

fn the_whole_container_is_entered_though_its_first_process_is_in_a_chroot(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let jail = "busybox mkdir -p /jail/bin /jail/etc; busybox cp /bin/busybox /jail/bin
        echo jailed:x:7:7::/:/bin/sh >/jail/etc/passwd; cd /jail; exec busybox chroot . \
    /bin/busybox sleep 1000";
    docker
        .command("run --detach --name web image sh -c")
        .arg(jail)
        .run()
        .exited(0);
    let web = docker.container("web");
    until("it is in its chroot", || {
        fs::read_link(format!("/proc/{}/root", host.process(web.pid)))
            .is_ok_and(|root| root.ends_with("jail"))
    });
    assert_same(&web, host.command("nsx enter"));
    let exec = |words: &str| docker.command("exec web").args(words).output();
    let enter = |words: &str| host.command("nsx enter").args(words).output();
    assert_eq!(enter("docker:web -- ls /"), exec("ls /"));
    assert_eq!(enter("docker:web -m -p -- ls /"), exec("ls /"));
    assert_eq!(
        enter("docker:web --user web -- id"),
        docker.command("exec --user web web id").output()
    );
    assert!(enter("docker:web --explain true").contains("has gone into another (chroot)"));
    // A PID means the process as it is.
    let by_number = format!("{} -- /bin/busybox ls /", web.pid);
    assert_eq!(enter(&by_number), "bin\netc");
    host.command(&format!(
        "nsx enter {} --user web -- /bin/busybox id",
        web.pid
    ))
    .run()
    .exited(125);
}

/// `docker exec` by itself is not a measure of the soft limit of open files: runc, a program in Go,
/// raises it to the hard limit in some runs only.
fn limits_that_the_first_process_changed_do_not_affect_a_new_one(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let run = |name: &str, options: &str, script: &str| {
        let run = docker
            .command("run --detach --name")
            .arg(name)
            .options(options)
            .args("image sh -c");
        run.arg(format!("{script}; exec sleep 1000"))
            .run()
            .exited(0);
        let container = docker.container(name);
        let comm =
            || fs::read_to_string(format!("/proc/{}/comm", host.process(container.pid))).unwrap();
        until("it has changed them", || comm() == "sleep\n");
        container
    };
    let limits = |name: &str| {
        host.command(&format!("nsx enter docker:{name} -- cat /proc/self/limits"))
            .output()
    };
    let of = |pid: u32| fs::read_to_string(format!("/proc/{}/limits", host.process(pid))).unwrap();
    let options = "--ulimit nofile=512:1024 --ulimit core=0:1000";
    run("configured", options, "ulimit -Sn 1024; ulimit -c 0");
    let as_it_was = run("as-it-was", options, "true");
    assert_eq!(
        limits("configured"),
        of(as_it_was.pid).trim_end_matches('\n')
    );
    // The configuration does not mention these.
    let lowered = run("lowered", "", "ulimit -n 300; ulimit -c 0; ulimit -s 4096");
    assert_same_but(&lowered, host.command("nsx enter"), &["Max open files"]);
    let hard = |way: Command| way.args("sh -c").arg("ulimit -Hn").output();
    assert_eq!(
        hard(host.command("nsx enter docker:lowered --")),
        hard(lowered.exec())
    );
    let unchanged = run("unchanged", "", "true");
    assert_eq!(
        limits("unchanged"),
        of(unchanged.pid).trim_end_matches('\n')
    );
    let by_number = host
        .command(&format!("nsx enter {} -- sh -c", lowered.pid))
        .arg("ulimit -n")
        .output();
    assert_eq!(by_number, "300");
}

fn names_are_looked_up_in_a_containers_network_as_the_container_does(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    docker.command("network create inner").run().exited(0);
    docker.run("web", "--network inner --add-host other:192.0.2.7");
    let show = "cat /etc/resolv.conf /etc/hosts";
    let theirs = docker.command("exec web").args(show).output();
    assert!(
        theirs.contains("127.0.0.11") && theirs.contains("192.0.2.7"),
        "{theirs}"
    );
    for options in ["--net", "--net --pid", "--host-tools"] {
        assert_eq!(
            host.command(&format!("nsx enter web {options} --"))
                .args(show)
                .output(),
            theirs,
            "{options}"
        );
    }
    let own = host.command(show).output();
    assert_eq!(
        host.command("nsx enter web --net --no-fix --")
            .args(show)
            .output(),
        own
    );
}

fn no_supplementary_group_of_a_container_is_given_twice(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let web = docker.run(
        "web",
        "--user 1000:29 --group-add 29 --group-add 30 --group-add 30",
    );
    assert_same(&web, host.command("nsx enter"));
    assert_eq!(
        host.command("nsx enter web grep Groups: /proc/self/status")
            .output()
            .trim(),
        "Groups:\t29 30"
    );
}
