//! `nsx enter --all-of`: the same program in many containers.

use super::{
    PODMAN,
    engine::{Oci, Podman},
};
use crate::support::{Cgroups, Host, Session, Test, procfs, root};
use std::{collections::BTreeMap, thread, time::Duration};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(each_matching_container_runs_the_program_once),
        root(a_shared_network_counts_once).needs([PODMAN]),
        root(a_pattern_matches_names_of_any_engine),
        root(a_pattern_matches_pods),
        root(a_pattern_matches_networks),
    ]
}

fn each_matching_container_runs_the_program_once(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let runc = Oci::runc(&host);
    let containers = ["web-a", "web-b", "web-c", "other"].map(|name| (name, runc.run(name, "")));
    let expected = |but: &str| {
        let webs = containers
            .iter()
            .filter(|(name, _)| name.starts_with("web") && *name != but);
        let lines: Vec<_> = webs
            .map(|(name, container)| {
                let link = container.exec().args("readlink /proc/self/ns/mnt").output();
                format!("oci:{name} | {link}")
            })
            .collect();
        lines.join("\n")
    };
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    for words in [
        "--all-of oci:web-?",
        "--all-of=web* -j 1",
        "--all-of web* --jobs 2",
    ] {
        let output = host
            .command(&format!("nsx enter {words} -- readlink /proc/self/ns/mnt"))
            .output();
        assert_eq!(sorted(&output), expected(""), "{words}");
    }
    // The first operand is the program, and what follows it is the program's.
    let all = host
        .command("nsx enter --all-of web-* readlink -f /proc/self/ns/mnt")
        .run()
        .exited(0);
    assert_eq!(all.text().lines().count(), 3, "{}", all.text());

    let script = "echo said >&2; printf no-newline; [ $(hostname) = x ] || exit 3";
    let failed = host
        .command("nsx enter --all-of web-* -- sh -c")
        .arg(script)
        .run()
        .exited(1);
    assert_eq!(
        sorted(failed.text()),
        "oci:web-a | no-newline\noci:web-b | no-newline\noci:web-c | no-newline"
    );
    failed.says(&[
        "oci:web-b | said",
        "failed in 3 of 3",
        "oci:web-c (status 3)",
    ]);

    let lines = host
        .command("nsx enter --all-of web-? --json-lines -- sh -c")
        .arg("printf '\\033\"'; kill -9 $$")
        .run();
    let lines = sorted(lines.exited(1).text());
    let expected = ["a", "b", "c"].map(|name| {
        format!(
            "{{\"target\":\"oci:web-{name}\",\"signal\":9}}\n\
             {{\"target\":\"oci:web-{name}\",\"stream\":\"stdout\",\"line\":\"\\u001b\\\"\"}}"
        )
    });
    assert_eq!(lines, expected.join("\n"));

    // Their output is lost: nsx says so once, and they run to their end.
    for (options, redirection, reason) in [
        ("", ">/dev/full", "No space left on device"),
        ("--json-lines", ">/dev/full", "No space left on device"),
        ("-j 1", ">&-", "Bad file descriptor"),
    ] {
        let script = format!(
            "nsx enter --all-of 'web-*' {options} -- sh -c 'echo said; exit 3' {redirection}"
        );
        let lost = host
            .command("sh -c")
            .arg(script)
            .run()
            .exited(125)
            .says(&[reason, "failed in 3 of 3"]);
        assert_eq!(
            lost.stderr.iter().filter(|byte| **byte == b'\n').count(),
            2,
            "{lost}"
        );
    }
    let lost = host
        .command("sh -c")
        .arg("nsx enter --all-of 'web-*' -- sh -c 'echo said' >/dev/full")
        .run()
        .exited(125);
    assert_eq!(
        lost.says(&["No space left"])
            .stderr
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        1
    );
    // The reader may stop at any time.
    let script = "{ nsx enter --all-of 'web-*' -- sh -c 'sleep 0.1; echo said'; echo $? >&2; } | :";
    let closed = host
        .command("sh -c")
        .arg(format!("trap '' PIPE; {script}"))
        .run()
        .exited(0);
    assert_eq!(closed.stderr, b"0\n");

    host.command("nsx enter --all-of nothing-* -- true")
        .run()
        .exited(125)
        .says(&["nothing-*"]);
    host.command("nsx enter --all-of bogus:* -- true")
        .run()
        .exited(125)
        .says(&["prefix"]);
    // A process that the program left behind holds the pipe open, and nobody waits for it.
    let left = host
        .command("nsx enter --all-of web-a -- sh -c")
        .arg("sleep 1000 & echo left")
        .output();
    assert_eq!(left, "oci:web-a | left");
}

fn a_shared_network_counts_once(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let podman = Podman::of_root(&host);
    podman.run("one", "");
    podman.run("two", "--network container:one");
    podman.run("three", "");
    let count = |words: &str| {
        let output = host
            .command(&format!("nsx enter --all-of podman:* {words} id -u"))
            .output();
        output.lines().map(str::to_owned).collect::<Vec<_>>().len()
    };
    assert_eq!((count("--"), count("--unique net --")), (3, 2));
}

/// The words that matched a pattern, each with the namespace that the program found itself in.
fn entered(host: &Host, pattern: &str, kind: &str) -> Vec<(String, String)> {
    let option = if kind == "net" && pattern.starts_with("netns") {
        String::new()
    } else {
        format!("--{kind} ")
    };
    let enter = host
        .command("nsx enter --all-of")
        .arg(pattern)
        .args(&format!("{option}-- readlink /proc/self/ns/{kind}"));
    let lines = enter.output();
    let split = |line: &str| {
        line.split_once('|')
            .map(|(word, ns)| (word.trim().to_owned(), ns.trim().to_owned()))
    };
    let mut lines: Vec<_> = lines.lines().filter_map(split).collect();
    lines.sort();
    lines
}

fn a_pattern_matches_names_of_any_engine(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let runc = Oci::runc(&host);
    let containers = ["eng-web", "eng-front", "eng-db"].map(|name| runc.run(name, ""));
    let expected = |wanted: &[usize]| {
        let line = |index: &usize| {
            let container = &containers[*index];
            (
                container.target.clone(),
                procfs::ns(host.process(container.pid), "uts"),
            )
        };
        let mut lines: Vec<_> = wanted.iter().map(line).collect();
        lines.sort();
        lines
    };
    for (pattern, wanted) in [
        ("*:eng-w*", &[0][..]),
        ("eng-[wf]*", &[0, 1]),
        ("o*:eng-[!wf]?", &[2]),
        ("[a-z]*:*-db", &[2]),
        ("oci:*", &[0, 1, 2]),
    ] {
        assert_eq!(
            entered(&host, pattern, "uts"),
            expected(wanted),
            "{pattern}"
        );
    }
    for (pattern, reason) in [
        (
            "bogus:*",
            "the prefix of a pattern is netns, k8s or an engine",
        ),
        (
            "net:*",
            "the prefix of a pattern is netns, k8s or an engine",
        ),
        (
            "k8s://default",
            "a pod is named k8s://NAMESPACE/POD[/CONTAINER]",
        ),
        (
            "docker:nothing-*",
            "no container that runs fits docker:nothing-*",
        ),
        (
            "netns:nothing-*",
            "no network namespace fits netns:nothing-*",
        ),
        ("k8s:nothing-*", "no pod that runs fits k8s:nothing-*"),
        ("podman:nobody-of-that-name@*", "there is no user"),
    ] {
        host.command("nsx enter --all-of")
            .arg(pattern)
            .args("-- true")
            .run()
            .exited(125)
            .says(&[reason]);
    }
}

/// A script that writes the records of containerd's CRI plug-in about a container: its process, and
/// names in the annotations.
const POD: &str = r#"
    id=$1 namespace=$2 pod=$3 name=$4
    kind=container; [ "$name" ] || kind=sandbox
    unshare --uts --pid --fork --kill-child sleep 1000 &
    until read pid </proc/$!/task/$!/children; [ "$(cat /proc/$pid/comm)" = sleep ]; do sleep 0.01; done 2>/dev/null
    bundle=/run/containerd/io.containerd.runtime.v2.task/k8s.io/$id; state=/run/containerd/runc/k8s.io/$id
    mkdir -p $bundle $state; printf %s $pid >$bundle/init.pid
    read -r line </proc/$pid/stat; set -- ${line##*) }
    echo "{\"init_process_pid\":$pid,\"init_process_start\":${20}}" >$state/state.json
    cri=io.kubernetes.cri
    echo "{\"annotations\":{\"$cri.container-type\":\"$kind\",\"$cri.container-name\":\"$name\",
        \"$cri.sandbox-name\":\"$pod\",\"$cri.sandbox-namespace\":\"$namespace\"}}" >$bundle/config.json
    echo $pid; wait"#;

fn a_pattern_matches_pods(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let mut running = Vec::new();
    let mut uts = BTreeMap::new();
    for (index, [namespace, pod, name]) in [
        ["default", "web-0", ""],
        ["default", "web-0", "app"],
        ["default", "web-0", "side"],
        ["default", "web-1", "app"],
        ["prod", "db-0", "app"],
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("{index:064x}");
        let script = POD.replace(
            "id=$1 namespace=$2 pod=$3 name=$4",
            &format!("id={id} namespace={namespace} pod={pod} name={name}"),
        );
        let process = host.shell(&script).start();
        let pid: u32 = process.line().parse().unwrap();
        uts.insert(
            format!("k8s://{namespace}/{pod}/{name}"),
            (pid, procfs::ns(host.process(pid), "uts")),
        );
        running.push(process);
        // A start is known to a hundredth of a second.
        thread::sleep(Duration::from_millis(20));
    }
    let expected = |words: &[&str]| {
        let line = |word: &&str| ((*word).to_owned(), uts[*word].1.clone());
        words.iter().map(line).collect::<Vec<_>>()
    };
    let [app, side, other, db] = [
        "k8s://default/web-0/app",
        "k8s://default/web-0/side",
        "k8s://default/web-1/app",
        "k8s://prod/db-0/app",
    ];
    for (pattern, words) in [
        ("k8s:*", &[app, other, db][..]),
        ("k8s://default/*", &[app, other]),
        ("k8s://*/*", &[app, other, db]),
        ("k8s:web-[1-9]", &[other]),
        ("k8s://default/web-0/*", &[app, side]),
        ("k8s://*/*/app", &[app, other, db]),
        ("cri:a*", &[app, other, db]),
        ("db-*", &[db]),
    ] {
        assert_eq!(entered(&host, pattern, "uts"), expected(words), "{pattern}");
    }
    for word in [app, side, other, db] {
        let of = host
            .command(&format!("nsx pidmap {}", uts[word].0))
            .output();
        assert!(of.contains(&format!(" {word}")), "{of}");
    }
}

fn a_pattern_matches_networks(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    for name in ["blue", "black", "green"] {
        host.command("ip netns add").arg(name).run().exited(0);
    }
    host.shell("ln -s /run/netns/blue /run/netns/azure; ln -s /nowhere /run/netns/lost")
        .run()
        .exited(0);
    let expected = |names: &[&str]| {
        let line = |name: &&str| {
            let network = host
                .command(&format!("ip netns exec {name} readlink /proc/self/ns/net"))
                .output();
            (format!("netns:{name}"), network)
        };
        names.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        entered(&host, "netns:*", "net"),
        expected(&["azure", "black", "blue", "green"])
    );
    assert_eq!(
        entered(&host, "netns:bl[au]*", "net"),
        expected(&["black", "blue"])
    );
    let lines = host
        .command("nsx enter --all-of netns:* --unique net -- echo x")
        .output();
    assert_eq!(lines.lines().count(), 3, "{lines}");
}
