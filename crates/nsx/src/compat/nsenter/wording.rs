//! The words of `nsenter` for a failure: from a step and an errno to util-linux's words.

use super::super::{Complaint, wording};
use nsx_core::{
    ns::NsKind,
    plan::{Label, PlanError, Step},
    run::Failure,
};
use rustix::io::Errno;

/// Of a step that could not be taken.
pub(super) fn failure(failure: &Failure) -> Complaint {
    let because = |parts: &[&[u8]]| Complaint::Words(parts.concat(), Some(failure.errno));
    match failure.step() {
        Step::Join { .. } => because(&[b"reassociate to namespaces failed"]),
        Step::JoinFile(file) => not_joined(file.kind(), failure.errno),
        Step::JoinCgroup(cgroup) => {
            because(&[b"write failed ", cgroup.path.as_os_str().as_encoded_bytes()])
        }
        // Of its calls chroot alone asks for a privilege.
        Step::ChangeRoot { .. } if failure.errno == Errno::PERM => because(&[b"chroot failed"]),
        Step::ChangeRoot { .. } => because(&[b"change directory by root file descriptor failed"]),
        // That there is no such directory is known when it is opened, that it is a file only
        // afterwards.
        Step::SetDirectory(_) if failure.errno != Errno::NOTDIR => {
            because(&[b"cannot open current working directory"])
        }
        Step::SetDirectory(_) | Step::ChangeDirectory { .. } => {
            because(&[b"change directory by working directory file descriptor failed"])
        }
        Step::SetExecLabel(Label::SeLinux(context)) => {
            because(&[b"failed to set exec context to '", context.to_bytes(), b"'"])
        }
        _ => wording::failure(failure),
    }
}

/// Of a namespace that a file holds, and the like.
pub(super) fn not_joined(kind: NsKind, errno: Errno) -> Complaint {
    Complaint::because(
        [
            b"reassociate to namespace 'ns/",
            kind.name().as_bytes(),
            b"' failed",
        ],
        errno,
    )
}

/// Of a plan that cannot be made.
pub(super) fn plan_error(error: &PlanError) -> Complaint {
    match error {
        PlanError::TargetEnded => {
            Complaint::because([b"reassociate to namespaces failed"], Errno::SRCH)
        }
        error => Complaint::new([error.to_string().as_bytes()]),
    }
}
