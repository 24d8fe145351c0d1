//! The words of both unshare and nsenter for a step that could not be taken.

use super::Complaint;
use nsx_core::{accounts, plan::Step, run::Failure};

pub(super) fn failure(failure: &Failure) -> Complaint {
    let because = |parts: &[&[u8]]| Complaint::Words(parts.concat(), Some(failure.errno));
    match failure.step() {
        Step::Fork { .. } | Step::ForkJoiner | Step::ForkSibling => because(&[b"fork failed"]),
        Step::SetGroups(_) | Step::LeaveGroups { .. } => because(&[b"setgroups failed"]),
        Step::SetGroup(_) | Step::SetGroupOf(_) => because(&[b"setgid() failed"]),
        Step::SetUser(_) | Step::SetUserOf(_) => because(&[b"setuid() failed"]),
        Step::KeepCapabilities | Step::SetCapabilities(_) => because(&[b"capset failed"]),
        Step::DieWithParent(_) => because(&[b"prctl failed"]),
        Step::Exec { programs, .. } => {
            let name = programs.first().and_then(|program| program.first());
            let name = name.map_or(&[][..], |name| name.to_bytes());
            Complaint::NotRun([b"failed to execute ", name].concat(), failure.errno)
        }
        Step::LoginShell { environment } => {
            let shell = accounts::login_shell(environment.as_deref());
            Complaint::NotRun(
                [b"failed to execute ", shell.as_slice()].concat(),
                failure.errno,
            )
        }
        step => because(&[b"failed to ", step.act().as_bytes()]),
    }
}
