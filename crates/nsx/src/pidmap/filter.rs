//! `--filter`: a text written through, with the ids in it translated.
//!
//! Everything that standard input has is read at once, and all lines that are whole by then are
//! written at once: so a line waits for nothing but its own end, and a file is done in large
//! pieces. The ids of a piece are translated together. That is right for each line of the piece,
//! because the ids were all there before. If the kernel does not translate (before 6.11), a piece
//! takes one scan, and not one scan per line.

use super::{Ends, Options, ids, pattern::Finder};
use crate::{exit::ExitStatus, out};
use nsx_core::{
    hash::HashMap,
    pid::{self, Pid, Translator},
    proc::ProcRoot,
};
use rustix::io::Errno;
use std::{ffi::OsStr, io::Write, ops::Range};

/// A line that is longer is written in pieces, so that no input takes all memory.
const LONGEST_LINE: usize = 1 << 20;

/// Writes standard input through until its end.
pub(super) fn run(
    options: &Options,
    proc: &ProcRoot,
    ends: &Ends,
    expression: &OsStr,
) -> Result<ExitStatus, ExitStatus> {
    let mut finder = Finder::new(expression)?;
    let translator = Translator::new(
        proc,
        ends.from().clone(),
        ends.to().clone(),
        options.tasks(),
    );
    let mut left = Left::default();
    let (mut text, mut changed) = (Vec::new(), Vec::new());
    loop {
        let end = !ids::read(&mut text)?;
        let whole = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |place| place + 1);
        let ready = if end || (whole == 0 && text.len() > LONGEST_LINE) {
            text.len()
        } else {
            whole
        };
        let places = finder.find(&text[..ready]);
        let written = if places.is_empty() {
            out::write_bytes(&text[..ready])
        } else {
            changed.clear();
            translate(
                &text[..ready],
                &places,
                &translator,
                options.both,
                &mut changed,
                &mut left,
            );
            out::write_bytes(&changed)
        };
        match written {
            Ok(()) => {}
            // Whoever reads has read enough.
            Err(Errno::PIPE) => break,
            Err(errno) => return Err(out::failed("write to standard output", &errno)),
        }
        text.drain(..ready);
        if end {
            break;
        }
    }
    let all = left.ids + left.texts;
    if all > 0 {
        let ids = if all == 1 { "id was" } else { "ids were" };
        let (from, to) = (ends.from().id(), ends.to().id());
        out::note(&format!(
            "{all} {ids} left as in {from}: no such process, or not visible in {to}"
        ));
    }
    if left.texts > 0 && !finder.has_groups() {
        out::hint(
            "a whole match is the id where the expression has no group: put the number into one, \
            as in 'pid=([0-9]+)'",
        );
    }
    Ok(if all == 0 {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    })
}

/// Counts of what has no translation and stays as it was.
#[derive(Default)]
struct Left {
    ids: usize,
    /// Matches of the expression that are not ids.
    texts: usize,
}

/// Adds `text` to `changed` with the ids at these places translated, and counts what stays.
fn translate(
    text: &[u8],
    places: &[Range<usize>],
    translator: &Translator<'_>,
    both: bool,
    changed: &mut Vec<u8>,
    left: &mut Left,
) {
    let mut known: HashMap<Pid, Option<Pid>> = HashMap::default();
    let id = |place: &Range<usize>| pid::parse(&text[place.clone()]).ok();
    known.extend(places.iter().filter_map(id).map(|id| (id, None)));
    let asked: Vec<Pid> = known.keys().copied().collect();
    for (id, answer) in asked.iter().zip(translator.translate_all(&asked)) {
        known.insert(*id, answer.ok());
    }
    let mut done = 0;
    for place in places {
        let Some(id) = id(place) else {
            left.texts += 1;
            continue;
        };
        let Some(answer) = known.get(&id).copied().flatten() else {
            left.ids += 1;
            continue;
        };
        changed.extend(&text[done..if both { place.end } else { place.start }]);
        done = place.end;
        let arrow = if both { "→" } else { "" };
        // Writing to memory cannot fail.
        let _ = write!(changed, "{arrow}{answer}");
    }
    changed.extend(&text[done..]);
}
