//! A TARGET of the command line, and how it is said that there is none.

use crate::{exit::ExitStatus, out, text::escape};
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

/// Prints the words for everything that runs, a line each.
pub(crate) fn list() -> ExitStatus {
    let host = match Host::system() {
        Ok(host) => host,
        Err(errno) => return out::failed("open /proc", &errno),
    };
    let words: String = nsx_target::words(&host).iter().map(|word| format!("{word}\n")).collect();
    out::print(&words).map_or_else(|status| status, |()| ExitStatus::SUCCESS)
}
