//! The failures to translate an id.

use crate::error::Error;
use nsx_core::{
    pid::{IdsOf, Numbering, Pid, Translator, Untranslated},
    proc::{ProcError, ProcRoot},
};

/// Returns the error for an id that has no translation.
pub(super) fn error(
    id: Pid,
    why: Untranslated,
    translator: &Translator<'_>,
    proc: &ProcRoot,
) -> Error {
    let (from, to) = (translator.from(), translator.to());
    match why {
        Untranslated::NotVisible => Error::Missing(format!(
            "process {id} of {} is not visible in {}",
            from.id(),
            to.id()
        )),
        why => Error::failed(
            format!("find process {id} of {}", from.id()),
            format!("{why}{}", explanation(why, from, proc)),
        ),
    }
}

/// Returns what is known about the cause, as the end of a message; empty if there is nothing to
/// add.
fn explanation(why: Untranslated, from: &Numbering, proc: &ProcRoot) -> &'static str {
    match why {
        Untranslated::Thread(_) => "; --threads translates those",
        Untranslated::NoProcess if !from.is_below_own(proc) => {
            "; that PID namespace is not below this one, and only processes that are visible here \
            can be asked about"
        }
        Untranslated::NoProcess if has_ended(from, proc) => {
            "; the first process of that PID namespace has ended, and with it all of them"
        }
        Untranslated::Failed(ProcError::Denied) => {
            "; before Linux 6.11 that takes a look at the process, which may require CAP_SYS_PTRACE"
        }
        _ => "",
    }
}

/// Returns whether the first process of a PID namespace has ended.
fn has_ended(namespace: &Numbering, proc: &ProcRoot) -> bool {
    Numbering::own(proc).is_ok_and(|own| {
        Translator::new(proc, namespace.clone(), own, IdsOf::Processes).translate(Pid::INIT)
            == Err(Untranslated::NoProcess)
    })
}
