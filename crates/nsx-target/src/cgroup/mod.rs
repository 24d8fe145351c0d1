//! The facts in `/proc/PID/cgroup` about a process: its container, pod and unit, see `cgroups(7)`.
//!
//! Every engine puts a container's id or name into a component of its cgroup's path. If containers
//! are nested, the last component with an id or name counts. Cgroups below it, which the container's
//! own programs made, name units of the container. A monitor (conmon, the supervisor of
//! systemd-nspawn, LXC's monitor) is not in the container that it watches.
//!
//! Nothing here makes a system call. Paths are bytes. If the caller is in a cgroup namespace, paths
//! may begin with `/../..`.

mod component;

pub(crate) use component::user;

use crate::{engine::Engine, id::is_long_id};
use component::{Kind, is_machine, kind, pod_uid};
use nsx_core::cgroup::{self, Line, Membership};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The facts that a process's cgroups give about the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupFacts {
    /// The container that the process is in, the innermost if containers are nested.
    pub container: Option<ContainerId>,
    /// The cgroup of that container; empty without a container.
    pub cgroup: Membership,
    /// The uid of the Kubernetes pod, with dashes.
    pub pod_uid: Option<Vec<u8>>,
    /// The systemd unit, the innermost one that is not itself a container's.
    pub unit: Option<Vec<u8>>,
    /// The user in whose part of systemd's tree the process is. Users make any cgroups there.
    pub user: Option<u32>,
    /// The path of the process's cgroup in the unified hierarchy, or in systemd's if there is no
    /// unified hierarchy.
    pub path: Vec<u8>,
}

/// A container as a cgroup names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerId {
    /// The engine; none if the cgroup's name is only an id of 64 hexadecimal digits.
    pub engine: Option<Engine>,
    /// The id; for LXC and machines the name.
    pub id: Vec<u8>,
}

impl ContainerId {
    fn new(engine: Engine, id: &[u8]) -> Self {
        Self {
            engine: Some(engine),
            id: id.to_vec(),
        }
    }

    /// Returns whether this may be the container that `engine` calls `id`. An id of 64 digits means
    /// the same container for every engine, a name only for its own. LXC appends `-1` to the name if
    /// the cgroup existed.
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

impl CgroupFacts {
    /// Reads the text of the file: lines of `hierarchy:controllers:path`.
    ///
    /// All lines are read, because the cgroup of version 2 may be the root while those of version 1
    /// name a container, and the other way round. Any other text is skipped.
    pub fn parse(text: &[u8]) -> Self {
        let mut lines: Vec<_> = cgroup::lines(text)
            .filter(|line| line.path.starts_with(b"/"))
            .collect();
        lines.sort_by_key(|line| order(*line));
        let mut facts = Self {
            path: lines
                .first()
                .map(|line| line.path.to_vec())
                .unwrap_or_default(),
            ..Self::default()
        };
        let mut container_path: &[u8] = b"";
        for line in lines {
            let Line { controllers, path } = line;
            let found = Self::of_path(path);
            // An engine counts more than an id alone, and a unit only in systemd's own hierarchies.
            // One hierarchy may lead further in than another: on a host with both versions, runc puts
            // a nested container only into cgroups of version 1.
            let known = facts.container.as_ref();
            let better =
                known.is_none_or(|own| own.engine.is_none()) || is_below(path, container_path);
            if found
                .container
                .as_ref()
                .is_some_and(|named| named.engine.is_some() || known.is_none())
                && better
            {
                (facts.container, container_path) = (found.container, path);
                facts.cgroup = Membership {
                    controllers: controllers.to_vec(),
                    ..found.cgroup
                };
            }
            facts.pod_uid = facts.pod_uid.or(found.pod_uid);
            facts.user = facts.user.or(found.user);
            if order(line) < 2 {
                facts.unit = facts.unit.or(found.unit);
            }
        }
        facts
    }

    /// Reads one path.
    pub fn of_path(path: &[u8]) -> Self {
        let mut facts = Self {
            path: path.to_vec(),
            ..Self::default()
        };
        let mut around = (None, Membership::default());
        let mut before: &[u8] = b"";
        let mut end = 0;
        for component in path.split(|&byte| byte == b'/') {
            end += component.len() + 1;
            match kind(component, before) {
                Kind::Container(named) => {
                    let cgroup = Membership {
                        path: OsStr::from_bytes(&path[..end - 1]).into(),
                        ..Membership::default()
                    };
                    around = (
                        facts.container.replace(named),
                        std::mem::replace(&mut facts.cgroup, cgroup),
                    );
                }
                Kind::Monitor => {}
                // The supervisor of a machine is outside of it.
                Kind::Other if component == b"supervisor" && is_machine(before) => {
                    (facts.container, facts.cgroup) = std::mem::take(&mut around);
                }
                Kind::Other => {
                    if facts.container.is_none() {
                        facts.user = facts.user.or_else(|| user(component));
                    }
                    if let Some(uid) = pod_uid(component) {
                        facts.pod_uid = Some(uid);
                    }
                    let is_unit =
                        component.ends_with(b".service") || component.ends_with(b".scope");
                    // PID 1 of a container that is a systemd.
                    if is_unit && !(component == b"init.scope" && facts.container.is_some()) {
                        facts.unit = Some(component.to_vec());
                    }
                }
            }
            before = component;
        }
        facts
    }
}

/// Returns whether a path is below another one.
fn is_below(path: &[u8], other: &[u8]) -> bool {
    !other.is_empty()
        && path
            .strip_prefix(other)
            .is_some_and(|rest| rest.starts_with(b"/"))
}

/// Returns the order of a line: the unified hierarchy comes first, then systemd's, then the others.
fn order(line: Line<'_>) -> u8 {
    match line.controllers {
        // On a host with both versions, the root of the unified hierarchy says nothing.
        b"" if line.path != b"/" => 0,
        b"name=systemd" => 1,
        b"" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;
