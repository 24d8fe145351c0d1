//! The users who could have made the cgroup that names a container.

use crate::{
    cgroup::CgroupFacts,
    claim::{Claim, Location},
    files::part,
    host::Host,
    unread::ReadError,
};
use nsx_core::{cgroup::Membership, ns::NsKind, pid::Pid, proc::NsLink};
use std::{collections::BTreeSet, os::unix::ffi::OsStrExt};

/// Returns the claim of those who could have put a process into the container that its cgroups name.
/// The owner of the directory above may make a cgroup of any name.
pub(crate) fn of(host: &Host, pid: Pid, facts: &CgroupFacts) -> Claim {
    of_cgroup(host, &facts.cgroup)
        .unwrap_or_else(|| of_process(host, pid))
        .join(of_slice(facts))
}

/// Returns the claim of the user in whose part of systemd's tree a cgroup is.
pub(crate) fn of_slice(facts: &CgroupFacts) -> Claim {
    facts.user.map_or(Claim::System, Claim::of)
}

/// Returns the claim of those who could have made a cgroup of this name; none if the directory of the
/// cgroup is not in sight.
pub(crate) fn of_cgroup(host: &Host, cgroup: &Membership) -> Option<Claim> {
    let Membership { controllers, path } = cgroup;
    let path = path.as_os_str().as_bytes().strip_prefix(b"/")?;
    if path.is_empty() {
        return None;
    }
    let mut roots: BTreeSet<Vec<u8>> = BTreeSet::new();
    if controllers.is_empty() {
        roots.extend([b"".to_vec(), b"unified".to_vec()]);
    } else {
        let names = controllers
            .split(|&byte| byte == b',')
            .map(|name| name.strip_prefix(b"name=").unwrap_or(name));
        roots.extend(names.map(<[u8]>::to_vec));
        roots.insert(controllers.clone());
    }
    let directory = |root: Vec<u8>| {
        host.dir(&Location::system("/sys/fs/cgroup").join(part(&root)))?
            .below(part(path))
    };
    roots.into_iter().find_map(|root| match directory(root) {
        Ok(directory) => Some(directory.claim()),
        Err(ReadError::Shared(_)) => Some(Claim::Several),
        Err(_) => None,
    })
}

/// Returns the claim of a process's user, for a process whose cgroup cannot be seen. A user who is
/// root may be root only in a user namespace, which may be anybody's.
pub(crate) fn of_process(host: &Host, pid: Pid) -> Claim {
    let proc = host.proc();
    let own = NsLink::Own(NsKind::User);
    match proc
        .status(pid)
        .map(|status| host.process_claim(status.ruid))
    {
        Ok(Claim::User(uid)) => Claim::User(uid),
        Ok(Claim::System) if proc.ns(pid, own).is_ok_and(|ns| proc.own_ns(own) == Ok(ns)) => {
            Claim::System
        }
        _ => Claim::Several,
    }
}
