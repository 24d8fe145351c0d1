//! Processes with their ids at every level: a line a level, JSON, or the numbers alone.

use super::{
    Ends, Options, With,
    ids::{self, Asked},
    namespace::{self, Owners},
    numbers,
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::who::{Registrar, Who},
    table::{Align, Table},
    target, text,
};
use nsx_core::{
    pid::{Lineages, Pid, PinError, Process, Tasks, Translator, Untranslated},
    proc::{ProcError, ProcRoot, TaskIds},
};
use nsx_target::Host;
use serde::Serialize;
use std::error::Error;

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    processes: &'a [Row],
}

/// A process and its ids.
#[derive(Debug, Serialize)]
struct Row {
    /// The id that was asked for with `--from`.
    from: Option<i32>,
    /// The id in the PID namespace of `--to`; none where it is not visible there.
    to: Option<i32>,
    /// The id in the caller's PID namespace.
    pid: i32,
    /// The ids from the procfs mount's PID namespace to the process's own.
    chain: Vec<i32>,
    /// The PID namespaces of the chain.
    namespaces: Vec<Option<u64>>,
    /// The owners of those PID namespaces.
    of: Vec<Option<String>>,
    /// The process group at each level, where it was asked for; 0 where it is not visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pgid: Option<Vec<i32>>,
    /// The session, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Vec<i32>>,
    #[serde(flatten)]
    who: Who,
}

/// Why a process has no row.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    Proc(#[from] ProcError),
}

/// Prints the processes that are asked about.
pub(super) fn print(
    options: &Options,
    proc: &ProcRoot,
    ends: &Ends,
    operands: Vec<Option<Asked>>,
) -> Result<ExitStatus, ExitStatus> {
    let host = Host::system().ok();
    let mut finder = Finder::new(options, proc, ends, host.as_ref());
    let mut rows = Vec::new();
    let mut all = true;
    let whole = ids::each(operands, |asked| {
        all &= finder.find(&asked, &mut rows);
        // A line for each needs no other: it is printed as soon as it is known.
        if options.quiet {
            out::print(
                &rows
                    .drain(..)
                    .map(|row| row.numbers() + "\n")
                    .collect::<String>(),
            )?;
        } else if options.json_lines {
            out::print_json_lines(&std::mem::take(&mut rows))?;
        }
        Ok(())
    })?;
    if options.json {
        out::print_json(&Document {
            version: 1,
            processes: &rows,
        })?;
    } else if !options.quiet && !options.json_lines {
        out::print(&table(&rows, options).render(&Styles::stdout(options.color), out::width()))?;
    }
    if !options.quiet {
        namespace::note_limits(&ends.own);
    }
    if let Some(host) = &host {
        target::note_cut_off(host);
    }
    Ok(if all && whole {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    })
}

/// Finds processes, with what is the same for all of them found once.
struct Finder<'a> {
    options: &'a Options,
    ends: &'a Ends,
    registrar: Registrar<'a>,
    owners: Owners<'a>,
    lineages: Lineages,
    /// From the namespace of `--from` to the caller's, and back.
    here: Translator<'a>,
    back: Translator<'a>,
    /// From the caller's to that of `--to`.
    there: Translator<'a>,
    /// `true` if the procfs counts as the caller does.
    is_callers: bool,
    buffer: Vec<u8>,
}

impl<'a> Finder<'a> {
    fn new(
        options: &'a Options,
        proc: &'a ProcRoot,
        ends: &'a Ends,
        host: Option<&'a Host>,
    ) -> Self {
        let between = |from: &_, to: &_| {
            Translator::new(proc, Clone::clone(from), Clone::clone(to), options.tasks())
        };
        Self {
            options,
            ends,
            registrar: Registrar::new(proc),
            owners: Owners::new(proc, &ends.own, host),
            lineages: Lineages::default(),
            here: between(ends.from(), &ends.own),
            back: between(&ends.own, ends.from()),
            there: between(&ends.own, ends.to()),
            is_callers: proc.is_callers(),
            buffer: Vec::new(),
        }
    }

    /// Adds the rows of those that are there; says why the others are not, and is then false.
    fn find(&mut self, asked: &[Asked], rows: &mut Vec<Row>) -> bool {
        let mut all = true;
        let ids: Vec<_> = asked.iter().map(|asked| asked.id).collect();
        for (asked, here) in asked.iter().zip(self.here.translate_all(&ids)) {
            let row = self.one(*asked, here);
            all &= row
                .as_ref()
                .is_some_and(|row| self.ends.to.is_none() || row.to.is_some());
            rows.extend(row);
        }
        all
    }

    /// The row of a process that has the id `here` here; none once the reason is said.
    fn one(&mut self, asked: Asked, here: Result<Pid, Untranslated>) -> Option<Row> {
        let proc = self.registrar.proc();
        let Asked { id, inode } = asked;
        if self.ends.from.is_none() {
            return self
                .row(id, None, inode)
                .map_err(|error| failed(&format!("find process {id}"), &error))
                .ok();
        }
        let here = here
            .inspect_err(|&why| numbers::refuse(id, why, &self.here, proc))
            .ok()?;
        let act = || format!("find process {id} of {}", self.ends.from().id());
        self.row(here, Some(id), inode)
            .map_err(|error| failed(&act(), &error))
            .ok()
    }

    /// The row of the process or thread that has `callers` here, and `from` at `--from`, and whose
    /// pidfd has this inode.
    fn row(&mut self, callers: Pid, from: Option<Pid>, inode: Option<u64>) -> Result<Row, Missing> {
        let proc = self.registrar.proc();
        let process = match Process::hold(callers) {
            Err(PinError::Thread) if self.options.threads => return self.thread_row(callers, from),
            process => process?,
        };
        is_one(&process, inode)?;
        let shown = if self.is_callers {
            callers
        } else {
            process.chain_in(proc)?.outermost()
        };
        // Its whole status has just been read.
        self.row_of(&process, shown, callers, from, |buffer| {
            TaskIds::parse(buffer)
        })
    }

    /// Like `row`, but for a thread: its process is pinned, and the thread is one of those that the
    /// process has.
    fn thread_row(&mut self, callers: Pid, from: Option<Pid>) -> Result<Row, Missing> {
        let proc = self.registrar.proc();
        let own = &self.ends.own;
        let processes = Translator::new(proc, own.clone(), own.clone(), Tasks::Processes);
        let Err(Untranslated::Thread(process)) = processes.translate(callers) else {
            return Err(ProcError::Vanished.into());
        };
        let process = Process::hold(process)?;
        let shown = process.chain_in(proc)?.outermost();
        let level = own.level().unwrap_or_default();
        self.row_of(&process, shown, callers, from, |buffer| {
            let threads = proc.threads(shown)?.into_iter();
            let mut ids = threads.filter_map(|thread| proc.thread_ids(shown, thread, buffer).ok());
            ids.find(|ids| ids.chain.ids().get(level) == Some(&callers))
                .ok_or(ProcError::Vanished)
        })
    }

    /// Returns the row of a pinned process that the procfs calls `shown`, with the ids that `read`
    /// returns when it is given the text of the process's status.
    fn row_of(
        &mut self,
        process: &Process,
        shown: Pid,
        callers: Pid,
        from: Option<Pid>,
        read: impl Fn(&mut Vec<u8>) -> Result<TaskIds, ProcError>,
    ) -> Result<Row, Missing> {
        let proc = self.registrar.proc();
        let seen = proc.status(shown, &mut self.buffer);
        if seen == Err(ProcError::Vanished) && !process.reaped() {
            return Err(ProcError::Unshown.into());
        }
        let status = seen?;
        let ids = read(&mut self.buffer)?;
        let levels = self.lineages.levels(proc, shown, &ids.chain);
        let who = if self.options.quiet {
            Who::default()
        } else {
            self.registrar.who_has(shown, &status)
        };
        let of = if self.options.quiet {
            Vec::new()
        } else {
            self.owners.of(&levels, &self.lineages)
        };
        let to = self.ends.to.as_ref().map(|_| self.there.translate(callers));
        // Whoever has the number here must still be who has it there.
        if process.reaped() || from.is_some_and(|id| self.back.translate(callers) != Ok(id)) {
            return Err(ProcError::Vanished.into());
        }
        if let Some(Err(why)) = to {
            numbers::refuse(callers, why, &self.there, proc);
        }
        let number = Pid::as_raw_pid;
        Ok(Row {
            from: from.map(number),
            to: to.and_then(Result::ok).map(number),
            pid: number(callers),
            chain: levels.iter().map(|level| number(level.pid)).collect(),
            namespaces: levels
                .iter()
                .map(|level| level.ns.map(|ns| ns.inode))
                .collect(),
            of,
            pgid: self.options.shows(With::Pgid).then_some(ids.pgid),
            sid: self.options.shows(With::Sid).then_some(ids.sid),
            who,
        })
    }
}

/// Checks that a process has this inode, if an inode is given.
pub(super) fn is_one(process: &Process, inode: Option<u64>) -> Result<(), PinError> {
    let Some(wanted) = inode else { return Ok(()) };
    match process.inode().map_err(PinError::Os)? {
        inode if inode == wanted => Ok(()),
        other => Err(PinError::Reused(other)),
    }
}

fn failed(act: &str, error: &dyn Error) {
    out::failed(act, error);
}

impl Row {
    /// Returns what `-q` prints.
    fn numbers(&self) -> String {
        self.chain
            .iter()
            .map(i32::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A line a level, because the chain of a process a few levels deep with its namespaces is wider
/// than a terminal.
fn table(rows: &[Row], options: &Options) -> Table {
    let shown = [
        (options.from.is_some(), "FROM", Align::Right),
        (options.to.is_some(), "TO", Align::Right),
        (true, "PID", Align::Right),
        (true, "LEVEL", Align::Right),
        (true, "ID", Align::Right),
        (options.shows(With::Pgid), "PGID", Align::Right),
        (options.shows(With::Sid), "SID", Align::Right),
        (true, "NS", Align::Right),
        (true, "OF", Align::Left),
        (true, "USER", Align::Left),
        (true, "COMMAND", Align::Left),
    ];
    let columns: Vec<_> = shown
        .iter()
        .filter(|(shown, ..)| *shown)
        .map(|&(_, name, align)| (name, align))
        .collect();
    let mut table = Table::new(&columns);
    for row in rows {
        for (level, (id, ns)) in row.chain.iter().zip(&row.namespaces).enumerate() {
            // What is said of the whole process stands in its first line.
            let once = |cell: String| if level == 0 { cell } else { String::new() };
            let number = |number: Option<i32>| {
                number.map_or_else(|| "-".to_owned(), |number| number.to_string())
            };
            let at_level = |ids: &Option<Vec<i32>>| {
                number(
                    ids.as_ref()
                        .and_then(|ids| ids.get(level))
                        .copied()
                        .filter(|&id| id > 0),
                )
            };
            let cells = [
                once(number(row.from)),
                once(number(row.to)),
                once(row.pid.to_string()),
                level.to_string(),
                id.to_string(),
                at_level(&row.pgid),
                at_level(&row.sid),
                ns.map_or_else(|| text::UNKNOWN.to_owned(), |ns| ns.to_string()),
                row.of
                    .get(level)
                    .cloned()
                    .flatten()
                    .unwrap_or_else(|| text::UNKNOWN.to_owned()),
                once(row.who.user()),
                once(row.who.command()),
            ];
            table.row(
                cells
                    .iter()
                    .zip(&shown)
                    .filter(|(_, (shown, ..))| *shown)
                    .map(|(cell, _)| cell),
            );
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn row(from: Option<i32>) -> Row {
        Row {
            from,
            to: None,
            pid: 12345,
            chain: vec![12345, 17, 1],
            namespaces: vec![Some(4_026_531_836), None, Some(4_026_532_177)],
            of: vec![Some("host".into()), None, Some("12345 (sh)".into())],
            pgid: Some(vec![12345, 17, 0]),
            sid: None,
            who: Who::default(),
        }
    }

    fn text(words: &[&str], row: Row) -> Vec<String> {
        let options = Options::try_parse_from([&["nsx pidmap"], words].concat()).unwrap();
        let text = table(&[row], &options).render(&Styles::default(), Some(80));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_level_has_its_line() {
        assert_eq!(
            text(&["1"], row(None)),
            [
                "  PID LEVEL    ID         NS OF         USER COMMAND",
                "12345     0 12345 4026531836 host       ?    ?",
                "          1    17          ? ?",
                "          2     1 4026532177 12345 (sh)",
            ]
        );
        assert_eq!(
            text(
                &["--from", "7", "--to", "8", "--with", "pgid", "1"],
                row(Some(1))
            )[..2],
            [
                "FROM TO   PID LEVEL    ID  PGID         NS OF         USER COMMAND",
                "   1  - 12345     0 12345 12345 4026531836 host       ?    ?",
            ]
        );
    }

    #[test]
    fn numbers_are_those_of_the_chain() {
        assert_eq!(row(None).numbers(), "12345 17 1");
    }
}
