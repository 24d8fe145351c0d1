//! The processes that a PID namespace sees, each with what the process and its user are called
//! inside and here.

use super::{Options, With, namespace, tree};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        inside::Insiders,
        who::{Registrar, Who},
    },
    table::{Align, Table},
    text,
};
use nsx_core::{
    census::{Task, Visible},
    pid::{Numbering, Pid},
    proc::ProcRoot,
};
use serde::Serialize;

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
    /// The process that it belongs to: itself, but for a further thread.
    process: i32,
    /// Its parent, where that is visible here.
    ppid: Option<i32>,
    /// Its ids from the procfs mount's PID namespace to its own.
    chain: Vec<i32>,
    /// Its effective user, as its own user namespace counts; none where that is not mapped.
    uid_inside: Option<u32>,
    /// The name that the /etc/passwd that it sees has for it.
    #[serde(serialize_with = "text::lossy")]
    user_inside: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pgid: Option<Shared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Shared>,
    #[serde(flatten)]
    who: Who,
}

/// An id that it shares, inside and here; none where it is not visible.
#[derive(Serialize)]
struct Shared {
    inside: Option<i32>,
    outside: Option<i32>,
}

/// Lists the processes. An error is the status to end with, once its reason is said.
pub(super) fn list(
    options: &Options,
    proc: &ProcRoot,
    of: &Numbering,
) -> Result<ExitStatus, ExitStatus> {
    if options.quiet || options.from.is_some() || options.to.is_some() {
        out::error("a list of processes cannot be combined with --quiet, --from or --to");
        return Err(ExitStatus::FAILURE);
    }
    let mut members = Visible::find(proc, of, options.tasks())
        .map_err(|errno| out::failed(&format!("list the processes of {}", of.id()), &errno))?;
    members.tasks.sort_by_key(|task| task.inside().as_raw_pid());
    let mut registrar = Registrar::new(proc);
    let mut insiders = Insiders::new(proc);
    let rows: Vec<Row> = members
        .tasks
        .iter()
        .map(|member| Row::of(member, options, &mut registrar, &mut insiders))
        .collect();
    let hidden = members.unseen.hidden();
    let status = if rows.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    };
    if rows.is_empty() {
        out::note(&format!(
            "{} has no processes that can be seen: where its first process has ended, there are \
            none",
            of.id()
        ));
    }
    if options.json {
        out::print_json(&Document {
            version: 1,
            ns: of.id().inode,
            processes: rows,
            hidden,
        })?;
    } else if options.json_lines {
        out::print_json_lines(&rows)?;
    } else {
        out::print(&table(&rows, options).render(&Styles::stdout(options.color), out::width()))?;
    }
    if hidden > 0 {
        let processes = if hidden == 1 { "process" } else { "processes" };
        out::note(&format!(
            "{hidden} {processes} may belong here, but could not be read; root may see more"
        ));
    }
    if let Ok(own) = Numbering::own(proc) {
        namespace::note_limits(&own);
    }
    Ok(status)
}

impl Row {
    fn of(
        member: &Task,
        options: &Options,
        registrar: &mut Registrar<'_>,
        insiders: &mut Insiders<'_>,
    ) -> Self {
        let number = Pid::as_raw_pid;
        let ids = &member.ids;
        let shared = |wanted: With, ids: &[i32]| {
            let visible = |level: usize| ids.get(level).copied().filter(|&id| id > 0);
            options.shows(wanted).then(|| Shared {
                inside: visible(member.level),
                outside: visible(0),
            })
        };
        let inside = insiders.user(member.process, member.status.euid);
        // After all that was read of it.
        let (who, is_still) = registrar.who_was(member.process, &member.status, None);
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

    /// Below whom it stands in a tree.
    fn parent(&self) -> Option<i32> {
        if self.pid == self.process {
            self.ppid
        } else {
            Some(self.process)
        }
    }
}

fn table(rows: &[Row], options: &Options) -> Table {
    let (pgid, sid) = (options.shows(With::Pgid), options.shows(With::Sid));
    let shown = [
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
    let columns: Vec<_> = shown
        .iter()
        .filter(|(shown, ..)| *shown)
        .map(|&(_, name, align)| (name, align))
        .collect();
    let mut table = Table::new(&columns);
    let ids: Vec<_> = rows.iter().map(|row| (row.pid, row.parent())).collect();
    let order = if options.tree {
        tree::arrange(&ids)
    } else {
        (0..rows.len())
            .map(|row| tree::Branch {
                row,
                lines: String::new(),
            })
            .collect()
    };
    for tree::Branch { row, lines } in order {
        let row = &rows[row];
        let number = |id: Option<i32>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let inside = |shared: &Option<Shared>| number(shared.as_ref().and_then(|ids| ids.inside));
        let outside = |shared: &Option<Shared>| number(shared.as_ref().and_then(|ids| ids.outside));
        let cells = [
            row.id.to_string(),
            row.pid.to_string(),
            inside(&row.pgid),
            outside(&row.pgid),
            inside(&row.sid),
            outside(&row.sid),
            text::named(row.user_inside.as_deref(), row.uid_inside),
            row.who.user(),
            lines + &row.who.command(),
        ];
        table.row(
            cells
                .iter()
                .zip(&shown)
                .filter(|(_, (shown, ..))| *shown)
                .map(|(cell, _)| cell),
        );
    }
    table
}
