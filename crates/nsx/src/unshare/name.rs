//! Sets of namespaces with a name, which a process keeps when their program has ended.

use crate::{
    error::Error,
    lab::{self, Name},
    links::{self, hosts},
};
use nsx_core::{
    ns::NsKind,
    plan::{Pin, Record, unshare::Request},
};
use nsx_target::NETNS;
use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the path of the record for a new set. What a set of that name has left is taken away.
pub(super) fn record(name: &Name) -> Result<PathBuf, Error> {
    let path = nsx_target::lab_record(name.as_str()).ok_or_else(|| {
        Error::usage("the record of a set is kept in $XDG_RUNTIME_DIR, which is not set")
            .with_hints(["set it, as a login does: XDG_RUNTIME_DIR=/run/user/$(id -u)"])
    })?;
    lab::clear(name, &path)?;
    Ok(path)
}

/// Makes the request one for a set of this name. Call when everything else is set.
pub(super) fn apply(name: &Name, path: PathBuf, request: &mut Request) {
    request.fork = true;
    request.init = false;
    request.kill_child = None;
    // As `ip netns add` names it.
    let pins_network = request.kinds.contains(NsKind::Net)
        && rustix::process::geteuid().is_root()
        && request.pins.iter().all(|pin| pin.kind != NsKind::Net);
    if pins_network {
        let at = Path::new(NETNS).join(name.as_str());
        request.pins.push(Pin::new(NsKind::Net, at));
    }
    if let Some(mount) = hosts::mount(&request.network.links, &path) {
        request.kinds.insert(NsKind::Mnt);
        request.mounts.push(mount);
    }
    request.keep = Some(Record {
        path,
        kinds: request.kinds,
        lines: links::lines(&request.network),
    });
}

/// Becomes `nsx enter` for a program in the set.
pub(super) fn enter(name: &Name, program: &[OsString]) -> Error {
    let error = Command::new("/proc/self/exe")
        .arg0("nsx")
        .arg("enter")
        .arg(name.target())
        .arg("--")
        .args(program)
        .exec();
    Error::failed("run nsx enter", error)
}
