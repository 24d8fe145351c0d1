//! The processes that a PID namespace sees, with their ids and users inside and here.

use super::{
    columns::{self, With},
    namespace::Named,
    owners,
};
use crate::{
    answer::Answer,
    error::Error,
    query::{
        forest::Forest,
        inside_users::InsideUsers,
        process::{ProcessInfo, ProcessReader},
    },
    table::{Align, Table},
    text,
};
use nsx_core::{
    census::{Task, Visible},
    hash::HashMap,
    pid::{IdsOf, Numbering, Pid},
    proc::ProcRoot,
};
use serde::Serialize;

/// Lists the processes that a PID namespace sees.
#[derive(Debug)]
pub(super) struct List {
    pub(super) namespace: Named,
    pub(super) tasks: IdsOf,
    pub(super) form: Form,
    pub(super) with: Vec<With>,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    /// A table with each process below its parent.
    Tree,
    Json,
    JsonLines,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    ns: u64,
    processes: Vec<Row>,
    hidden: usize,
}

/// A process or thread.
#[derive(Serialize)]
struct Row {
    /// The id inside.
    id: i32,
    /// The id here.
    pid: i32,
    /// The process that a thread belongs to.
    process: i32,
    /// The parent, if it is visible here.
    ppid: Option<i32>,
    /// The ids from the procfs mount's PID namespace to the process's own.
    chain: Vec<i32>,
    /// The effective user id in the process's own user namespace; `None` if it is not mapped.
    uid_inside: Option<u32>,
    /// The name of that user in the /etc/passwd that the process sees.
    #[serde(serialize_with = "text::lossy")]
    user_inside: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pgid: Option<Shared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Shared>,
    #[serde(flatten)]
    who: ProcessInfo,
}

/// An id that a process shares with others, inside and here; `None` if it is not visible.
#[derive(Serialize)]
struct Shared {
    inside: Option<i32>,
    outside: Option<i32>,
}

impl List {
    /// Lists them.
    pub(super) fn answer(self, proc: &ProcRoot) -> Result<Answer, Error> {
        let of = self.namespace.open(proc)?;
        let mut members = Visible::find(proc, &of, self.tasks)
            .map_err(|errno| Error::failed(format!("list the processes of {}", of.id()), errno))?;
        members.tasks.sort_by_key(|task| task.inside().as_raw_pid());
        let mut reader = ProcessReader::new(proc);
        let mut insiders = InsideUsers::new(proc);
        let rows: Vec<_> = members
            .tasks
            .iter()
            .map(|member| Row::of(member, &self.with, &mut reader, &mut insiders))
            .collect();
        let hidden = members.unseen.hidden();
        let is_empty = rows.is_empty();
        let answer = match self.form {
            Form::Table => Answer::table(self.table(rows.iter().map(|row| (String::new(), row)))),
            Form::Tree => Answer::table(
                self.table(
                    tree(&rows)
                        .lines()
                        .into_iter()
                        .map(|(lead, row)| (lead, *row)),
                ),
            ),
            Form::Json => Answer::json(&Document {
                version: 1,
                ns: of.id().inode,
                processes: rows,
                hidden,
            })?,
            Form::JsonLines => Answer::json_lines(&rows)?,
        };
        let empty = is_empty.then(|| {
            format!(
                "{} has no processes that can be seen: if its first process has ended, there are \
                none",
                of.id()
            )
        });
        let hidden = (hidden > 0).then(|| {
            let processes = if hidden == 1 { "process" } else { "processes" };
            format!(
                "{hidden} {processes} may belong here, but could not be read; root may see more"
            )
        });
        let limits = Numbering::own(proc)
            .ok()
            .and_then(|own| owners::limits(&own));
        Ok(answer
            .found(!is_empty)
            .with_notes(empty)
            .with_notes(hidden)
            .with_notes(limits))
    }

    /// Returns a table of rows, each with the lines of a tree that stand before its command.
    fn table<'r>(&self, rows: impl Iterator<Item = (String, &'r Row)>) -> Table {
        let [pgid, sid] = [With::Pgid, With::Sid].map(|ids| self.with.contains(&ids));
        let columns = [
            (true, "ID", Align::Right),
            (true, "PID", Align::Right),
            (pgid, "PGID INSIDE", Align::Right),
            (pgid, "PGID", Align::Right),
            (sid, "SID INSIDE", Align::Right),
            (sid, "SID", Align::Right),
            (true, "USER INSIDE", Align::Left),
            (true, "USER", Align::Left),
            (true, "COMMAND", Align::Left),
        ];
        columns::table(columns, rows.map(|(lead, row)| row.cells(&lead)))
    }
}

/// Arranges processes below their parents, and threads below their processes.
fn tree(rows: &[Row]) -> Forest<&Row> {
    let indices = rows.iter().enumerate().rev();
    let indices: HashMap<i32, usize> = indices.map(|(index, row)| (row.pid, index)).collect();
    Forest::of(rows.iter().collect(), |row| {
        indices.get(&row.parent()?).copied()
    })
}

impl Row {
    fn of(
        member: &Task,
        with: &[With],
        reader: &mut ProcessReader<'_>,
        insiders: &mut InsideUsers<'_>,
    ) -> Self {
        let number = Pid::as_raw_pid;
        let ids = &member.ids;
        let shared = |wanted: With, ids: &[i32]| {
            let visible = |level: usize| ids.get(level).copied().filter(|&id| id > 0);
            with.contains(&wanted).then(|| Shared {
                inside: visible(member.level),
                outside: visible(0),
            })
        };
        let inside = insiders.user(member.process, member.status.euid);
        // This is read last: it tells whether all that was read is of the same process.
        let (who, is_still) = reader.read_since(member.process, &member.status, None);
        let (uid_inside, user_inside) = if is_still { inside } else { (None, None) };
        Self {
            id: number(member.inside()),
            pid: number(member.outside()),
            process: number(member.process),
            ppid: member.status.ppid.map(number),
            chain: ids.chain.ids().iter().copied().map(number).collect(),
            uid_inside,
            user_inside,
            pgid: shared(With::Pgid, &ids.pgid),
            sid: shared(With::Sid, &ids.sid),
            who,
        }
    }

    /// Returns the id of the process that the row stands below in a tree.
    fn parent(&self) -> Option<i32> {
        if self.pid == self.process {
            self.ppid
        } else {
            Some(self.process)
        }
    }

    /// Returns the cells of all columns. `lead` stands before the command.
    fn cells(&self, lead: &str) -> [String; 9] {
        let number = |id: Option<i32>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let inside = |shared: &Option<Shared>| number(shared.as_ref().and_then(|ids| ids.inside));
        let outside = |shared: &Option<Shared>| number(shared.as_ref().and_then(|ids| ids.outside));
        let command = self.who.command();
        [
            self.id.to_string(),
            self.pid.to_string(),
            inside(&self.pgid),
            outside(&self.pgid),
            inside(&self.sid),
            outside(&self.sid),
            text::named(self.user_inside.as_deref(), self.uid_inside),
            self.who.user(),
            if lead.is_empty() {
                command
            } else {
                format!("{lead} {command}")
            },
        ]
    }
}
