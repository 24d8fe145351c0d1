//! The ids to translate: operands, and numbers on standard input where one of them is `-`.

use super::Options;
use crate::{exit::ExitStatus, out, text::escape};
use nsx_core::pid::{self, Pid};
use nsx_target::Target;
use rustix::io::Errno;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The operand that stands for the numbers on standard input.
pub(super) const STANDARD_INPUT: &[u8] = b"-";

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A process that is asked about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// By an id, as `--from` counts.
    Id(Pid),
    /// By a word of the grammar, as the caller counts.
    Target(Target),
}

impl Asked {
    pub(super) fn id(&self) -> Pid {
        match self {
            Self::Id(id) => *id,
            Self::Target(Target::Process { pid, .. }) => *pid,
        }
    }

    /// The inode that its pidfd must have.
    pub(super) fn inode(&self) -> Option<u64> {
        match self {
            Self::Id(_) => None,
            Self::Target(Target::Process { inode, .. }) => *inode,
        }
    }
}

/// Reads all operands before anything is looked up, so that wrong usage is all that is said.
pub(super) fn check(options: &Options) -> Result<(), ExitStatus> {
    operands(options).map(drop)
}

/// The operands; none is `-`.
fn operands(options: &Options) -> Result<Vec<Option<Asked>>, ExitStatus> {
    let read = |word: &OsStr| {
        if word.as_bytes() == STANDARD_INPUT {
            return Ok(None);
        }
        let asked = match options.from {
            Some(_) => pid::parse(word.as_bytes()).map(Asked::Id).map_err(|error| error.to_string()),
            None => Target::parse(word.as_bytes()).map(Asked::Target).map_err(|error| error.to_string()),
        };
        asked.map(Some).map_err(|error| {
            out::error(&format!("{}: {error}", out::shown(word)));
            ExitStatus::FAILURE
        })
    };
    options.operands.iter().map(|word| read(word)).collect()
}

/// Hands on what is asked, as it comes: the operands, and the numbers on standard input a chunk at a time. What is there and
/// is no number is said and makes `whole` false.
pub(super) fn each(
    options: &Options,
    mut hand_on: impl FnMut(Vec<Asked>) -> Result<(), ExitStatus>,
) -> Result<bool, ExitStatus> {
    let mut whole = true;
    let mut known = Vec::new();
    for operand in operands(options)? {
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
fn numbers(hand_on: &mut impl FnMut(Vec<Asked>) -> Result<(), ExitStatus>) -> Result<bool, ExitStatus> {
    let mut whole = true;
    let mut text = Vec::new();
    loop {
        let end = !read(&mut text)?;
        // The last word may go on in what comes next.
        let complete = if end { text.len() } else { last_blank(&text) };
        let words = text[..complete].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let ids = words.filter_map(|word| match pid::parse(word) {
            Ok(id) => Some(Asked::Id(id)),
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
    text.iter().rposition(u8::is_ascii_whitespace).map_or(0, |place| place + 1)
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
