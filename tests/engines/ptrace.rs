//! A container with CAP_SYS_PTRACE that seizes every process of `nsx enter` as soon as it sees one.

use super::{
    DOCKER,
    engine::{Container, Docker},
};
use crate::support::{Cgroups, Host, Need, Session, Test, procfs, root, until};
use std::{collections::BTreeMap, fs};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(nothing_seized_before_the_exec_has_more_than_the_program),
        root(nothing_outlives_nsx_while_it_is_traced),
    ]
    .into_iter()
    .map(|test| test.needs([DOCKER, Need::Tool("cc"), Need::Tool("script")]))
    .chain([root(a_joiner_in_a_frozen_cgroup_leaves_nsx_to_its_signals)])
    .collect()
}

/// A container in which a program seizes each next process and writes down what the process has.
fn container(session: &Session, docker: &Docker<'_>, hold: &str) -> Container {
    fs::write(session.path("seize.c"), include_str!("seize.c")).unwrap();
    fs::create_dir(session.path("seizer")).unwrap();
    session
        .command("cc -O2 -o seizer/seize seize.c")
        .run()
        .exited(0);
    let seizer = session.path("seizer").display().to_string();
    let volumes = format!(
        "--volume /lib:/lib:ro --volume /lib64:/lib64:ro --volume /usr:/usr:ro --volume \
        {seizer}:/seizer"
    );
    let run = docker
        .command("run --detach --name web --network none --cap-add SYS_PTRACE")
        .options(&volumes);
    run.args("image /seizer/seize /seizer/seized")
        .options(hold)
        .run()
        .exited(0);
    until("it seizes", || seized(session).contains("ready"));
    docker.container("web")
}

fn seized(session: &Session) -> String {
    fs::read_to_string(session.path("seizer/seized")).unwrap_or_default()
}

/// The capability sets of a process.
const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

fn number(set: &str) -> u64 {
    u64::from_str_radix(set, 16).unwrap()
}

/// The number of processes to seize in each mode, and the highest number of attempts for that.
const ENOUGH: usize = 8;
const MOST_ENTERS: usize = 200;

fn nothing_seized_before_the_exec_has_more_than_the_program(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    let web = container(session, &docker, "");
    let inside = number(&procfs::status(host.process(web.pid), "CapBnd"));
    let outside = number(&procfs::status("self", "CapBnd"));
    assert_ne!(inside, outside);
    for (enter, allowed) in [
        ("nsx enter docker:web -- true", inside),
        (
            "script --quiet --return --command 'nsx enter --pty docker:web -- true' /dev/null",
            inside,
        ),
        ("nsx enter --all-of 'docker:we?' -- true", inside),
        // Here the program has the caller's privileges on purpose.
        (
            "nsx enter --host-tools --preserve-fds 0 docker:web -- true",
            outside,
        ),
    ] {
        let before = seized(session).lines().count();
        let script = format!("for _ in 1 2 3 4 5 6 7 8 9 10; do {enter} || exit 1; done");
        let mut enters = 0;
        let found = loop {
            host.shell(&script)
                .env("NSX_SECRET", "caller")
                .run()
                .exited(0);
            enters += 10;
            let text = seized(session);
            let lines: Vec<_> = text
                .lines()
                .skip(before)
                .filter(|line| line.contains(" Name=nsx "))
                .collect();
            if lines.len() >= ENOUGH {
                break lines
                    .iter()
                    .map(|line| (*line).to_owned())
                    .collect::<Vec<_>>();
            }
            assert!(
                enters < MOST_ENTERS,
                "{enter}: only {} of {enters} were seized",
                lines.len()
            );
        };
        for line in found {
            let words = || line.split(' ').filter_map(|word| word.split_once('='));
            let values: BTreeMap<_, _> = words().collect();
            for set in SETS {
                assert_eq!(
                    number(values[set]) & !allowed,
                    0,
                    "{set} of {enter}: {line}"
                );
            }
            for (_, descriptor) in words().filter(|(name, _)| *name == "fd") {
                assert!(
                    ["0:", "1:", "2:"]
                        .iter()
                        .any(|own| descriptor.starts_with(own)),
                    "{enter}: {line}"
                );
            }
            if allowed == inside {
                assert_eq!(
                    (values["root"], values["cwd"], values["secrets"]),
                    ("own", "own", "0"),
                    "{enter}: {line}"
                );
            }
        }
    }
}

/// Before nsx lets the program continue, a signal ends nsx. Later the signal goes to the program,
/// and only SIGKILL ends nsx.
fn nothing_outlives_nsx_while_it_is_traced(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let docker = Docker::start(&host);
    container(session, &docker, "hold");
    let enters = 1..=MOST_ENTERS;
    let held = enters.into_iter().find(|_| {
        let outcome = host
            .command("timeout --signal KILL 2 nsx enter docker:web -- true")
            .run();
        outcome.status() != "exit status: 0"
    });
    assert!(held.is_some(), "none of {MOST_ENTERS} was held");
    // A tracer of a process that has ended keeps its zombie.
    until("nothing of nsx is left", || {
        let processes = host.command("ps -e -o comm,stat").output();
        !processes
            .lines()
            .any(|line| line.starts_with("nsx ") && !line.contains('Z'))
    });
}

fn a_joiner_in_a_frozen_cgroup_leaves_nsx_to_its_signals(session: &Session) {
    let host = Host::new(session, Cgroups::Unified);
    // nsx enter refuses such a cgroup, which may be frozen later. nsenter does not check.
    let script = "cold=/sys/fs/cgroup/cold; mkdir $cold; unshare --pid --fork --kill-child sleep \
    1000 & child=$!
        until read target </proc/$child/task/$child/children; [ -n \"$target\" ]; do sleep 0.01; \
    done
        echo $target >$cold/cgroup.procs; echo 1 >$cold/cgroup.freeze
        status=0; timeout 1 bash -c 'exec -a nsenter nsx -t $0 -p --join-cgroup true' $target || \
    status=$?
        echo 0 >$cold/cgroup.freeze; kill -9 $target; echo $status";
    assert_eq!(host.shell(script).output(), "124");
}
