//! Names in the stores of engines that cannot all be run for a test: trees of files in their
//! formats.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test panics if something is wrong"
)]

mod support;

use nsx_core::pid::Pid;
use nsx_target::{Container, Engine, Inventory, Sandbox, State};
use support::{Recorded, fitting, id};

const POD: &str = "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_4e5f_6a7b_8c9d_0e1f2a3b4c5d.slice";

fn cri() -> Recorded {
    let cgroup = |id: &str| format!("{POD}/cri-containerd-{id}.scope");
    Recorded::load(
        include_str!("recorded/cri.txt"),
        &[
            ("sandbox", &cgroup("@SANDBOX@")),
            ("app", &cgroup("@APP@")),
            ("sidecar", &cgroup("@SIDECAR@")),
        ],
    )
}

/// Returns the container that a process is in, from its cgroups and the stores.
#[track_caller]
fn origin(recorded: &Recorded, process: &str) -> Container {
    let host = recorded.host();
    let pid = Pid::from_raw(recorded.pid(process).cast_signed()).unwrap();
    Inventory::new(&host)
        .origin(pid)
        .container()
        .cloned()
        .unwrap()
}

#[test]
fn a_pods_containers_are_found_in_containerd() {
    let node = cri();
    node.leads(
        &[
            "k8s://prod/web-0/app",
            "app",
            "cri:app",
            "web-0",
            "containerd://@APP@",
            "cri://@APP@",
            "@APP@",
        ],
        "app",
        "k8s://prod/web-0/app",
    );
    // The first program of the pod, and never its sandbox, whose name it shares.
    node.leads(&["k8s://prod/web-0"], "app", "k8s://prod/web-0/app");
    node.leads(
        &["k8s://prod/web-0/logs", "logs"],
        "sidecar",
        "k8s://prod/web-0/logs",
    );
    let sandbox = node
        .find(&format!("cri:{}", &id("SANDBOX")[..12]))
        .unwrap()
        .container
        .unwrap();
    assert!(sandbox.pod.unwrap().is_sandbox);
    node.refuses("k8s://prod/web-1", &["no container of that pod"]);
    node.refuses("k8s://test/web-0", &["no container of that pod"]);
    let app = node.find("app").unwrap().container.unwrap();
    assert_eq!(
        app.bundle.unwrap().path().to_str().unwrap(),
        format!(
            "/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}",
            id("APP")
        )
    );
    assert_eq!(
        node.find("logs").unwrap().container.unwrap().sandbox,
        Some(Sandbox::Kata)
    );
    assert_eq!(origin(&node, "app").address(), "k8s://prod/web-0/app");
    assert_eq!(
        origin(&node, "app").image.unwrap(),
        "docker.io/library/nginx:1.27"
    );
}

#[test]
fn a_pods_containers_are_found_without_kubelets_links() {
    let node = cri();
    std::fs::remove_dir_all(node.path("var/log/containers")).unwrap();
    node.leads(
        &["k8s://prod/web-0/app", "app", "k8s://prod/web-0"],
        "app",
        "k8s://prod/web-0/app",
    );
}

#[test]
fn a_pods_containers_are_found_in_cri_o() {
    let cgroup = |id: &str| format!("{POD}/crio-{id}.scope/container");
    let node = Recorded::load(
        include_str!("recorded/crio.txt"),
        &[("sandbox", &cgroup("@SANDBOX@")), ("app", &cgroup("@APP@"))],
    );
    let words = [
        "k8s://prod/web-0",
        "k8s://prod/web-0/app",
        "app",
        "crio:app",
        "cri-o://@APP@",
        "web-0",
    ];
    node.leads(&words, "app", "k8s://prod/web-0/app");
    node.refuses("podman:app", &["nothing has that name"]);
    assert_eq!(origin(&node, "app").address(), "k8s://prod/web-0/app");
    assert_eq!(origin(&node, "sandbox").engine, Engine::Crio);
}

#[test]
fn nerdctls_names_are_found_by_its_index() {
    let mut host = Recorded::load(
        include_str!("recorded/nerdctl.txt"),
        &[
            ("web", "0::/system.slice/nerdctl-@WEB@.scope"),
            (
                "db",
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-@DB@.scope",
            ),
        ],
    );
    host.leads(
        &[
            "web",
            "nerdctl:web",
            "containerd:web",
            "containerd:default/@WEB@",
            "nerdctl://@WEB@",
        ],
        "web",
        "nerdctl:web",
    );
    // A name whose container has no task.
    host.refuses("gone", &["nothing has that name"]);
    host.refuses("nerdctl:wbe", &["near names: nerdctl:web"]);
    assert_eq!(origin(&host, "web").address(), "nerdctl:web");
    host.called_by(1000, "/srv/alice");
    host.leads(
        &["db", "nerdctl:db", "nerdctl:alice@db", "nerdctl:1000@db"],
        "db",
        "nerdctl:db",
    );
    host.leads(&["web", "nerdctl:root@web"], "web", "nerdctl:web");
    assert_eq!(origin(&host, "db").address(), "nerdctl:db");
}

#[test]
fn incus_containers_are_found_by_their_monitors() {
    let host = Recorded::load(
        include_str!("recorded/incus.txt"),
        &[
            ("web", "0::/lxc.payload.web/init.scope"),
            ("db", "0::/lxc.payload.prod_db"),
        ],
    );
    // Processes that the records do not name: only their titles and children are read.
    for (monitor, name, child) in [(4_190_001, "web", "web"), (4_190_002, "prod_db", "db")] {
        host.describe(monitor, 1, 7, &format!("0::/lxc.monitor.{name}"));
        host.file(
            &format!("proc/{monitor}/cmdline"),
            &format!("[lxc monitor] /var/lib/incus/containers {name}\0"),
        );
        host.describe(
            host.pid(child),
            monitor,
            8,
            &format!("0::/lxc.payload.{name}"),
        );
    }
    host.leads(&["web", "lxc:web", "incus:web"], "web", "lxc:web");
    host.leads(&["db", "lxc:prod_db"], "db", "lxc:db");
    assert_eq!(host.find("db").unwrap().container.unwrap().id, "prod_db");
    host.refuses("lxc:off", &["lxc:off is not running", "stopped"]);
    assert_eq!(origin(&host, "db").address(), "lxc:db");
}

#[test]
fn machines_are_found() {
    let host = Recorded::load(
        include_str!("recorded/machined.txt"),
        &[
            (
                "box",
                "0::/machine.slice/machine-box.scope/payload/init.scope",
            ),
            (
                "guest",
                r"0::/machine.slice/machine-qemu\x2d1\x2dguest.scope/libvirt/emulator",
            ),
        ],
    );
    host.leads(&["box", "machine:box"], "box", "machine:box");
    host.refuses("machine:.host", &["nothing has that name"]);
    assert_eq!(origin(&host, "box").address(), "machine:box");
}

#[test]
fn docker_is_found_where_it_was_moved_and_at_its_users() {
    let mut host = Recorded::load(
        include_str!("recorded/docker-rootless.txt"),
        &[
            ("web", "0::/system.slice/docker-@WEB@.scope"),
            (
                "db",
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-@DB@.scope",
            ),
        ],
    );
    host.leads(
        &["web", "docker:web", "docker://@WEB@", "@WEB@"],
        "web",
        "docker:web",
    );
    host.called_by(1000, "/srv/alice");
    host.leads(&["db", "docker:db"], "db", "docker:db");
    let bundle = host
        .find("db")
        .unwrap()
        .container
        .unwrap()
        .bundle
        .unwrap()
        .path()
        .to_owned();
    assert!(
        bundle.starts_with("/run/user/1000/docker/containerd/daemon"),
        "{}",
        support::shown(&bundle)
    );
    host.called_by(0, "/root");
    // Without Docker's own records its containers still have ids.
    std::fs::remove_dir_all(host.path("data/docker")).unwrap();
    host.leads(
        &["docker:@WEB@"],
        "web",
        &format!("docker:{}", &id("WEB")[..12]),
    );
    host.refuses("docker:web", &["nothing has that name"]);
}

#[test]
fn a_record_that_the_kernel_contradicts_is_stale() {
    let record = |host: &Recorded, start: u64| {
        let state = format!(
            r#"{{"init_process_pid":@PID:web@,"init_process_start":{start},"config":{{}}}}"#
        );
        host.file("run/runc/web/state.json", &state);
    };
    let mut host = Recorded::new(&[("web", "0::/web")]);
    record(&host, 1_153_757);
    host.leads(&["web", "oci:web"], "web", "oci:web");
    // Another start than the one in the record.
    record(&host, 1_153_756);
    let error = host.refuses(
        "web",
        &[
            "the record of oci:web is stale",
            "@PID:web@ started at another time",
        ],
    );
    assert!(error.is_absence());
    // A cgroup of another container.
    record(&host, 1_153_757);
    let elsewhere = format!("0::/docker/{}", id("OTHER"));
    host.describe(host.pid("web"), 1, 1_153_757, &elsewhere);
    host.refuses("web", &["stale", "is in another container", "@OTHER@"]);
    // The process has ended.
    host.end("web");
    host.refuses("web", &["stopped"]);
}

#[test]
fn a_number_without_a_time_needs_a_cgroup() {
    let host = Recorded::new(&[("web", "0::/libpod_parent/libpod-@WEB@")]);
    let root = "var/lib/containers/storage/overlay-containers";
    host.file(
        &format!("{root}/containers.json"),
        r#"[{"id":"@WEB@","names":["web"]}]"#,
    );
    let pidfile = "run/containers/storage/overlay-containers/@WEB@/userdata/pidfile";
    host.file(pidfile, "@PID:web@");
    host.leads(&["web", "podman:web"], "web", "podman:web");
    // Another process got the id at once.
    host.describe(host.pid("web"), 1, 86_400, "0::/");
    host.refuses("web", &["stale", "nothing shows that process"]);
    host.file("proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
    // The process started a day after the boot; the file was written an hour after it.
    let pid = host.pid("web");
    host.describe(
        pid,
        1,
        86_400 * rustix::param::clock_ticks_per_second(),
        "0::/",
    );
    let file = std::fs::File::options()
        .write(true)
        .open(host.path(&pidfile.replace("@WEB@", &id("WEB"))))
        .unwrap();
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_003_600);
    file.set_modified(written).unwrap();
    host.refuses("web", &["stale", "started at another time"]);
}

#[test]
fn a_running_container_beats_a_created_one_and_two_running_ones_are_listed() {
    let host = Recorded::new(&[
        ("web", "0::/docker/@WEB@"),
        ("other", "0::/libpod_parent/libpod-@OTHER@"),
    ]);
    let docker = r#"{"ID":"@WEB@","Name":"/web","State":{"Running":true,"Pid":@PID:web@,"StartedAt":"2026-11-22T04:39:43Z"}}"#;
    host.file("var/lib/docker/containers/@WEB@/config.v2.json", docker);
    let root = "var/lib/containers/storage/overlay-containers";
    host.file(
        &format!("{root}/containers.json"),
        r#"[{"id":"@OTHER@","names":["web"]},{"id":"@THIRD@","names":["db"]}]"#,
    );
    host.leads(&["web"], "web", "docker:web");
    host.refuses("podman:web", &["podman:web is not running", "created"]);
    host.file(
        "run/containers/storage/overlay-containers/@OTHER@/userdata/pidfile",
        "@PID:other@\n",
    );
    let error = host.refuses("web", &["docker:web", "podman:web"]);
    assert!(!error.is_absence());
    host.leads(&["docker:web"], "web", "docker:web");
    host.leads(&["podman:web"], "other", "podman:web");
    host.refuses("db", &["podman:db is created"]);
    assert_eq!(
        host.find("podman:web").unwrap().container.unwrap().state,
        State::Running
    );
    let words = host.host().words();
    assert_eq!(words, ["docker:web", "podman:web"]);
    let all = |pattern| fitting(&host, pattern);
    assert_eq!(
        (all("*"), all("docker:*"), all("podman:w*"), all("db")),
        (2, 1, 1, 0)
    );
}

#[test]
fn an_id_is_found_by_cgroups_alone() {
    let host = Recorded::new(&[
        ("web", "0::/system.slice/docker-@WEB@.scope"),
        ("plain", "9:pids:/mine/@PLAIN@\n0::/"),
    ]);
    host.leads(
        &["@WEB@", "docker:@WEB@"],
        "web",
        &format!("docker:{}", &id("WEB")[..12]),
    );
    host.leads(
        &["@PLAIN@"],
        "plain",
        &format!("oci:{}", &id("PLAIN")[..12]),
    );
    host.refuses("podman:@WEB@", &["nothing has that name"]);
    host.refuses(
        &format!("docker:{}", &id("WEB")[..3]),
        &["nothing has that name"],
    );
}

#[test]
fn a_frozen_container_is_paused() {
    let host = Recorded::new(&[
        ("web", "0::/docker/@WEB@"),
        ("old", "6:freezer:/docker/@OLD@\n0::/"),
    ]);
    for name in ["web", "old"] {
        let capitals = name.to_uppercase();
        let docker = format!(
            r#"{{"ID":"@{capitals}@","Name":"/{name}","State":{{"Running":true,"Pid":@PID:{name}@,"StartedAt":"2026"}}}}"#
        );
        host.file(
            &format!("var/lib/docker/containers/@{capitals}@/config.v2.json"),
            &docker,
        );
    }
    let state = |name: &str| host.find(name).unwrap().container.unwrap().state;
    assert_eq!(
        (state("web"), state("old")),
        (State::Running, State::Running)
    );
    host.file(
        "sys/fs/cgroup/docker/@WEB@/cgroup.events",
        "populated 1\nfrozen 1\n",
    );
    host.file(
        "sys/fs/cgroup/freezer/docker/@OLD@/freezer.state",
        "FROZEN\n",
    );
    assert_eq!((state("web"), state("old")), (State::Paused, State::Paused));
    host.file(
        "sys/fs/cgroup/docker/@WEB@/cgroup.events",
        "populated 1\nfrozen 0\n",
    );
    host.file(
        "sys/fs/cgroup/freezer/docker/@OLD@/freezer.state",
        "THAWED\n",
    );
    assert_eq!(
        (state("web"), state("old")),
        (State::Running, State::Running)
    );
}
