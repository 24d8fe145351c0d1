//! Failures of steps and of id maps, as util-linux's `unshare` words them.

use super::super::{Complaint, wording};
use nsx_core::{
    idmap::{IdKind, MapError, MapRequestError},
    plan::{PlanError, Step},
    run::Failure,
};
use rustix::io::Errno;
use std::{os::unix::ffi::OsStrExt, path::Path, process};

/// Words the failure of a step.
pub(super) fn failure(failure: &Failure) -> Complaint {
    let errno = failure.errno;
    // Opening fails if the file is missing or protected, writing if the kernel refuses the text.
    let opening = matches!(errno, Errno::NOENT | Errno::ACCESS | Errno::ROFS);
    match failure.step() {
        Step::Unshare(_) => Complaint::because([b"unshare failed"], errno),
        Step::WriteIdMap { ids, map } if map.extents().iter().all(|extent| extent.count() == 1) => {
            own_file(ids.file(), opening, errno)
        }
        Step::WriteIdMap { ids, .. } => Complaint::because(
            [b"failed to write ", file_of_nsx(ids.file()).as_bytes()],
            errno,
        ),
        // The helper has reported why.
        Step::RunIdMapHelper { .. } if errno == Errno::PERM => Complaint::Silent,
        Step::RunIdMapHelper { ids, .. } => Complaint::not_run(ids.helper().as_bytes(), errno),
        Step::WriteSetgroups(_) => own_file("setgroups", opening, errno),
        Step::SetClock(_) if opening => {
            Complaint::because([b"failed to open '/proc/self/timens_offsets'"], errno)
        }
        Step::SetClock(_) => {
            Complaint::because([b"failed to write to /proc/self/timens_offsets"], errno)
        }
        Step::Pin(pin) => {
            let (link, at) = (file_of_nsx(&pin.link()), bytes(&pin.at));
            Complaint::because([b"mount ", link.as_bytes(), b" on ", at, b" failed"], errno)
        }
        Step::Propagate { at, .. } if at == Path::new("/") => {
            Complaint::because([b"cannot change root filesystem propagation"], errno)
        }
        Step::Propagate { at, .. } => {
            let parts = [b"cannot change ", bytes(at), b" filesystem propagation"];
            Complaint::because(parts, errno)
        }
        Step::MountProc { at, .. } | Step::MountBinfmt(at) => {
            Complaint::because([b"mount ", bytes(at), b" failed"], errno)
        }
        Step::RegisterBinfmt { at, .. } => {
            let act: &[u8] = if opening {
                b"cannot open "
            } else {
                b"write failed "
            };
            Complaint::because([act, bytes(at), b"/register"], errno)
        }
        Step::Chroot(root) => {
            let parts = [b"cannot change root directory to '", bytes(root), b"'"];
            Complaint::because(parts, errno)
        }
        Step::SetDirectory(directory) => {
            Complaint::because([b"cannot change directory to ", bytes(directory)], errno)
        }
        _ => wording::failure(failure),
    }
}

fn own_file(file: &str, opening: bool, errno: Errno) -> Complaint {
    let act: &[u8] = if opening {
        b"cannot open"
    } else {
        b"write failed"
    };
    Complaint::because([act, b" /proc/self/", file.as_bytes()], errno)
}

/// Words the refusal of a plan.
pub(super) fn plan_error(error: &PlanError) -> Complaint {
    Complaint::new([error.to_string().as_bytes()])
}

/// Words the refusal of a map, before anything tried to write the map. `user` is the user whose
/// ranges were looked up, if `uid` has a name.
pub(super) fn map_error(
    error: &MapRequestError,
    ids: IdKind,
    user: Option<&[u8]>,
    uid: u32,
) -> Complaint {
    let file = file_of_nsx(ids.file());
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
        (MapRequestError::Map(MapError::TooLong(..)), _) => {
            Complaint::new([file.as_bytes(), b" too large for kernel 4k limit"])
        }
        _ => Complaint::because([b"failed to write ", file.as_bytes()], Errno::INVAL),
    }
}

/// Words the failure to open a file with ids.
pub(super) fn unreadable(file: &str, errno: Errno) -> Complaint {
    Complaint::because([b"cannot open ", file.as_bytes()], errno)
}

/// Returns the path of a file of this process as other processes see it.
fn file_of_nsx(file: &str) -> String {
    format!("/proc/{}/{file}", process::id())
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
