//! The words of `unshare` for a failure: from a step and an errno to util-linux's words.

use super::super::{Complaint, wording};
use nsx_core::{
    idmap::{IdKind, MapError, MapRequestError},
    plan::{PlanError, Step},
    run::Failure,
};
use rustix::io::Errno;
use std::{os::unix::ffi::OsStrExt, path::Path, process};

/// Of a step that could not be taken.
pub(super) fn failure(failure: &Failure) -> Complaint {
    let because = |parts: &[&[u8]]| Complaint::Words(parts.concat(), Some(failure.errno));
    // Opening fails for want of the file or of the right to it, writing for what is written.
    let opening = matches!(failure.errno, Errno::NOENT | Errno::ACCESS | Errno::ROFS);
    let own_file = |file: &str| {
        let act: &[u8] = if opening {
            b"cannot open"
        } else {
            b"write failed"
        };
        because(&[act, b" /proc/self/", file.as_bytes()])
    };
    let mount = |at: &Path| because(&[b"mount ", bytes(at), b" failed"]);
    match failure.step() {
        Step::Unshare(_) => because(&[b"unshare failed"]),
        Step::WriteIdMap { ids, map } if map.extents().iter().all(|extent| extent.count() == 1) => {
            own_file(ids.file())
        }
        Step::WriteIdMap { ids, .. } => because(&[b"failed to write ", nsx(ids.file()).as_bytes()]),
        Step::RunIdMapHelper { ids, .. } => match failure.errno {
            Errno::PERM => Complaint::Said,
            errno => Complaint::NotRun(
                [b"failed to execute ", ids.helper().as_bytes()].concat(),
                errno,
            ),
        },
        Step::WriteSetgroups(_) => own_file("setgroups"),
        Step::SetClock(_) if opening => because(&[b"failed to open '/proc/self/timens_offsets'"]),
        Step::SetClock(_) => because(&[b"failed to write to /proc/self/timens_offsets"]),
        Step::Pin(pin) => because(&[
            b"mount ",
            nsx(&pin.link()).as_bytes(),
            b" on ",
            bytes(&pin.at),
            b" failed",
        ]),
        Step::Propagate { at, .. } if at == Path::new("/") => {
            because(&[b"cannot change root filesystem propagation"])
        }
        Step::Propagate { at, .. } => {
            because(&[b"cannot change ", bytes(at), b" filesystem propagation"])
        }
        Step::MountProc { at, .. } | Step::MountBinfmt(at) => mount(at),
        Step::RegisterBinfmt { at, .. } => {
            let act: &[u8] = if opening {
                b"cannot open "
            } else {
                b"write failed "
            };
            because(&[act, bytes(at), b"/register"])
        }
        Step::Chroot(root) => because(&[b"cannot change root directory to '", bytes(root), b"'"]),
        Step::SetDirectory(directory) => {
            because(&[b"cannot change directory to ", bytes(directory)])
        }
        _ => wording::failure(failure),
    }
}

/// Of a plan that cannot be made. What else it refuses, no option here asks for.
pub(super) fn plan_error(error: &PlanError) -> Complaint {
    Complaint::new([error.to_string().as_bytes()])
}

/// Of a map that cannot be, before anybody tried to write it. `user` is whose ranges were looked
/// for, if `uid` has a name.
pub(super) fn map_error(
    error: &MapRequestError,
    ids: IdKind,
    user: Option<&[u8]>,
    uid: u32,
) -> Complaint {
    match (error, user) {
        (MapRequestError::NothingGiven(_), Some(user)) => Complaint::new([
            b"no line matching user \"",
            user,
            b"\" in ",
            ids.ranges_file().as_bytes(),
        ]),
        (MapRequestError::NothingGiven(_), None) => {
            Complaint::new([format!("you (user {uid}) don't exist.").as_bytes()])
        }
        (MapRequestError::Map(MapError::TooLong(..)), _) => Complaint::new([
            nsx(ids.file()).as_bytes(),
            b" too large for kernel 4k limit",
        ]),
        _ => Complaint::because(
            [b"failed to write ", nsx(ids.file()).as_bytes()],
            Errno::INVAL,
        ),
    }
}

/// A file of this process, as another one calls it.
fn nsx(file: &str) -> String {
    format!("/proc/{}/{file}", process::id())
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
