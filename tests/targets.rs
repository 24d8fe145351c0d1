//! Targets other than containers: namespaces by name, file, inode and id, and systemd's units.
//! Containers of real engines are in `engines`.

use crate::support::{Cgroups, Host, Need, Session, Test, root, until};

pub(crate) fn tests() -> Vec<Test> {
    let tests = [
        root(a_namespace_is_named_in_every_way),
        root(a_namespace_is_named_by_its_id).needs([Need::Kernel(6, 18)]),
        root(a_file_that_is_not_a_namespace_is_refused),
        root(a_link_to_a_processs_network_is_followed),
        root(a_link_that_does_not_lead_to_a_network_is_refused_with_the_reason),
        root(a_unit_is_found_by_its_cgroup),
        root(a_name_of_both_a_container_and_a_namespace_is_refused),
        root(an_unknown_name_is_refused_with_similar_ones),
        root(a_note_is_printed_for_the_host_side_of_a_sandbox),
    ];
    let host = [
        Need::Namespaces,
        Need::Tool("busybox"),
        Need::Tool("ip"),
        Need::Tool("newuidmap"),
    ];
    tests.into_iter().map(|test| test.needs(host)).collect()
}

/// The network namespace of a program that enters `word`.
fn entered(host: &Host, word: &str) -> String {
    host.command("nsx enter")
        .arg(word)
        .args("-- readlink /proc/self/ns/net")
        .output()
}

/// A named network namespace of the host: its name as the kernel writes it.
fn netns(host: &Host, name: &str) -> String {
    host.command("ip netns add").arg(name).run().exited(0);
    let inode = host
        .command("stat --dereference --format %i")
        .arg(format!("/run/netns/{name}"))
        .output();
    format!("net:[{inode}]")
}

fn a_namespace_is_named_in_every_way(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let blue = netns(&host, "blue");
    for word in [
        "blue",
        "netns:blue",
        "/run/netns/blue",
        "/run/../run/netns/blue",
        &blue,
    ] {
        assert_eq!(entered(&host, word), blue, "{word}");
    }
    // A namespace that only a process has.
    let sleep = host.shell(
        "ip netns add gone; ip netns exec gone sh -c 'ip netns del gone; readlink \
        /proc/self/ns/net; exec sleep 100'",
    );
    let sleep = sleep.start();
    let gone = sleep.line();
    assert_eq!(entered(&host, &gone), gone);
    host.command("ip netns del blue").run().exited(0);
    for word in ["blue", "netns:blue", "/run/netns/blue", &blue] {
        host.command("nsx enter")
            .arg(word)
            .arg("true")
            .run()
            .exited(125)
            .says(&[word]);
    }
}

fn a_namespace_is_named_by_its_id(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let blue = netns(&host, "blue");
    // NS_GET_ID, called by another program.
    let id = r#"open(F, "<", "/run/netns/blue"); $id = "\0" x 8; ioctl(F, 0x8008b70d, $id) or die; print unpack("Q", $id)"#;
    let id = host.command("perl -e").arg(id).output();
    assert_eq!(entered(&host, &format!("id:{id}")), blue);
    host.command(&format!("nsx enter id:{}0 true", u64::MAX / 100))
        .run()
        .exited(125)
        .says(&["no such namespace"]);
}

/// A process of the host with its own network namespace, in which a script starts that prints its
/// PID.
const NETWORK: &str = "unshare --net sh -c 'mkdir -p /run/netns; echo $$; exec sleep 100'";

fn a_link_to_a_processs_network_is_followed(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let process = host.shell(NETWORK).start();
    let pid = process.line();
    netns(&host, "blue");
    let links = format!(
        "cd /run/netns; ln -s /proc/{pid}/ns/net web; ln -s web again; ln -s \
        ../../proc/{pid}/task/{pid}/ns/net thread
        mkdir /run/other; ln -s /run/netns/blue /run/other/blue; ln -s ../other/blue green"
    );
    host.shell(&links).run().exited(0);
    for name in ["web", "again", "thread", "green"] {
        let expected = host
            .command(&format!("ip netns exec {name} readlink /proc/self/ns/net"))
            .output();
        for word in [
            name.to_owned(),
            format!("netns:{name}"),
            format!("/run/netns/{name}"),
        ] {
            assert_eq!(entered(&host, &word), expected, "{word}");
        }
    }
    assert_eq!(
        entered(&host, "web"),
        host.command(&format!("readlink /proc/{pid}/ns/net"))
            .output()
    );
    assert_eq!(entered(&host, "green"), entered(&host, "blue"));
}

fn a_link_that_does_not_lead_to_a_network_is_refused_with_the_reason(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let process = host.shell(NETWORK).start();
    let pid = process.line();
    let links = format!(
        "cd /run/netns; ln -s /proc/{pid}/ns/net web; ln -s /proc/{pid}/ns/net reused; touch -h -d \
        '10 seconds ago' reused
        ln -s /etc/passwd users; ln -s /run/nowhere/blue lost; ln -s loop loop; touch plain"
    );
    host.shell(&links).run().exited(0);
    let refused = |word: &str, reason: &str| {
        host.command("nsx enter")
            .arg(word)
            .arg("true")
            .run()
            .exited(125)
            .says(&[word, reason]);
    };
    refused(
        "netns:reused",
        &format!("process {pid} started after the link was made"),
    );
    host.command(&format!("kill {pid}")).run().exited(0);
    let ended = format!("a link to /proc/{pid}/ns/net, whose process has ended");
    until("the process is gone", || !host.exists(pid.parse().unwrap()));
    for word in ["web", "netns:web", "/run/netns/web", "netns:reused"] {
        refused(word, &ended);
        host.command("nsx ls")
            .arg(word)
            .run()
            .exited(1)
            .says(&[&ended]);
    }
    refused(
        "netns:users",
        "a link to /etc/passwd, which is not the file of a namespace",
    );
    refused(
        "netns:lost",
        "a link to /run/nowhere/blue, which does not exist",
    );
    refused(
        "/run/netns/lost",
        "a link to /run/nowhere/blue, which does not exist",
    );
    refused("netns:loop", "loop");
    refused(
        "netns:plain",
        "a plain file, on which no namespace is mounted",
    );
    host.command("ip netns exec plain true").run().exited(255);
}

fn a_file_that_is_not_a_namespace_is_refused(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    host.shell(
        "mkdir -p /run/netns; touch /run/netns/file; mkfifo /run/netns/fifo; ln -s \
    /etc/passwd /run/netns/link",
    )
    .run()
    .exited(0);
    for word in [
        "/etc/passwd",
        "/run/netns",
        "netns:file",
        "netns:fifo",
        "/run/netns/fifo",
        "netns:link",
    ] {
        host.command("nsx enter")
            .arg(word)
            .arg("true")
            .run()
            .exited(125)
            .says(&[word, "namespace"]);
    }
    // A file that is not a namespace has no name either.
    host.command("nsx enter fifo true")
        .run()
        .exited(125)
        .says(&["nothing has that name"]);
    host.command("nsx enter net:[1] true")
        .run()
        .exited(125)
        .says(&["net:[1]", "no such namespace"]);
    host.command("nsx enter dokcer:web true")
        .run()
        .exited(125)
        .says(&["dokcer:web", "docker, podman"]);
}

/// The UTS namespace of a program that enters `word`.
fn hostname(host: &Host, word: &str) -> String {
    host.command("nsx enter")
        .arg(word)
        .args("--uts -- readlink /proc/self/ns/uts")
        .output()
}

fn a_unit_is_found_by_its_cgroup(session: &Session) {
    for cgroups in [Cgroups::AsOutside, Cgroups::Unified] {
        let host = Host::new(session, cgroups);
        // The first is deeper and has its own host name; the second comes later.
        let unit = host.shell(
            "root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || root=$root/systemd
            unit=$root/system.slice/web-app.slice/web.service
            mkdir -p $unit/below $root/system.slice/none.service
            in_unit='echo $$ >$0; readlink /proc/self/ns/uts; exec sleep 100'
            unshare --uts sh -c \"$in_unit\" $unit/below/cgroup.procs &
            sleep 0.1; sh -c \"$in_unit\" $unit/cgroup.procs &
            wait",
        );
        let unit = unit.start();
        let first = unit.line();
        for word in ["unit:web", "unit:web.service", "web.service"] {
            assert_eq!(hostname(&host, word), first, "{word}");
        }
        let all = host
            .command("nsx enter --all-of unit:w* --uts -- readlink /proc/self/ns/uts")
            .output();
        assert_eq!(all, format!("unit:web.service | {first}"));
        // A unit is shown as a unit, because it has many names.
        host.command("nsx enter web true")
            .run()
            .exited(125)
            .says(&["nothing has that name"]);
        host.command("nsx enter unit:none true")
            .run()
            .exited(125)
            .says(&["unit:none.service is empty"]);
    }
}

fn a_name_of_both_a_container_and_a_namespace_is_refused(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    netns(&host, "blue");
    // The record that runc writes about a process.
    let container = host.shell(
        r#"unshare --uts sleep 100 & start=$(cut -d' ' -f22 /proc/$!/stat); mkdir -p /run/runc/blue
        while [ $(readlink /proc/$!/ns/uts) = $(readlink /proc/$$/ns/uts) ]; do sleep 0.01; done
        echo "{\"id\":\"blue\",\"init_process_pid\":$!,\"init_process_start\":$start,\"config\":{}}" >/run/runc/blue/state.json
        readlink /proc/$!/ns/uts; wait"#,
    );
    let container = container.start();
    let own = container.line();
    host.command("nsx enter blue true")
        .run()
        .exited(125)
        .says(&["blue may be any of oci:blue, netns:blue"]);
    assert_eq!(hostname(&host, "oci:blue"), own);
}

fn an_unknown_name_is_refused_with_similar_ones(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    netns(&host, "blue");
    host.shell(
        "mkdir -p /run/runc/eng-web; echo '{\"init_process_pid\":1,\"config\":{}}' \
        >/run/runc/eng-web/state.json",
    )
    .run()
    .exited(0);
    for (word, near) in [
        ("eng", "near names: oci:eng-web"),
        ("WEB", "near names: oci:eng-web"),
        ("docker:eng-web", "near names: oci:eng-web"),
        ("bleu", "near names: netns:blue"),
        ("netns:blu", "near names: netns:blue"),
        ("podman:blue", "near names: netns:blue"),
        ("netns:eng-wbe", "near names: oci:eng-web"),
        ("doker:eng-web", "try docker:eng-web"),
        ("net:blue", "try netns:blue"),
        ("k8s:default/web", "try k8s://default/web"),
    ] {
        let refused = host
            .command("nsx enter")
            .arg(word)
            .arg("true")
            .run()
            .exited(125);
        refused.says(&[word, &format!("  {near}\n")]);
    }
    let far = host.command("nsx enter far:away true").run().exited(125);
    assert!(!far.to_string().contains("  try"), "{far}");
}

/// Checks the messages for a container whose shim is Kata's or gVisor's: the process in
/// containerd's record is a virtual machine or a sandbox kernel.
fn a_note_is_printed_for_the_host_side_of_a_sandbox(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let container = host.shell(
        "unshare --uts --pid --fork --kill-child sleep 100 &
        until read pid </proc/$!/task/$!/children; [ \"$(cat /proc/$pid/comm)\" = sleep ]; do \
        sleep 0.01; done 2>/dev/null
        bundle=/run/containerd/io.containerd.runtime.v2.task/default/box; mkdir -p $bundle; echo \
        '{}' >$bundle/config.json
        echo -n $pid >$bundle/init.pid; read -r line </proc/$pid/stat; set -- ${line##*) }; \
        state=/run/containerd/runc/default/box
        mkdir -p $state; echo \"{\\\"init_process_pid\\\":$pid,\\\"init_process_start\\\":${20}}\" \
        >$state/state.json; echo $pid; wait",
    );
    let container = container.start();
    let pid = container.line();
    let shim = |path: &str| {
        let file = "/run/containerd/io.containerd.runtime.v2.task/default/box/shim-binary-path";
        host.shell(&format!("echo -n {path} >{file}"))
            .run()
            .exited(0);
    };
    let enter = |words: &str| host.command(&format!("nsx enter {words}")).run().exited(0);
    for (path, name) in [
        ("/opt/kata/bin/containerd-shim-kata-v2", "Kata"),
        ("/usr/bin/containerd-shim-runsc-v1", "gVisor"),
    ] {
        shim(path);
        enter("containerd:box --uts -- true")
            .says(&[&format!("a sandbox of {name}"), "the host's side"]);
        // By its PID, only the requested checks are made.
        enter(&format!("{pid} --uts --verbose -- true")).says(&[&format!("a sandbox of {name}")]);
        let explained = enter(&format!("{pid} --uts --explain true"));
        assert!(
            explained.text().contains(&format!("a sandbox of {name}")),
            "{explained}"
        );
    }
    shim("/usr/bin/containerd-shim-runc-v2");
    let plain = enter("containerd:box --uts --explain true");
    assert!(!plain.text().contains("sandbox"), "{plain}");
}
