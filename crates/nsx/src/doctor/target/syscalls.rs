//! The system calls that the target's filters let through.

use super::{Facts, unread};
use crate::{
    answer::{Answer, Part},
    error::Error,
    paragraph::Paragraph,
    text::errno_name,
};
use nsx_core::{
    proc::ProcError,
    seccomp::{self, Effect},
};
use rustix::io::Errno;
use serde::Serialize;
use std::ffi::OsStr;
use syscalls::Sysno;

/// Tells which system calls a target's filters let through.
#[derive(Debug)]
pub(in crate::doctor) struct Syscalls {
    pub(in crate::doctor) json: bool,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    /// The number of filters.
    filters: usize,
    syscalls: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    number: u32,
    /// `allowed`, `depends` (on its arguments), or `refused`.
    answer: &'static str,
    /// The effect if it is refused: `EPERM`, `kill`, `trap`, `notify`, `trace`.
    effect: Option<String>,
}

impl Syscalls {
    /// Reads the filters, which stops the target for a moment, and judges each call.
    pub(in crate::doctor) fn answer(&self, word: &OsStr) -> Result<Answer, Error> {
        let facts = Facts::find(word)?;
        let process = &facts.process;
        let filters = match facts.credentials.filtered {
            false => Vec::new(),
            true => seccomp::read(process).map_err(|errno| {
                let act = format!("read the filters of process {}", process.pid());
                Error::failed(act, errno).with_hints(hint(errno))
            })?,
        };
        if process.ended() {
            return Err(unread(process, ProcError::Vanished));
        }
        let rows: Vec<_> = Sysno::iter()
            .filter_map(|call| Some((call.name(), u32::try_from(call.id()).ok()?)))
            .map(|(name, number)| Row::new(name, number, seccomp::judge(&filters, number)))
            .collect();
        let all = rows.iter().all(|row| row.answer == "allowed");
        let answer = if self.json {
            Answer::json(&Document {
                version: 1,
                filters: filters.len(),
                syscalls: rows,
            })?
        } else {
            Answer::of(vec![Part::Paragraphs(in_words(&rows, filters.len()))])
        };
        // A filter that lets everything through isolates nothing.
        Ok(answer.found(!all))
    }
}

impl Row {
    fn new(name: &'static str, number: u32, answer: seccomp::Answer) -> Self {
        let (answer, effect) = match answer {
            seccomp::Answer::Allowed => ("allowed", None),
            seccomp::Answer::Depends => ("depends", None),
            seccomp::Answer::Refused(effect) => ("refused", Some(word(effect))),
        };
        Self {
            name,
            number,
            answer,
            effect,
        }
    }
}

fn word(effect: Effect) -> String {
    match effect {
        Effect::Error(errno) => error_name(errno),
        Effect::Kill => "kill".to_owned(),
        Effect::Trap => "trap".to_owned(),
        Effect::Notify => "notify".to_owned(),
        Effect::Trace => "trace".to_owned(),
    }
}

fn error_name(errno: Errno) -> String {
    errno_name(errno).map_or_else(|| format!("errno {}", errno.raw_os_error()), str::to_owned)
}

fn in_words(rows: &[Row], filters: usize) -> Vec<Paragraph> {
    let mut paragraphs = vec![match filters {
        0 => Paragraph::new(
            "",
            "no filter of system calls is on it: all reach the kernel",
        ),
        1 => Paragraph::new("", "1 filter of system calls"),
        count => Paragraph::new("", format!("{count} filters of system calls")),
    }];
    if filters == 0 {
        return paragraphs;
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for row in rows {
        let heading = match &row.effect {
            Some(effect) => format!("refused with {effect}"),
            None if row.answer == "depends" => "depending on the arguments".to_owned(),
            None => row.answer.to_owned(),
        };
        match groups.iter_mut().find(|(other, _)| *other == heading) {
            Some((_, names)) => names.push(row.name),
            None => groups.push((heading, vec![row.name])),
        }
    }
    groups.sort_by_key(|(heading, _)| (heading == "allowed", heading.clone()));
    for (heading, names) in groups {
        paragraphs.push(Paragraph::heading(&heading, &names.len().to_string()));
        paragraphs.push(Paragraph::new("  ", names.join(" ")));
    }
    paragraphs
}

fn hint(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::ACCESS => Some(
            "the kernel shows filters to root of the host alone, and only if no filter is on nsx",
        ),
        Errno::PERM => Some("run it as root; a process that is traced already shows nothing"),
        Errno::TIMEDOUT => Some("the process does not stop: it is frozen, or waits for a disk"),
        _ => None,
    }
}
