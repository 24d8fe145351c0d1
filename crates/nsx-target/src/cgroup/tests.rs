//! The cgroups of each engine's containers, and others that look like them.

use super::{component::unescape, *};
use proptest::prelude::*;
use std::os::unix::ffi::OsStringExt;

const ID: &str = "5f97161e96fc68fd59def9a265ccb91ea1f6a67996805cf2b3c608de444bfa92";
const OTHER: &str = "c76a0ff9c0d174180ce3a3268e2504dc95ce515fce6d818c0d056e3c3785b402";

fn named(path: &str) -> Option<(Option<Engine>, String)> {
    let named = CgroupFacts::of_path(path.as_bytes()).container?;
    Some((named.engine, String::from_utf8(named.id).unwrap()))
}

#[test]
fn the_hierarchy_that_leads_further_in_names_a_nested_container() {
    let container = |text: &str| {
        let named = CgroupFacts::parse(text.replace("ID", ID).replace("OTHER", OTHER).as_bytes())
            .container
            .unwrap();
        String::from_utf8(named.id).unwrap()
    };
    assert_eq!(
        container("9:name=systemd:/docker/ID/docker/OTHER\n0::/docker/ID\n"),
        OTHER
    );
    assert_eq!(
        container("9:name=systemd:/docker/OTHER\n0::/docker/ID\n"),
        ID
    );
    assert_eq!(
        container("9:name=systemd:/docker/IDs/docker/OTHER\n0::/docker/ID\n"),
        ID
    );
}

#[test]
fn the_cgroup_of_a_container_ends_with_the_part_that_names_it() {
    let cgroup = |text: &str| {
        let Membership { controllers, path } =
            CgroupFacts::parse(text.replace("ID", ID).as_bytes()).cgroup;
        (
            String::from_utf8(controllers).unwrap(),
            String::from_utf8(path.into_os_string().into_vec())
                .unwrap()
                .replace(ID, "ID"),
        )
    };
    let expected = |controllers: &str, path: &str| (controllers.to_owned(), path.to_owned());
    assert_eq!(
        cgroup("0::/system.slice/docker-ID.scope/init.scope\n"),
        expected("", "/system.slice/docker-ID.scope")
    );
    assert_eq!(
        cgroup("4:cpu,cpuacct:/docker/ID\n0::/\n"),
        expected("cpu,cpuacct", "/docker/ID")
    );
    assert_eq!(
        cgroup("0::/docker/ID/machine-box.scope/supervisor\n"),
        expected("", "/docker/ID")
    );
    assert_eq!(cgroup("0::/system.slice/cron.service\n"), expected("", ""));
}

#[test]
fn every_engines_path_is_known() {
    use Engine::{Cri, Crio, Docker, Lxc, Machine, Nerdctl, Podman};
    let ids = [
        ("/system.slice/docker-ID.scope", Docker),
        ("/docker/ID", Docker),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            Docker,
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
            Cri,
        ),
        (
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
            Cri,
        ),
        ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", Crio),
        ("/kubepods/besteffort/pod1/crio-ID", Crio),
        ("/machine.slice/libpod-ID.scope", Podman),
        ("/machine.slice/libpod-ID.scope/container", Podman),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Podman,
        ),
        ("/libpod_parent/libpod-ID", Podman),
        ("/machine.slice/web.service/libpod-payload-ID", Podman),
        ("/system.slice/nerdctl-ID.scope", Nerdctl),
    ];
    for (path, engine) in ids {
        assert_eq!(
            named(&path.replace("ID", ID)),
            Some((Some(engine), ID.to_owned())),
            "{path}"
        );
    }
    let names = [
        ("/lxc.payload.web", Lxc, "web"),
        ("/lxc.payload.proj_web/init.scope", Lxc, "proj_web"),
        ("/lxc.payload/web", Lxc, "web"),
        ("/lxc/web/system.slice/cron.service", Lxc, "web"),
        (
            r"/machine.slice/machine-my\x2dbox.scope/payload/init.scope",
            Machine,
            "my-box",
        ),
        (
            r"/machine.slice/machine-lxc\x2d7\x2dbox.scope/libvirt",
            Machine,
            "lxc-7-box",
        ),
        (
            "/machine.slice/systemd-nspawn@box.service/payload",
            Machine,
            "box",
        ),
        ("/docker/buildkit/k3v9", Docker, "k3v9"),
    ];
    for (path, engine, name) in names {
        assert_eq!(named(path), Some((Some(engine), name.to_owned())), "{path}");
    }
    for path in [
        "/mine/ID",
        "/default/ID",
        "/kubepods/burstable/podx/ID",
        "/../../ID",
    ] {
        assert_eq!(
            named(&path.replace("ID", ID)),
            Some((None, ID.to_owned())),
            "{path}"
        );
    }
}

#[test]
fn monitors_are_not_in_the_container_that_they_watch() {
    for path in [
        "/machine.slice/libpod-conmon-ID.scope",
        "/kubepods.slice/crio-conmon-ID.scope",
        "/lxc.monitor.web",
        "/machine.slice/machine-box.scope/supervisor",
        "/machine.slice/systemd-nspawn@box.service/supervisor",
        "/libpod_parent/conmon",
        "/",
        "",
        "/system.slice/docker-prune.service",
        "/system.slice/libpod-x.scope",
        "/system.slice/docker.service",
        "/lxc",
    ] {
        assert_eq!(named(&path.replace("ID", ID)), None, "{path}");
    }
    let inner = format!("/docker/{ID}/machine-box.scope/supervisor");
    assert_eq!(named(&inner), Some((Some(Engine::Docker), ID.to_owned())));
}

#[test]
fn the_innermost_counts() {
    let nested = format!("/docker/{ID}/docker/{OTHER}");
    assert_eq!(
        named(&nested),
        Some((Some(Engine::Docker), OTHER.to_owned()))
    );
    let nested = format!("/lxc.payload.web/machine.slice/libpod-{OTHER}.scope");
    assert_eq!(
        named(&nested),
        Some((Some(Engine::Podman), OTHER.to_owned()))
    );
    let units = format!("/system.slice/docker-{ID}.scope/system.slice/nginx.service");
    let facts = CgroupFacts::of_path(units.as_bytes());
    assert_eq!(facts.container.unwrap().id, ID.as_bytes());
    assert_eq!(facts.unit.unwrap(), b"nginx.service");
}

#[test]
fn units_and_pods_are_read() {
    let unit = |path: &str| {
        CgroupFacts::of_path(path.replace("ID", ID).as_bytes())
            .unit
            .map(|it| String::from_utf8(it).unwrap())
    };
    assert_eq!(
        unit("/system.slice/nginx.service").unwrap(),
        "nginx.service"
    );
    assert_eq!(
        unit("/user.slice/user-7.slice/user@7.service/app.slice/a.scope").unwrap(),
        "a.scope"
    );
    assert_eq!(
        unit("/system.slice/web.service/libpod-payload-ID").unwrap(),
        "web.service"
    );
    assert_eq!(unit("/init.scope").unwrap(), "init.scope");
    assert_eq!(unit("/system.slice/docker-ID.scope/init.scope"), None);
    assert_eq!(unit("/user.slice"), None);
    assert_eq!(
        CgroupFacts::of_path(b"/user.slice/user-7.slice/user@7.service/app.slice/a.scope").user,
        Some(7)
    );
    assert_eq!(
        CgroupFacts::of_path(b"/system.slice/user-7x.slice").user,
        None
    );
    let uid = |path: &str| {
        CgroupFacts::of_path(path.as_bytes())
            .pod_uid
            .map(|it| String::from_utf8(it).unwrap())
    };
    let expected = "0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d";
    assert_eq!(
        uid(&format!("/kubepods/besteffort/pod{expected}/x")).unwrap(),
        expected
    );
    let escaped = expected.replace('-', "_");
    assert_eq!(
        uid(&format!("/kubepods.slice/kubepods-pod{escaped}.slice/x")).unwrap(),
        expected
    );
    assert_eq!(
        uid(&format!("/kubepods-burstable-pod{escaped}.slice/x")).unwrap(),
        expected
    );
    assert_eq!(uid("/podman/podcast"), None);
}

#[test]
fn the_line_that_names_an_engine_is_taken() {
    let hybrid = format!(
        "9:name=systemd:/docker/{ID}\n4:memory:/process_api/8036b145fe13296e2ee7660c05f7d15f\n0::/\n"
    );
    let facts = CgroupFacts::parse(hybrid.as_bytes());
    assert_eq!(
        facts.container,
        Some(ContainerId::new(Engine::Docker, ID.as_bytes()))
    );
    assert_eq!(facts.path, format!("/docker/{ID}").into_bytes());
    let first = format!("4:memory:/mine/{ID}\n1:cpu:/docker/{ID}\n");
    assert_eq!(
        CgroupFacts::parse(first.as_bytes()).container,
        Some(ContainerId::new(Engine::Docker, ID.as_bytes()))
    );
    let unified = CgroupFacts::parse(b"0::/system.slice/cron.service\n");
    assert_eq!(
        (unified.container, unified.unit),
        (None, Some(b"cron.service".to_vec()))
    );
    let colons = CgroupFacts::parse(format!("0::/a:cri-containerd:{ID}\n").as_bytes());
    assert_eq!(
        colons.container,
        Some(ContainerId::new(Engine::Cri, ID.as_bytes()))
    );
    assert_eq!(
        CgroupFacts::parse(b"nonsense\n0:\n\xff\n:::\n"),
        CgroupFacts::default()
    );
}

#[test]
fn another_container_is_distinguished_from_the_same() {
    let named = ContainerId {
        engine: None,
        id: ID.into(),
    };
    assert!(
        named.is(Engine::Containerd, ID.as_bytes()) && !named.is(Engine::Docker, OTHER.as_bytes())
    );
    let lxc = ContainerId::new(Engine::Lxc, b"web-1");
    assert!(
        lxc.is(Engine::Lxc, b"web") && lxc.is(Engine::Lxc, b"web-1") && !lxc.is(Engine::Lxc, b"we")
    );
    assert!(!lxc.is(Engine::Machine, b"web-1"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = CgroupFacts::parse(&bytes);
        let _ = CgroupFacts::of_path(&bytes);
        let _ = unescape(&bytes);
    }

    #[test]
    fn cgroups_that_a_container_makes_below_stay_in_the_container(below in "(/[a-z.\\\\]{1,9}){0,3}") {
        let path = format!("/system.slice/docker-{ID}.scope{below}");
        prop_assert_eq!(named(&path), Some((Some(Engine::Docker), ID.to_owned())));
    }
}
