//! Failures of steps and of namespaces, as util-linux's `nsenter` words them.

use super::super::{Complaint, wording};
use nsx_core::{
    ns::NsKind,
    plan::{Label, PlanError, Step},
    run::Failure,
};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;

/// Words the failure of a step.
pub(super) fn failure(failure: &Failure) -> Complaint {
    let errno = failure.errno;
    match failure.step() {
        Step::Join { .. } => Complaint::because([b"reassociate to namespaces failed"], errno),
        Step::JoinFile(file) => not_joined(file.kind(), errno),
        Step::JoinCgroup(cgroup) => {
            let path = cgroup.path.as_os_str().as_bytes();
            Complaint::because([b"write failed ", path], errno)
        }
        // Of the calls of this step only chroot requires a privilege.
        Step::ChangeRoot { .. } if errno == Errno::PERM => {
            Complaint::because([b"chroot failed"], errno)
        }
        Step::ChangeRoot { .. } => {
            Complaint::because([b"change directory by root file descriptor failed"], errno)
        }
        // Opening shows that the directory does not exist, and changing to it that it is a file.
        Step::SetDirectory(_) if errno != Errno::NOTDIR => {
            Complaint::because([b"cannot open current working directory"], errno)
        }
        Step::SetDirectory(_) | Step::ChangeDirectory { .. } => Complaint::because(
            [b"change directory by working directory file descriptor failed"],
            errno,
        ),
        Step::SetExecLabel(Label::SeLinux(context)) => {
            let parts = [b"failed to set exec context to '", context.to_bytes(), b"'"];
            Complaint::because(parts, errno)
        }
        _ => wording::failure(failure),
    }
}

/// Words the refusal of a namespace that a file should hold.
pub(super) fn not_joined(kind: NsKind, errno: Errno) -> Complaint {
    let name = kind.name().as_bytes();
    Complaint::because([b"reassociate to namespace 'ns/", name, b"' failed"], errno)
}

/// Words the refusal of a plan.
pub(super) fn plan_error(error: &PlanError) -> Complaint {
    match error {
        PlanError::TargetEnded => {
            Complaint::because([b"reassociate to namespaces failed"], Errno::SRCH)
        }
        error => Complaint::new([error.to_string().as_bytes()]),
    }
}

/// Returns a function that words the failure to open a file.
pub(super) fn cannot_open(path: &[u8]) -> impl Fn(Errno) -> Complaint {
    move |errno| Complaint::because([b"cannot open ", path], errno)
}

/// Words the failure to find out about a file.
pub(super) fn cannot_stat(path: &str, errno: Errno) -> Complaint {
    Complaint::because([b"stat of ", path.as_bytes(), b" failed"], errno)
}
