//! Sets of namespaces with a name, which a process keeps when their program has ended.

use crate::{error::Error, lab::Name};
use nsx_core::{
    ns::NsKind,
    plan::{Pin, Record, unshare::Request},
};
use nsx_target::{Host, NETNS};
use std::{ffi::OsString, os::unix::process::CommandExt, path::Path, process::Command};

/// Makes the request one for a set of this name. Call when everything else is set.
pub(super) fn apply(name: &Name, request: &mut Request) -> Result<(), Error> {
    let path = nsx_target::lab_record(name.as_str()).ok_or_else(|| {
        Error::usage("the record of a set is kept in $XDG_RUNTIME_DIR, which is not set")
            .with_hints(["set it, as a login does: XDG_RUNTIME_DIR=/run/user/$(id -u)"])
    })?;
    clear(name, &path)?;
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
    request.keep = Some(Record {
        path,
        kinds: request.kinds,
    });
    Ok(())
}

/// Removes the record of a set that has ended. A set that is alive is refused.
fn clear(name: &Name, path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    if name.keeper(&Host::system()?).is_some() {
        let target = name.target();
        return Err(
            Error::usage(format!("there is a set {target} already")).with_hints([
                format!("run a program in it: nsx enter {target}"),
                format!("or end it: nsx rm {target}"),
            ]),
        );
    }
    std::fs::remove_file(path)
        .map_err(|error| Error::failed(format!("remove {}", path.display()), error))
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
