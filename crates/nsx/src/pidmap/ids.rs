//! The ids to translate: operands, and numbers on standard input where one of them is `-`.

use super::Options;
use crate::{exit::ExitStatus, out, target, text::escape};
use nsx_core::pid::{self, Pid};
use nsx_target::Target;
use rustix::io::Errno;
use std::{error::Error, ffi::OsString, os::unix::ffi::OsStrExt};

/// The operand that stands for the numbers on standard input.
pub(super) const STANDARD_INPUT: &[u8] = b"-";

/// The number of bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// A process that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Its id, as `--from` counts or else the caller.
    pub(super) id: Pid,
    /// The inode that its pidfd must have.
    pub(super) inode: Option<u64>,
}

/// Reads all operands before anything else is looked up, so that wrong usage is all that is said;
/// none is `-`.
pub(super) fn operands(options: &Options) -> Result<Vec<Option<Asked>>, ExitStatus> {
    let read = |word: &OsString| {
        let bytes = word.as_bytes();
        let wrong = |error: &dyn Error| {
            out::error(&format!("{}: {error}", out::shown(word)));
            ExitStatus::FAILURE
        };
        if bytes == STANDARD_INPUT {
            return Ok(None);
        }
        if options.from.is_some() {
            let id = pid::parse(bytes).map_err(|error| wrong(&error))?;
            return Ok(Some(Asked { id, inode: None }));
        }
        match Target::parse(bytes).map_err(|error| wrong(&error))? {
            Target::Process { pid, inode } => Ok(Some(Asked { id: pid, inode })),
            // A container's first process.
            container @ (Target::Container { .. } | Target::Pod(_) | Target::Name(_)) => {
                let process = target::find(&container)
                    .map_err(|error| target::failed(&error))?
                    .process;
                Ok(Some(Asked {
                    id: process.pid(),
                    inode: process.inode().ok(),
                }))
            }
            _ => {
                out::error(&format!(
                    "{}: a namespace is listed by itself",
                    out::shown(word)
                ));
                Err(ExitStatus::FAILURE)
            }
        }
    };
    options.operands.iter().map(read).collect()
}

/// Hands on what is asked, as it comes: the operands, and the numbers on standard input a chunk at
/// a time. What is there and is no number is said and makes `whole` false.
pub(super) fn each(
    operands: Vec<Option<Asked>>,
    mut hand_on: impl FnMut(Vec<Asked>) -> Result<(), ExitStatus>,
) -> Result<bool, ExitStatus> {
    let mut whole = true;
    let mut known = Vec::new();
    for operand in operands {
        match operand {
            Some(asked) => known.push(asked),
            None => {
                hand_on(std::mem::take(&mut known))?;
                whole &= numbers(&mut hand_on)?;
            }
        }
    }
    hand_on(known)?;
    Ok(whole)
}

/// The numbers on standard input, with blanks or line feeds between them.
fn numbers(
    hand_on: &mut impl FnMut(Vec<Asked>) -> Result<(), ExitStatus>,
) -> Result<bool, ExitStatus> {
    let mut whole = true;
    let mut text = Vec::new();
    loop {
        let end = !read(&mut text)?;
        // The last word may go on in what comes next.
        let complete = if end { text.len() } else { last_blank(&text) };
        let words = text[..complete]
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let ids = words.filter_map(|word| match pid::parse(word) {
            Ok(id) => Some(Asked { id, inode: None }),
            Err(error) => {
                out::error(&format!("{}: {error}", escape(&word[..word.len().min(80)])));
                whole = false;
                None
            }
        });
        let ids = ids.collect();
        hand_on(ids)?;
        text.drain(..complete);
        if end {
            return Ok(whole);
        }
    }
}

fn last_blank(text: &[u8]) -> usize {
    text.iter()
        .rposition(u8::is_ascii_whitespace)
        .map_or(0, |place| place + 1)
}

/// Reads what standard input has next behind `text`; false at its end.
pub(super) fn read(text: &mut Vec<u8>) -> Result<bool, ExitStatus> {
    loop {
        text.reserve(CHUNK);
        match rustix::io::read(rustix::stdio::stdin(), rustix::buffer::spare_capacity(text)) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(out::failed("read standard input", &errno)),
        }
    }
}
