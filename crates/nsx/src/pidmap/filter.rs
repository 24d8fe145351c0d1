//! `--filter`: standard input copied to standard output, with the ids in it translated.
//!
//! Each read takes everything that standard input has, and all lines that are then complete are
//! written at once. So a line waits only for its own end, and a file is copied in large pieces. The
//! ids of a piece are translated together, which is right for each line because the ids were all
//! there before. If the kernel does not translate (before 6.11), that takes one scan per piece and
//! not one per line.

use super::{ends::Ends, ids, pattern::Pattern};
use crate::{answer::Answer, error::Error, out::Output};
use nsx_core::{
    hash::HashMap,
    pid::{self, IdsOf, Pid, Translator},
    proc::ProcRoot,
};
use std::{io::Write, ops::Range};

/// The length from which a line is written in pieces, so that no input takes all memory.
const LONGEST_LINE: usize = 1 << 20;

/// Copies standard input to standard output, with the ids in it translated.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) pattern: Pattern,
    pub(super) ends: Ends,
    pub(super) tasks: IdsOf,
    /// Keeps the id, and writes its translation after an arrow.
    pub(super) keeps_ids: bool,
}

impl Filter {
    /// Copies until the end of standard input, or until standard output has no reader.
    pub(super) fn answer(mut self, proc: &ProcRoot, output: &Output) -> Result<Answer, Error> {
        let ends = self.ends.open(proc)?;
        let translator = ends.translator(proc, self.tasks);
        let mut left = Left::default();
        let (mut text, mut changed) = (Vec::new(), Vec::new());
        loop {
            let is_more = ids::read_more(&mut text)?;
            let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
            let ready = if !is_more || (whole == 0 && text.len() > LONGEST_LINE) {
                text.len()
            } else {
                whole
            };
            let ids = self.pattern.find(&text[..ready]);
            let written = if ids.is_empty() {
                &text[..ready]
            } else {
                changed.clear();
                self.translate(&text[..ready], &ids, &translator, &mut changed, &mut left);
                &changed
            };
            if !output.write(written)? || !is_more {
                break;
            }
            text.drain(..ready);
        }
        let all = left.ids + left.texts;
        let untranslated = (all > 0).then(|| {
            let ids = if all == 1 { "id was" } else { "ids were" };
            let (from, to) = (ends.from.id(), ends.to.id());
            format!("{all} {ids} left as in {from}: no such process, or not visible in {to}")
        });
        let whole_matches = (left.texts > 0 && !self.pattern.has_groups()).then_some(
            "a whole match is the id if the expression has no group: put the number into one, as \
            in 'pid=([0-9]+)'",
        );
        Ok(Answer::default()
            .found(all == 0)
            .with_notes(untranslated)
            .with_notes(whole_matches))
    }

    /// Appends `text` to `changed` with the ids at these positions translated, and counts the ids
    /// that have no translation.
    fn translate(
        &self,
        text: &[u8],
        positions: &[Range<usize>],
        translator: &Translator<'_>,
        changed: &mut Vec<u8>,
        left: &mut Left,
    ) {
        let id = |position: &Range<usize>| pid::parse(&text[position.clone()]).ok();
        let translations = translate_all(positions.iter().filter_map(id), translator);
        let mut done = 0;
        for position in positions {
            let Some(id) = id(position) else {
                left.texts += 1;
                continue;
            };
            let Some(translation) = translations.get(&id).copied().flatten() else {
                left.ids += 1;
                continue;
            };
            // Writing to memory cannot fail.
            let _ = if self.keeps_ids {
                changed.extend(&text[done..position.end]);
                write!(changed, "→{translation}")
            } else {
                changed.extend(&text[done..position.start]);
                write!(changed, "{translation}")
            };
            done = position.end;
        }
        changed.extend(&text[done..]);
    }
}

/// Translates ids, each once; `None` for one that has no translation.
fn translate_all(
    ids: impl Iterator<Item = Pid>,
    translator: &Translator<'_>,
) -> HashMap<Pid, Option<Pid>> {
    let distinct: HashMap<Pid, Option<Pid>> = ids.map(|id| (id, None)).collect();
    let ids: Vec<Pid> = distinct.into_keys().collect();
    let translations = translator.translate_all(&ids);
    ids.into_iter()
        .zip(translations.into_iter().map(Result::ok))
        .collect()
}

/// Counts of the matches that have no translation and stay as they are.
#[derive(Default)]
struct Left {
    ids: usize,
    /// Matches of the expression that are not ids.
    texts: usize,
}
