//! The components of a cgroup's path: the names that engines, systemd and Kubernetes give to cgroups.

use super::ContainerId;
use crate::{engine::Engine, id::is_long_id};
use nsx_core::proc::decimal;

/// The kind of a cgroup.
pub(super) enum Kind {
    Container(ContainerId),
    Monitor,
    Other,
}

/// Returns the kind of one component of a path; `before` is the component before it.
pub(super) fn kind(component: &[u8], before: &[u8]) -> Kind {
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
            Kind::Container(ContainerId::new(engine, id))
        }
    };
    // runc takes `slice:prefix:id`, which is meant for its systemd driver, as a name without that driver.
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
    // Only an id may follow: a unit may happen to have a name with such a prefix.
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
            return Kind::Container(ContainerId::new(engine, id));
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
        _ if is_long_id(component) => Kind::Container(ContainerId {
            engine: None,
            id: component.to_vec(),
        }),
        _ => Kind::Other,
    }
}

/// Returns whether a component names a machine.
pub(super) fn is_machine(component: &[u8]) -> bool {
    matches!(
        kind(component, b""),
        Kind::Container(ContainerId {
            engine: Some(Engine::Machine),
            ..
        })
    )
}

/// Returns the uid in `pod<uid>` or `kubepods-besteffort-pod<uid>.slice`, in which systemd writes
/// dashes as `_`.
pub(super) fn pod_uid(component: &[u8]) -> Option<Vec<u8>> {
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

/// Returns the uid in `user-1000.slice`.
pub(crate) fn user(component: &[u8]) -> Option<u32> {
    decimal(component.strip_prefix(b"user-")?.strip_suffix(b".slice")?)?
        .try_into()
        .ok()
}

/// Returns a part of a unit's name as it was before systemd escaped it: `\x2d` is a dash.
pub(super) fn unescape(name: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    nsx_core::proc::unescape(name, |rest| match rest {
        [b'\\', b'x', high, low, tail @ ..] => Some((digit(*high)? << 4 | digit(*low)?, tail)),
        _ => None,
    })
}
