//! `nsx enter --all-of`: the same program in many containers.

use super::{
    PODMAN,
    engine::{Oci, Podman},
};
use crate::support::{Cgroups, Host, Session, Test, root};

pub(super) fn tests() -> Vec<Test> {
    vec![root(each_container_that_fits_runs_the_program_once), root(a_shared_network_counts_once).needs([PODMAN])]
}

fn each_container_that_fits_runs_the_program_once(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let runc = Oci::runc(&host);
    let containers = ["web-a", "web-b", "web-c", "other"].map(|name| (name, runc.run(name, "")));
    let expected = |but: &str| {
        let webs = containers.iter().filter(|(name, _)| name.starts_with("web") && *name != but);
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
    for words in ["--all-of oci:web-?", "--all-of=web* -j 1", "--all-of web* --jobs 2"] {
        let output = host.command(&format!("nsx enter {words} -- readlink /proc/self/ns/mnt")).output();
        assert_eq!(sorted(&output), expected(""), "{words}");
    }
    // The first operand is the program, and what follows it is the program's.
    let all = host.command("nsx enter --all-of web-* readlink -f /proc/self/ns/mnt").run().exited(0);
    assert_eq!(all.text().lines().count(), 3, "{}", all.text());

    let script = "echo said >&2; printf no-newline; [ $(hostname) = x ] || exit 3";
    let failed = host.command("nsx enter --all-of web-* -- sh -c").arg(script).run().exited(1);
    assert_eq!(sorted(failed.text()), "oci:web-a | no-newline\noci:web-b | no-newline\noci:web-c | no-newline");
    failed.says(&["oci:web-b | said", "failed in 3 of 3", "oci:web-c (status 3)"]);

    let lines =
        host.command("nsx enter --all-of web-? --json-lines -- sh -c").arg("printf '\\033\"'; kill -9 $$").run();
    let lines = sorted(lines.exited(1).text());
    let expected = ["a", "b", "c"].map(|name| {
        format!(
            "{{\"target\":\"oci:web-{name}\",\"signal\":9}}\n\
             {{\"target\":\"oci:web-{name}\",\"stream\":\"stdout\",\"line\":\"\\u001b\\\"\"}}"
        )
    });
    assert_eq!(lines, expected.join("\n"));

    // What they say is lost: that is said once, and they run to their end.
    for (options, redirection, reason) in [
        ("", ">/dev/full", "No space left on device"),
        ("--json-lines", ">/dev/full", "No space left on device"),
        ("-j 1", ">&-", "Bad file descriptor"),
    ] {
        let script = format!("nsx enter --all-of 'web-*' {options} -- sh -c 'echo said; exit 3' {redirection}");
        let lost = host.command("sh -c").arg(script).run().exited(125).says(&[reason, "failed in 3 of 3"]);
        assert_eq!(lost.stderr.iter().filter(|byte| **byte == b'\n').count(), 2, "{lost}");
    }
    let lost =
        host.command("sh -c").arg("nsx enter --all-of 'web-*' -- sh -c 'echo said' >/dev/full").run().exited(125);
    assert_eq!(lost.says(&["No space left"]).stderr.iter().filter(|byte| **byte == b'\n').count(), 1);
    // Whoever reads may stop at any time.
    let script = "{ nsx enter --all-of 'web-*' -- sh -c 'sleep 0.1; echo said'; echo $? >&2; } | :";
    let closed = host.command("sh -c").arg(format!("trap '' PIPE; {script}")).run().exited(0);
    assert_eq!(closed.stderr, b"0\n");

    host.command("nsx enter --all-of nothing-* -- true").run().exited(125).says(&["nothing-*"]);
    host.command("nsx enter --all-of bogus:* -- true").run().exited(125).says(&["prefix"]);
    // A process that the program left behind holds the pipe open, and nobody waits for it.
    let left = host.command("nsx enter --all-of web-a -- sh -c").arg("sleep 1000 & echo left").output();
    assert_eq!(left, "oci:web-a | left");
}

fn a_shared_network_counts_once(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let podman = Podman::of_root(&host);
    podman.run("one", "");
    podman.run("two", "--network container:one");
    podman.run("three", "");
    let count = |words: &str| {
        let output = host.command(&format!("nsx enter --all-of podman:* {words} id -u")).output();
        output.lines().map(str::to_owned).collect::<Vec<_>>().len()
    };
    assert_eq!((count("--"), count("--unique net --")), (3, 2));
}
