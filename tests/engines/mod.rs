//! Real container engines: nsx compared with the engines' own commands.
//!
//! Each test has a host of its own, with engines that it starts: see `support::host`. No image is
//! downloaded: the image is a root directory with busybox.

mod all_of;
mod elsewhere;
pub(crate) mod engine;
mod enter;
mod groups;
mod names;
mod pidmap;
mod ptrace;
mod refusals;
mod states;

use crate::support::{Cgroups, Host, Need, Session, Test, procfs, root};
use engine::{Containerd, Docker, Lxc, Oci, Podman};

pub(crate) fn tests() -> Vec<Test> {
    let tests =
        [root(each_engine_runs_on_a_host_of_its_own)
            .needs([DOCKER, PODMAN, CONTAINERD, CRUN, LXC])];
    let host = [
        Need::Namespaces,
        Need::Tool("busybox"),
        Need::Tool("ip"),
        Need::Tool("newuidmap"),
        Need::Tool("runc"),
    ];
    let parts = [
        names::tests(),
        all_of::tests(),
        elsewhere::tests(),
        enter::tests(),
        groups::tests(),
        pidmap::tests(),
        ptrace::tests(),
        refusals::tests(),
        states::tests(),
    ];
    tests
        .into_iter()
        .chain(parts.into_iter().flatten())
        .map(|test| test.needs(host))
        .collect()
}

const DOCKER: Need = Need::Tool("dockerd");
const PODMAN: Need = Need::Tool("podman");
const CONTAINERD: Need = Need::Tool("ctr");
const CRUN: Need = Need::Tool("crun");
const LXC: Need = Need::Tool("lxc-start");

/// The base of the other tests: each engine runs on a host of its own.
fn each_engine_runs_on_a_host_of_its_own(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let containerd = Containerd::start(&host);
    let containers = [
        Docker::start(&host).run("web", ""),
        Podman::of_root(&host).run("web", ""),
        Podman::of_mapper(&host).run("web", ""),
        containerd.run("default", "web", ""),
        containerd.run("other", "web", ""),
        Oci::runc(&host).run("web", ""),
        Oci::crun(&host).run("cweb", ""),
        Lxc::new(&host).run("web", ""),
    ];
    for container in &containers {
        let inside = container.exec().args("readlink /proc/self/ns/mnt").output();
        assert_eq!(
            inside,
            procfs::ns(host.process(container.pid), "mnt"),
            "{}",
            container.target
        );
    }
    // Two hosts at once have nothing in common.
    let unified = Host::new(session, Cgroups::Unified);
    for container in [
        Docker::start(&unified).run("web", ""),
        Podman::of_root(&unified).run("web", ""),
    ] {
        let inside = container
            .exec()
            .args("readlink /proc/self/ns/cgroup")
            .output();
        assert_eq!(
            inside,
            procfs::ns(unified.process(container.pid), "cgroup"),
            "{}",
            container.target
        );
        assert_ne!(
            inside,
            unified.command("readlink /proc/self/ns/cgroup").output(),
            "{}",
            container.target
        );
    }
}
