//! Numbers in, numbers out: a line for each id, with what it is at the other end.

use super::{
    Ends, Options,
    ids::{self, Asked},
    levels::is_one,
};
use crate::{exit::ExitStatus, out};
use nsx_core::{
    pid::{Numbering, Pid, PinError, Process, Tasks, Translator, Untranslated},
    proc::{ProcError, ProcRoot},
};
use std::fmt::Write;

/// Prints what each id of `from` is in `to`, as the ids come.
pub(super) fn print(
    options: &Options,
    proc: &ProcRoot,
    ends: &Ends,
    operands: Vec<Option<Asked>>,
) -> Result<ExitStatus, ExitStatus> {
    let translator = Translator::new(
        proc,
        ends.from().clone(),
        ends.to().clone(),
        options.tasks(),
    );
    let mut all = true;
    let whole = ids::each(operands, |asked| {
        // Whoever names an inode wants that process and no other: it is held while its number is
        // translated.
        let held: Vec<_> = asked
            .iter()
            .map(|asked| asked.inode.map(|inode| hold(asked.id, inode)))
            .collect();
        let ids: Vec<_> = asked.iter().map(|asked| asked.id).collect();
        let mut text = String::with_capacity(ids.len() * 8);
        for ((id, held), answer) in ids.iter().zip(&held).zip(translator.translate_all(&ids)) {
            let gone = match held {
                None => None,
                Some(Ok(process)) => process.reaped().then_some(PinError::NoProcess),
                Some(Err(error)) => Some(*error),
            };
            match (answer, gone) {
                // Writing to a string cannot fail.
                (Ok(there), None) => drop(writeln!(text, "{there}")),
                (Err(error), None) => {
                    all = false;
                    refuse(*id, error, &translator, proc);
                }
                (_, Some(error)) => {
                    all = false;
                    out::failed(&format!("find process {id}"), &error);
                }
            }
        }
        out::print(&text)
    })?;
    Ok(if all && whole {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    })
}

/// The process that has this id here, if it is the one with this inode.
fn hold(id: Pid, inode: u64) -> Result<Process, PinError> {
    let process = Process::hold(id)?;
    is_one(&process, Some(inode)).map(|()| process)
}

/// Says why an id is not translated.
pub(super) fn refuse(id: Pid, why: Untranslated, translator: &Translator<'_>, proc: &ProcRoot) {
    let (from, to) = (translator.from(), translator.to());
    out::error(&match why {
        Untranslated::NotVisible => format!(
            "process {id} of {} is not visible in {}",
            from.id(),
            to.id()
        ),
        why => format!(
            "failed to find process {id} of {}: {why}{}",
            from.id(),
            because(why, from, proc)
        ),
    });
}

/// Returns what is known about the reason, as the end of a message; empty if there is nothing to
/// add.
fn because(why: Untranslated, from: &Numbering, proc: &ProcRoot) -> &'static str {
    let nobody = || {
        let Ok(own) = Numbering::own(proc) else {
            return false;
        };
        Translator::new(proc, from.clone(), own, Tasks::Processes).translate(Pid::INIT)
            == Err(Untranslated::NoProcess)
    };
    match why {
        Untranslated::Thread(_) => "; --threads translates those",
        Untranslated::NoProcess if !from.is_below_own(proc) => {
            "; that PID namespace is not below this one, and only processes that are visible here \
            can be asked about"
        }
        Untranslated::NoProcess if nobody() => {
            "; the first process of that PID namespace has ended, and with it all of them"
        }
        Untranslated::Failed(ProcError::Denied) => {
            "; before Linux 6.11 that takes a look at the process, which may require CAP_SYS_PTRACE"
        }
        _ => "",
    }
}
