//! A TARGET of the command line, and how it is said that there is none.

use crate::{exit::ExitStatus, out, text::escape};
use nsx_core::{accounts, pid::Process, proc::ProcRoot};
use nsx_target::{Host, TargetError};

/// Says on standard error why a target was not found, and what may help; returns the status that `ls` and `pidmap` then end
/// with.
pub(crate) fn failed(error: &TargetError) -> ExitStatus {
    say(error);
    if error.is_absence() { ExitStatus::NO_MATCH } else { ExitStatus::FAILURE }
}

/// The same without a status.
pub(crate) fn say(error: &TargetError) {
    out::error(&escape(out::chain(error).as_bytes()));
    hint(error);
}

/// Says what may help.
pub(crate) fn hint(error: &TargetError) {
    for line in error.hints() {
        out::hint(&escape(line.as_bytes()));
    }
}

/// Says why the kernel does not let the caller look at a process, as far as that can be told, and the way out. The rules are
/// those of `ptrace(2)` for `PTRACE_MODE_READ_FSCREDS`.
pub(crate) fn hint_at_guard(process: &Process) {
    let own = rustix::process::geteuid().as_raw();
    let status = ProcRoot::system().ok().and_then(|proc| proc.status(process.pid(), &mut Vec::new()).ok());
    match status.map(|status| status.euid) {
        _ if own == 0 => out::hint("its user namespace is not below yours, or a security module guards it"),
        Some(euid) if euid != own => {
            let name = accounts::user_names()
                .ok()
                .and_then(|mut names| names.remove(&euid))
                .map_or_else(|| euid.to_string(), |name| escape(&name));
            out::hint(&format!("it is user {name}'s: nobody else but root may look at it; run this with sudo"));
        }
        _ => out::hint("it has rights that you lack, or hides (PR_SET_DUMPABLE in prctl(2)); run this with sudo"),
    }
}

/// Prints the words for everything that runs, a line each.
pub(crate) fn list() -> ExitStatus {
    let host = match Host::system() {
        Ok(host) => host,
        Err(errno) => return out::failed("open /proc", &errno),
    };
    let words: String = nsx_target::words(&host).iter().map(|word| format!("{word}\n")).collect();
    out::print(&words).map_or_else(|status| status, |()| ExitStatus::SUCCESS)
}
