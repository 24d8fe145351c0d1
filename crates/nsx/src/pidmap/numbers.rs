//! Ids between two PID namespaces, as bare numbers: one line for each id.

use super::{
    ends::Ends,
    ids::{Batches, Id, Operand},
    untranslated,
};
use crate::{answer::Answer, error::Error, out::Output};
use nsx_core::{
    pid::{IdsOf, Pid, PinError, Process, Translator},
    proc::ProcRoot,
};
use std::fmt::Write;

/// Translates ids from one PID namespace to another.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) operands: Vec<Operand>,
    pub(super) ends: Ends,
    pub(super) tasks: IdsOf,
}

impl Numbers {
    /// Writes the translations as the ids come.
    pub(super) fn answer(self, proc: &ProcRoot, output: &Output) -> Result<Answer, Error> {
        let mut batches = Batches::of(&self.operands, output)?;
        let translator = self.ends.open(proc)?.translator(proc, self.tasks);
        let mut all = true;
        while let Some(ids) = batches.next_batch()? {
            let mut text = String::with_capacity(ids.len() * 8);
            for translated in translate(&ids, &translator, proc) {
                match translated {
                    // Writing to a string cannot fail.
                    Ok(pid) => drop(writeln!(text, "{pid}")),
                    Err(error) => {
                        all = false;
                        output.report(&error);
                    }
                }
            }
            output.write(text.as_bytes())?;
        }
        Ok(Answer::default().found(all && batches.all_valid))
    }
}

/// Translates a batch of ids. Processes that are named with their inodes are held meanwhile.
fn translate(ids: &[Id], translator: &Translator<'_>, proc: &ProcRoot) -> Vec<Result<Pid, Error>> {
    let held: Vec<Result<Option<Process>, PinError>> = ids
        .iter()
        .map(|id| id.inode.map(|_| id.hold()).transpose())
        .collect();
    let pids: Vec<_> = ids.iter().map(|id| id.pid).collect();
    let translations = translator.translate_all(&pids);
    let results = pids.iter().zip(held).zip(translations);
    results
        .map(|((&pid, held), translation)| {
            let gone = |error| Error::failed(format!("find process {pid}"), error);
            match held.map_err(gone)? {
                Some(process) if process.reaped() => Err(gone(PinError::NoProcess)),
                _ => translation.map_err(|why| untranslated::error(pid, why, translator, proc)),
            }
        })
        .collect()
}
