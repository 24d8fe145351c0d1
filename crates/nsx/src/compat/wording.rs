//! Failures of steps, as both unshare and nsenter word them.

use super::Complaint;
use nsx_core::{accounts, plan::Step, run::Failure};

/// Words the failure of a step that both programs take.
pub(super) fn failure(failure: &Failure) -> Complaint {
    let errno = failure.errno;
    let text: &[u8] = match failure.step() {
        Step::Fork { .. } | Step::ForkJoiner | Step::ForkSibling => b"fork failed",
        Step::SetGroups(_) | Step::LeaveGroups { .. } => b"setgroups failed",
        Step::SetGroup(_) | Step::SetGroupOf(_) => b"setgid() failed",
        Step::SetUser(_) | Step::SetUserOf(_) => b"setuid() failed",
        Step::KeepCapabilities | Step::SetCapabilities(_) => b"capset failed",
        Step::DieWithParent(_) => b"prctl failed",
        Step::Exec { programs, .. } => {
            let name = programs.first().and_then(|program| program.first());
            return Complaint::not_run(name.map_or(b"", |name| name.to_bytes()), errno);
        }
        Step::LoginShell { environment } => {
            let shell = accounts::login_shell(environment.as_deref());
            return Complaint::not_run(&shell, errno);
        }
        step => return Complaint::because([b"failed to ", step.act().as_bytes()], errno),
    };
    Complaint::because([text], errno)
}
