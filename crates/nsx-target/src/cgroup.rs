//! The facts in `/proc/PID/cgroup` about a process: in which container, pod and unit it is, see
//! `cgroups(7)`.
//!
//! Every engine puts a container's id or name into a component of its cgroup's path. If containers
//! are nested, the last component with an id or name counts; what the container's own programs made
//! below it names units of its own. A monitor (conmon, the supervisor of systemd-nspawn, LXC's
//! monitor) is not in the container that it watches.
//!
//! Nothing is asked of the system here. Paths are bytes; with a cgroup namespace of the caller's
//! they may begin with `/../..`.

use crate::engine::Engine;
use nsx_core::{
    cgroup::{self, Line},
    proc::decimal,
};

/// The facts that a process's cgroups give about the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The container that it is in, the innermost where they are nested.
    pub container: Option<Named>,
    /// The cgroup of that container, with its hierarchy.
    pub cgroup: Cgroup,
    /// The uid of the Kubernetes pod, with dashes.
    pub pod_uid: Option<Vec<u8>>,
    /// The systemd unit, the innermost one that is not itself a container's.
    pub unit: Option<Vec<u8>>,
    /// The user whose part of systemd's tree it is in: there users make whatever cgroups they like.
    pub user: Option<u32>,
    /// Its cgroup's path in the unified hierarchy, or where there is none in systemd's own: as it
    /// is written.
    pub path: Vec<u8>,
}

/// A cgroup, as `/proc/PID/cgroup` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cgroup {
    /// The controllers of its hierarchy, `name=systemd` for systemd's; nothing for the unified one.
    pub controllers: Vec<u8>,
    /// Its path.
    pub path: Vec<u8>,
}

/// A container as a cgroup names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// The engine of the container; none if all that is known is an id of 64 hexadecimal digits.
    pub engine: Option<Engine>,
    /// Its id; for LXC and machines the name.
    pub id: Vec<u8>,
}

impl Named {
    fn new(engine: Engine, id: &[u8]) -> Self {
        Self {
            engine: Some(engine),
            id: id.to_vec(),
        }
    }

    /// Returns whether this may be the container that `engine` calls `id`. An id of 64 digits is
    /// the same container whatever puts it there; a name is only its engine's. LXC puts `-1` behind
    /// the name if the cgroup was taken.
    pub fn is(&self, engine: Engine, id: &[u8]) -> bool {
        if is_long_id(id) || is_long_id(&self.id) {
            return self.id == id;
        }
        let numbered = || {
            let rest = self
                .id
                .strip_prefix(id)
                .and_then(|rest| rest.strip_prefix(b"-"));
            engine == Engine::Lxc
                && rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
        };
        self.engine.is_none_or(|own| own == engine) && (self.id == id || numbered())
    }
}

impl Place {
    /// Reads the text of the file: lines of `hierarchy:controllers:path`.
    ///
    /// All lines are read, because a cgroup of the second version may be the root while those of
    /// the first say where a process is, and the other way round. Other lines are
    /// skipped.
    pub fn parse(text: &[u8]) -> Self {
        let mut lines: Vec<_> = cgroup::lines(text)
            .filter(|line| line.path.starts_with(b"/"))
            .collect();
        lines.sort_by_key(|line| rank(*line));
        let mut place = Self {
            path: lines
                .first()
                .map(|line| line.path.to_vec())
                .unwrap_or_default(),
            ..Self::default()
        };
        let mut told_by: &[u8] = b"";
        for line in lines {
            let Line { controllers, path } = line;
            let found = Self::of_path(path);
            // What tells most is taken: an engine, then an id; a unit only where systemd keeps
            // them. One hierarchy may go further in than another: on a host with both versions runc
            // puts a nested container into that of the first version alone.
            let known = place.container.as_ref();
            let better = known.is_none_or(|own| own.engine.is_none()) || is_below(path, told_by);
            if found
                .container
                .as_ref()
                .is_some_and(|named| named.engine.is_some() || known.is_none())
                && better
            {
                (place.container, told_by) = (found.container, path);
                place.cgroup = Cgroup {
                    controllers: controllers.to_vec(),
                    ..found.cgroup
                };
            }
            place.pod_uid = place.pod_uid.or(found.pod_uid);
            place.user = place.user.or(found.user);
            if rank(line) < 2 {
                place.unit = place.unit.or(found.unit);
            }
        }
        place
    }

    /// Reads one path.
    pub fn of_path(path: &[u8]) -> Self {
        let mut place = Self {
            path: path.to_vec(),
            ..Self::default()
        };
        let mut around = (None, Cgroup::default());
        let mut before: &[u8] = b"";
        let mut end = 0;
        for component in path.split(|&byte| byte == b'/') {
            end += component.len() + 1;
            match kind(component, before) {
                Kind::Container(named) => {
                    let cgroup = Cgroup {
                        path: path[..end - 1].to_vec(),
                        ..Cgroup::default()
                    };
                    around = (
                        place.container.replace(named),
                        std::mem::replace(&mut place.cgroup, cgroup),
                    );
                }
                Kind::Monitor => {}
                // The supervisor of a machine is outside of it.
                Kind::Other if component == b"supervisor" && is_machine(before) => {
                    (place.container, place.cgroup) = std::mem::take(&mut around);
                }
                Kind::Other => {
                    if place.container.is_none() {
                        place.user = place.user.or_else(|| user(component));
                    }
                    if let Some(uid) = pod_uid(component) {
                        place.pod_uid = Some(uid);
                    }
                    let is_unit =
                        component.ends_with(b".service") || component.ends_with(b".scope");
                    // PID 1 of a container that is a systemd.
                    if is_unit && !(component == b"init.scope" && place.container.is_some()) {
                        place.unit = Some(component.to_vec());
                    }
                }
            }
            before = component;
        }
        place
    }
}

/// Returns whether one path leads on from another.
fn is_below(path: &[u8], other: &[u8]) -> bool {
    !other.is_empty()
        && path
            .strip_prefix(other)
            .is_some_and(|rest| rest.starts_with(b"/"))
}

/// The rank of a line: the unified hierarchy comes first, then systemd's, then the others.
fn rank(line: Line<'_>) -> u8 {
    match line.controllers {
        // If there are both, a unified path that is the root says nothing.
        b"" if line.path != b"/" => 0,
        b"name=systemd" => 1,
        b"" => 2,
        _ => 3,
    }
}

enum Kind {
    Container(Named),
    Monitor,
    Other,
}

/// Returns the kind of one component of a path; `before` is the component before it.
fn kind(component: &[u8], before: &[u8]) -> Kind {
    let base = component.strip_suffix(b".scope").unwrap_or(component);
    if [&b"libpod-conmon-"[..], b"crio-conmon-", b"lxc.monitor"]
        .iter()
        .any(|prefix| base.starts_with(prefix))
    {
        return Kind::Monitor;
    }
    let container = |engine, id: &[u8]| {
        if id.is_empty() {
            Kind::Other
        } else {
            Kind::Container(Named::new(engine, id))
        }
    };
    // runc's systemd driver writes `slice:prefix:id` where it is not told to be the driver.
    let mut last = component.rsplitn(3, |&byte| byte == b':');
    if let (Some(id), Some(prefix), Some(_)) = (last.next(), last.next(), last.next()) {
        match prefix {
            b"cri-containerd" => return container(Engine::Cri, id),
            b"nerdctl" => return container(Engine::Nerdctl, id),
            b"docker" => return container(Engine::Docker, id),
            b"libpod" => return container(Engine::Podman, id),
            b"crio" => return container(Engine::Crio, id),
            _ => {}
        }
    }
    // Ids: what follows is no unit that somebody happened to call so.
    let prefixes: [(&[u8], Engine); 6] = [
        (b"cri-containerd-", Engine::Cri),
        (b"crio-", Engine::Crio),
        (b"libpod-payload-", Engine::Podman),
        (b"libpod-", Engine::Podman),
        (b"nerdctl-", Engine::Nerdctl),
        (b"docker-", Engine::Docker),
    ];
    for (prefix, engine) in prefixes {
        if let Some(id) = base.strip_prefix(prefix).filter(|id| is_long_id(id)) {
            return Kind::Container(Named::new(engine, id));
        }
    }
    if let Some(name) = component.strip_prefix(b"lxc.payload.") {
        return container(Engine::Lxc, name);
    }
    if let Some(name) = component
        .strip_suffix(b".scope")
        .and_then(|base| base.strip_prefix(b"machine-"))
    {
        return container(Engine::Machine, &unescape(name));
    }
    if let Some(name) = component
        .strip_prefix(b"systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(b".service"))
    {
        return container(Engine::Machine, &unescape(name));
    }
    match before {
        b"lxc.payload" | b"lxc" => container(Engine::Lxc, component),
        b"buildkit" => container(Engine::Docker, component),
        b"docker" if is_long_id(component) => container(Engine::Docker, component),
        _ if is_long_id(component) => Kind::Container(Named {
            engine: None,
            id: component.to_vec(),
        }),
        _ => Kind::Other,
    }
}

fn is_machine(component: &[u8]) -> bool {
    matches!(
        kind(component, b""),
        Kind::Container(Named {
            engine: Some(Engine::Machine),
            ..
        })
    )
}

/// 64 hexadecimal digits, which nobody gives to anything but a container.
pub(crate) fn is_long_id(id: &[u8]) -> bool {
    id.len() == 64 && crate::grammar::is_start_of_id(id, 64)
}

/// The uid in `pod<uid>` or `kubepods-besteffort-pod<uid>.slice`, in which systemd's `_` are
/// dashes.
fn pod_uid(component: &[u8]) -> Option<Vec<u8>> {
    let base = component.strip_suffix(b".slice").unwrap_or(component);
    let uid = match base.strip_prefix(b"kubepods") {
        Some(rest) => {
            let at = rest.windows(4).rposition(|part| part == b"-pod")?;
            &rest[at + 4..]
        }
        None => base.strip_prefix(b"pod")?,
    };
    // A UUID; of a static pod a hash of 32 digits.
    let is_uid = uid.len() >= 32
        && uid
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_'));
    is_uid.then(|| {
        uid.iter()
            .map(|&byte| if byte == b'_' { b'-' } else { byte })
            .collect()
    })
}

/// The uid in `user-1000.slice`.
pub(crate) fn user(component: &[u8]) -> Option<u32> {
    decimal(component.strip_prefix(b"user-")?.strip_suffix(b".slice")?)?
        .try_into()
        .ok()
}

/// A part of a unit's name as it was before systemd escaped it: `\x2d` is a dash.
pub(crate) fn unescape(name: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    nsx_core::proc::unescape(name, |rest| match rest {
        [b'\\', b'x', high, low, tail @ ..] => Some((digit(*high)? << 4 | digit(*low)?, tail)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "5f97161e96fc68fd59def9a265ccb91ea1f6a67996805cf2b3c608de444bfa92";
    const OTHER: &str = "c76a0ff9c0d174180ce3a3268e2504dc95ce515fce6d818c0d056e3c3785b402";

    fn named(path: &str) -> Option<(Option<Engine>, String)> {
        let named = Place::of_path(path.as_bytes()).container?;
        Some((named.engine, String::from_utf8(named.id).unwrap()))
    }

    #[test]
    fn the_hierarchy_that_goes_further_in_tells_of_a_nested_container() {
        let container = |text: &str| {
            let named = Place::parse(text.replace("ID", ID).replace("OTHER", OTHER).as_bytes())
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
            let Cgroup { controllers, path } =
                Place::parse(text.replace("ID", ID).as_bytes()).cgroup;
            (
                String::from_utf8(controllers).unwrap(),
                String::from_utf8(path).unwrap().replace(ID, "ID"),
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
    fn monitors_are_in_no_container_of_theirs() {
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
        let place = Place::of_path(units.as_bytes());
        assert_eq!(place.container.unwrap().id, ID.as_bytes());
        assert_eq!(place.unit.unwrap(), b"nginx.service");
    }

    #[test]
    fn units_and_pods_are_read() {
        let unit = |path: &str| {
            Place::of_path(path.replace("ID", ID).as_bytes())
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
            Place::of_path(b"/user.slice/user-7.slice/user@7.service/app.slice/a.scope").user,
            Some(7)
        );
        assert_eq!(Place::of_path(b"/system.slice/user-7x.slice").user, None);
        let uid = |path: &str| {
            Place::of_path(path.as_bytes())
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
    fn the_line_that_tells_most_is_taken() {
        let hybrid = format!(
            "9:name=systemd:/docker/{ID}\n4:memory:/process_api/8036b145fe13296e2ee7660c05f7d15f\n0::/\n"
        );
        let place = Place::parse(hybrid.as_bytes());
        assert_eq!(
            place.container,
            Some(Named::new(Engine::Docker, ID.as_bytes()))
        );
        assert_eq!(place.path, format!("/docker/{ID}").into_bytes());
        let first = format!("4:memory:/mine/{ID}\n1:cpu:/docker/{ID}\n");
        assert_eq!(
            Place::parse(first.as_bytes()).container,
            Some(Named::new(Engine::Docker, ID.as_bytes()))
        );
        let unified = Place::parse(b"0::/system.slice/cron.service\n");
        assert_eq!(
            (unified.container, unified.unit),
            (None, Some(b"cron.service".to_vec()))
        );
        let colons = Place::parse(format!("0::/a:cri-containerd:{ID}\n").as_bytes());
        assert_eq!(
            colons.container,
            Some(Named::new(Engine::Cri, ID.as_bytes()))
        );
        assert_eq!(Place::parse(b"nonsense\n0:\n\xff\n:::\n"), Place::default());
    }

    #[test]
    fn another_container_is_told_from_the_same() {
        let named = Named {
            engine: None,
            id: ID.into(),
        };
        assert!(
            named.is(Engine::Containerd, ID.as_bytes())
                && !named.is(Engine::Docker, OTHER.as_bytes())
        );
        let lxc = Named::new(Engine::Lxc, b"web-1");
        assert!(
            lxc.is(Engine::Lxc, b"web")
                && lxc.is(Engine::Lxc, b"web-1")
                && !lxc.is(Engine::Lxc, b"we")
        );
        assert!(!lxc.is(Engine::Machine, b"web-1"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Place::parse(&bytes);
            let _ = Place::of_path(&bytes);
            let _ = unescape(&bytes);
        }

        #[test]
        fn whatever_a_container_makes_below_stays_in_it(below in "(/[a-z.\\\\]{1,9}){0,3}") {
            let path = format!("/system.slice/docker-{ID}.scope{below}");
            prop_assert_eq!(named(&path), Some((Some(Engine::Docker), ID.to_owned())));
        }
    }
}
