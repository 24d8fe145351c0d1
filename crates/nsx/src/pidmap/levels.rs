//! Processes with their ids in all PID namespaces that see them.

use super::{
    columns::{self, With},
    ends::{Ends, OpenEnds},
    ids::{Batches, Id, Operand},
    owners::{self, Owners},
    untranslated,
};
use crate::{
    answer::Answer,
    error::Error,
    out::Output,
    query::process::{ProcessInfo, ProcessReader},
    table::{Align, Table},
    text,
};
use nsx_core::{
    pid::{IdsOf, Lineages, Pid, PinError, Process, Translator, Untranslated},
    proc::{ProcError, ProcRoot, Status, TaskIds},
};
use nsx_target::Host;
use serde::Serialize;

/// Shows the ids of processes in all PID namespaces.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) operands: Vec<Operand>,
    pub(super) ends: Ends,
    pub(super) tasks: IdsOf,
    pub(super) form: Form,
    pub(super) with: Vec<With>,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for each level.
    Table,
    Json,
    JsonLines,
    /// A line with the ids of each process, and nothing else.
    Numbers,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    processes: &'a [Row],
}

/// A process and its ids.
#[derive(Debug, Serialize)]
struct Row {
    /// The id in the PID namespace of `--from`.
    from: Option<i32>,
    /// The id in the PID namespace of `--to`; `None` if the process is not visible there.
    to: Option<i32>,
    /// The id in the caller's PID namespace.
    pid: i32,
    /// The ids from the procfs mount's PID namespace to the process's own.
    chain: Vec<i32>,
    /// The PID namespaces of the chain.
    namespaces: Vec<Option<u64>>,
    /// The owners of those PID namespaces.
    of: Vec<Option<String>>,
    /// The process group at each level, if requested; 0 if it is not visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pgid: Option<Vec<i32>>,
    /// The session at each level, if requested; 0 if it is not visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Vec<i32>>,
    #[serde(flatten)]
    who: ProcessInfo,
}

/// The reason why a process has no row.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    Proc(#[from] ProcError),
}

impl Levels {
    /// Finds the processes. Rows that need no other row are written as soon as they are known.
    pub(super) fn answer(self, proc: &ProcRoot, output: &Output) -> Result<Answer, Error> {
        let mut batches = Batches::of(&self.operands, output)?;
        let ends = self.ends.open(proc)?;
        let host = Host::system().ok();
        let mut finder = Finder::new(&self, &ends, proc, host.as_ref(), output);
        let mut rows = Vec::new();
        let mut all = true;
        while let Some(ids) = batches.next_batch()? {
            all &= finder.find(&ids, &mut rows);
            match self.form {
                Form::Numbers => {
                    let lines: String = rows.drain(..).map(|row| row.numbers() + "\n").collect();
                    output.write(lines.as_bytes())?;
                }
                Form::JsonLines => {
                    output.write_json_lines(rows.drain(..))?;
                }
                Form::Table | Form::Json => {}
            }
        }
        let answer = match self.form {
            Form::Table => Answer::table(self.table(&rows)),
            Form::Json => Answer::json(&Document {
                version: 1,
                processes: &rows,
            })?,
            Form::JsonLines | Form::Numbers => Answer::default(),
        };
        let limits = owners::limits(&ends.own).filter(|_| self.form != Form::Numbers);
        let cut_off = host.iter().flat_map(Host::cut_off);
        Ok(answer
            .found(all && batches.all_valid)
            .with_notes(limits)
            .with_notes(cut_off.map(|unread| unread.to_string())))
    }

    fn shows(&self, ids: With) -> bool {
        self.with.contains(&ids)
    }

    /// Returns a table with a line for each level, because the chain of a process a few levels deep
    /// with its namespaces is wider than a terminal.
    fn table(&self, rows: &[Row]) -> Table {
        let columns = [
            (self.ends.from.is_some(), "FROM", Align::Right),
            (self.ends.to.is_some(), "TO", Align::Right),
            (true, "PID", Align::Right),
            (true, "LEVEL", Align::Right),
            (true, "ID", Align::Right),
            (self.shows(With::Pgid), "PGID", Align::Right),
            (self.shows(With::Sid), "SID", Align::Right),
            (true, "NS", Align::Right),
            (true, "OF", Align::Left),
            (true, "USER", Align::Left),
            (true, "COMMAND", Align::Left),
        ];
        let lines = rows.iter().flat_map(|row| {
            let levels = 0..row.chain.len();
            levels.map(|level| row.cells(level))
        });
        columns::table(columns, lines)
    }
}

/// Finds processes. What all of them share is found once.
struct Finder<'a> {
    question: &'a Levels,
    ends: &'a OpenEnds,
    proc: &'a ProcRoot,
    output: &'a Output,
    reader: ProcessReader<'a>,
    owners: Owners<'a>,
    lineages: Lineages,
    /// From the PID namespace of `--from` to the caller's, and back.
    here: Translator<'a>,
    back: Translator<'a>,
    /// From the caller's PID namespace to that of `--to`.
    there: Translator<'a>,
    /// `true` if the procfs counts as the caller does.
    is_callers: bool,
}

impl<'a> Finder<'a> {
    fn new(
        question: &'a Levels,
        ends: &'a OpenEnds,
        proc: &'a ProcRoot,
        host: Option<&'a Host>,
        output: &'a Output,
    ) -> Self {
        let OpenEnds { own, from, to } = ends;
        let tasks = question.tasks;
        Self {
            question,
            ends,
            proc,
            output,
            reader: ProcessReader::new(proc),
            owners: Owners::new(proc, own, host),
            lineages: Lineages::default(),
            here: Translator::new(proc, from.clone(), own.clone(), tasks),
            back: Translator::new(proc, own.clone(), from.clone(), tasks),
            there: Translator::new(proc, own.clone(), to.clone(), tasks),
            is_callers: proc.is_callers(),
        }
    }

    /// Adds the rows of the processes that are found and reports the others. Returns whether all
    /// are found and translated.
    fn find(&mut self, ids: &[Id], rows: &mut Vec<Row>) -> bool {
        let ends = &self.question.ends;
        let mut all = true;
        let pids: Vec<_> = ids.iter().map(|id| id.pid).collect();
        for (id, here) in ids.iter().zip(self.here.translate_all(&pids)) {
            let row = if ends.from.is_some() {
                self.row_from(id.pid, here)
            } else {
                self.row(*id, None)
                    .map_err(|missing| Error::failed(format!("find process {}", id.pid), missing))
            };
            match row {
                Ok(row) => {
                    all &= ends.to.is_none() || row.to.is_some();
                    rows.push(row);
                }
                Err(error) => {
                    all = false;
                    self.output.report(&error);
                }
            }
        }
        all
    }

    /// Returns the row of the process that has the id `from` in the PID namespace of `--from`, and
    /// `here` in the caller's.
    fn row_from(&mut self, from: Pid, here: Result<Pid, Untranslated>) -> Result<Row, Error> {
        let pid = here.map_err(|why| untranslated::error(from, why, &self.here, self.proc))?;
        self.row(Id { pid, inode: None }, Some(from))
            .map_err(|missing| {
                let act = format!("find process {from} of {}", self.ends.from.id());
                Error::failed(act, missing)
            })
    }

    /// Returns the row of the process or thread that has the id here, and `from` in the PID
    /// namespace of `--from`.
    fn row(&mut self, id: Id, from: Option<Pid>) -> Result<Row, Missing> {
        let process = match id.hold() {
            Err(PinError::Thread) if self.question.tasks == IdsOf::Threads => {
                return self.thread_row(id.pid, from);
            }
            process => process?,
        };
        let shown = if self.is_callers {
            id.pid
        } else {
            process.chain_in(self.proc)?.outermost()
        };
        self.row_of(&process, shown, id.pid, from, TaskIds::parse)
    }

    /// Returns the row of a thread: its process is pinned, and the thread is one of those that the
    /// process has.
    fn thread_row(&mut self, pid: Pid, from: Option<Pid>) -> Result<Row, Missing> {
        let (proc, own) = (self.proc, &self.ends.own);
        let processes = Translator::new(proc, own.clone(), own.clone(), IdsOf::Processes);
        let Err(Untranslated::Thread(process)) = processes.translate(pid) else {
            return Err(ProcError::Vanished.into());
        };
        let process = Process::hold(process)?;
        let shown = process.chain_in(proc)?.outermost();
        let level = own.level().unwrap_or_default();
        self.row_of(&process, shown, pid, from, |_| {
            let threads = proc.threads(shown)?.into_iter();
            let mut ids = threads.filter_map(|thread| proc.thread_ids(shown, thread).ok());
            ids.find(|ids| ids.chain.ids().get(level) == Some(&pid))
                .ok_or(ProcError::Vanished)
        })
    }

    /// Returns the row of a pinned process that the procfs calls `shown`, with the ids that `read`
    /// returns when it is given the text of the process's status.
    fn row_of(
        &mut self,
        process: &Process,
        shown: Pid,
        pid: Pid,
        from: Option<Pid>,
        read: impl Fn(&[u8]) -> Result<TaskIds, ProcError>,
    ) -> Result<Row, Missing> {
        let seen = self.proc.read_with(shown, "status", |text| {
            Ok::<_, ProcError>((Status::parse(text)?, read(text)?))
        });
        let seen = seen.and_then(|parsed| parsed);
        if seen == Err(ProcError::Vanished) && !process.reaped() {
            return Err(ProcError::Unshown.into());
        }
        let (status, ids) = seen?;
        let levels = self.lineages.levels(self.proc, shown, &ids.chain);
        let (who, of) = if self.question.form == Form::Numbers {
            (ProcessInfo::default(), Vec::new())
        } else {
            (
                self.reader.read_with(shown, &status),
                self.owners.of(&levels, &self.lineages),
            )
        };
        let to = self.question.ends.to.as_ref();
        let to = to.map(|_| self.there.translate(pid));
        // The process that has the id here must still be the one that has it there.
        if process.reaped() || from.is_some_and(|from| self.back.translate(pid) != Ok(from)) {
            return Err(ProcError::Vanished.into());
        }
        if let Some(Err(why)) = to {
            let error = untranslated::error(pid, why, &self.there, self.proc);
            self.output.report(&error);
        }
        let number = Pid::as_raw_pid;
        let namespaces = levels.iter().map(|level| level.ns.map(|ns| ns.inode));
        Ok(Row {
            from: from.map(number),
            to: to.and_then(Result::ok).map(number),
            pid: number(pid),
            chain: levels.iter().map(|level| number(level.pid)).collect(),
            namespaces: namespaces.collect(),
            of,
            pgid: self.question.shows(With::Pgid).then_some(ids.pgid),
            sid: self.question.shows(With::Sid).then_some(ids.sid),
            who,
        })
    }
}

impl Row {
    /// Returns the ids as one line.
    fn numbers(&self) -> String {
        let ids: Vec<_> = self.chain.iter().map(i32::to_string).collect();
        ids.join(" ")
    }

    /// Returns the cells of all columns for a level. The cells that concern the whole process stand
    /// in its first line.
    fn cells(&self, level: usize) -> [String; 11] {
        let once = |cell: String| if level == 0 { cell } else { String::new() };
        let number =
            |id: Option<i32>| id.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let shared = |ids: &Option<Vec<i32>>| {
            let id = ids.as_ref().and_then(|ids| ids.get(level)).copied();
            number(id.filter(|&id| id > 0))
        };
        let known = |cell: Option<String>| cell.unwrap_or_else(|| text::UNKNOWN.to_owned());
        [
            once(number(self.from)),
            once(number(self.to)),
            once(self.pid.to_string()),
            level.to_string(),
            self.chain[level].to_string(),
            shared(&self.pgid),
            shared(&self.sid),
            known(self.namespaces[level].map(|ns| ns.to_string())),
            known(self.of.get(level).cloned().flatten()),
            once(self.who.user()),
            once(self.who.command()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Styles;
    use std::ffi::OsString;

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
            who: ProcessInfo::default(),
        }
    }

    fn lines(from: Option<i32>, with: &[With]) -> Vec<String> {
        let target = from.map(|_| OsString::from("web"));
        let question = Levels {
            operands: Vec::new(),
            ends: Ends {
                from: target.clone(),
                to: target,
            },
            tasks: IdsOf::Processes,
            form: Form::Table,
            with: with.to_vec(),
        };
        let table = question.table(&[row(from)]);
        let text = table.render(&Styles::default(), Some(80));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_level_has_a_line() {
        assert_eq!(
            lines(None, &[]),
            [
                "  PID LEVEL    ID         NS OF         USER COMMAND",
                "12345     0 12345 4026531836 host       ?    ?",
                "          1    17          ? ?",
                "          2     1 4026532177 12345 (sh)",
            ]
        );
        assert_eq!(
            lines(Some(1), &[With::Pgid])[..2],
            [
                "FROM TO   PID LEVEL    ID  PGID         NS OF         USER COMMAND",
                "   1  - 12345     0 12345 12345 4026531836 host       ?    ?",
            ]
        );
    }

    #[test]
    fn the_numbers_are_the_ids_of_the_chain() {
        assert_eq!(row(None).numbers(), "12345 17 1");
    }
}
