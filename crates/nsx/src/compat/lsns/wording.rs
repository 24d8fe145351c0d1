//! Failures, as util-linux's `lsns` words them.

use super::super::Complaint;
use crate::{exit::ExitStatus, query::filter::FilterError};
use nsx_core::{pid::Pid, proc::ProcError};
use rustix::io::Errno;

/// Words a filter that names a column that does not exist.
pub(super) fn unknown_column(error: &FilterError) -> Complaint {
    Complaint::new([b"failed to initialize filter"]).after(error.to_string())
}

/// Words a kernel that does not know relations between namespaces.
pub(super) fn no_relations() -> Complaint {
    Complaint::new([b"Unsupported ioctl NS_GET_USERNS"]).with_status(ExitStatus::NOT_SUPPORTED)
}

/// Words the failure to read the table of mounts.
pub(super) fn no_mounts(error: &ProcError) -> Complaint {
    let errno = match error {
        ProcError::Denied => Errno::ACCESS,
        ProcError::Malformed(_) => Errno::INVAL,
        ProcError::Os(errno) => *errno,
        _ => Errno::NOENT,
    };
    Complaint::because([b"failed to parse /proc/self/mountinfo"], errno)
        .with_status(ExitStatus::NO_MOUNTS)
}

/// Words the failure to read the namespaces of a process.
pub(super) fn unreadable(pid: Pid, error: &ProcError) -> Complaint {
    let pid = pid.to_string();
    let errno = match error {
        ProcError::Vanished => return Complaint::new([b"not found process: ", pid.as_bytes()]),
        ProcError::Os(errno) => *errno,
        _ => Errno::ACCESS,
    };
    let parts = [b"cannot read the namespaces of process ", pid.as_bytes()];
    Complaint::because(parts, errno)
}
