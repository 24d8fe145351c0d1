//! `nsx pidmap`: a process's ids in every PID namespace that sees it, and from an id in one of them to the process.

use crate::{
    exit::ExitStatus,
    out::{self, Color, Styles},
    table::{Align, Table},
    target, text,
    who::{Registrar, Who},
};
use clap::Parser;
use nsx_core::{
    pid::{self, Numbering, Pid, Process},
    proc::{ProcError, ProcRoot},
};
use nsx_target::Target;
use serde::Serialize;
use std::{
    error::Error,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

const EXAMPLES: &str = "\
Examples:
  nsx pidmap 12345                its id in each PID namespace that sees it
  nsx pidmap -q 12345             only the numbers
  nsx pidmap --from 12345 1 17    what its PID namespace calls 1 and 17

Exit status: 0 if all were translated, 1 if some were not, 2 for wrong usage or a failure.";

/// Translate process ids between PID namespaces
///
/// Prints a line for each PID namespace that sees the process, the outermost first: LEVEL, how far below this one it is;
/// ID, what the process is called there; NS, the namespace's inode number, `?` where the kernel hides it.
#[derive(Debug, Parser)]
#[command(name = "nsx pidmap", bin_name = "nsx pidmap", after_help = EXAMPLES)]
pub struct Options {
    /// Processes by their ids
    ///
    /// Without --from, PID:INODE is the process only if its pidfd has that inode number.
    #[arg(required = true, value_name = "PID", allow_negative_numbers = true)]
    pids: Vec<OsString>,

    /// Read the ids as the PID namespace of this process counts
    #[arg(long, value_name = "TARGET", allow_negative_numbers = true)]
    from: Option<OsString>,

    /// Print a JSON document
    #[arg(long)]
    json: bool,

    /// Print numbers only: a line for each PID with its ids, or with --from the one that it has here
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    processes: &'a [Row],
}

/// A process and its ids.
#[derive(Serialize)]
struct Row {
    /// The id that was asked for with `--from`.
    from: Option<i32>,
    /// The id in the caller's PID namespace.
    pid: i32,
    /// The ids from the procfs mount's PID namespace to the process's own.
    chain: Vec<i32>,
    /// The PID namespaces of the chain.
    namespaces: Vec<Option<u64>>,
    #[serde(flatten)]
    who: Who,
}

pub(crate) fn run(options: Options) -> ExitStatus {
    let proc = match ProcRoot::system() {
        Ok(proc) => proc,
        Err(errno) => return out::failed("open /proc", &errno),
    };
    print(&options, &proc).unwrap_or_else(|status| status)
}

/// An error is the status to end with, once its reason is on standard error.
fn print(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let mut registrar = Registrar::new(proc);
    let rows: Vec<Row> = match &options.from {
        None => {
            let targets = read_all(&options.pids, Target::parse)?;
            targets.iter().filter_map(|target| by_target(target, &mut registrar)).collect()
        }
        Some(from) => {
            let ids = read_all(&options.pids, pid::parse)?;
            let elsewhere = Elsewhere::of(from, proc)?;
            ids.into_iter().filter_map(|id| elsewhere.row(id, &mut registrar)).collect()
        }
    };
    if options.json {
        out::print_json(&Document { version: 1, processes: &rows })?;
    } else if options.quiet {
        out::print(&rows.iter().map(|row| row.numbers() + "\n").collect::<String>())?;
    } else {
        out::print(&table(&rows, options.from.is_some()).render(&Styles::stdout(options.color), out::width()))?;
    }
    Ok(if rows.len() == options.pids.len() { ExitStatus::SUCCESS } else { ExitStatus::NO_MATCH })
}

/// Reads all words before anything is looked up, so that wrong usage is all that is said.
fn read_all<T, E: Error>(words: &[OsString], parse: fn(&[u8]) -> Result<T, E>) -> Result<Vec<T>, ExitStatus> {
    let read = |word: &OsString| {
        parse(word.as_bytes()).map_err(|error| {
            out::error(&format!("{}: {error}", out::shown(word)));
            ExitStatus::FAILURE
        })
    };
    words.iter().map(read).collect()
}

/// The row of the process that has this name here; none once the reason is said.
fn by_target(target: &Target, registrar: &mut Registrar) -> Option<Row> {
    let process = nsx_target::find(target).map_err(|error| target::say(&error)).ok()?.process;
    let failed = |error| out::failed(&format!("find process {}", text::escape(target.to_string().as_bytes())), &error);
    Row::of(&process, None, registrar).map_err(failed).ok()
}

/// The PID namespace of a process that was named.
struct Elsewhere {
    target: Pid,
    numbering: Numbering,
}

impl Elsewhere {
    fn of(word: &OsStr, proc: &ProcRoot) -> Result<Self, ExitStatus> {
        let process = nsx_target::resolve(word).map_err(|error| target::failed(&error))?.process;
        let target = process.pid();
        let numbering = Numbering::of(&process, proc)
            .map_err(|error| out::failed(&format!("open the PID namespace of process {target}"), &error))?;
        Ok(Self { target, numbering })
    }

    /// The row of the process that has this id there; none once the reason is said.
    fn row(&self, id: Pid, registrar: &mut Registrar) -> Option<Row> {
        let process = self.numbering.find(id, registrar.proc());
        let row = process.and_then(|process| Row::of(&process, Some(id), registrar));
        let act = || format!("find process {id} of the PID namespace that process {} is in", self.target);
        row.map_err(|error| out::failed(&act(), &error)).ok()
    }
}

impl Row {
    fn of(process: &Process, from: Option<Pid>, registrar: &mut Registrar) -> Result<Self, ProcError> {
        let proc = registrar.proc();
        let shown = process.pid_in(proc)?;
        let status = proc.status(shown, &mut Vec::new())?;
        let levels = pid::levels(proc, shown, &status.chain);
        let who = registrar.who_has(shown, &status);
        if process.ended() {
            return Err(ProcError::Vanished);
        }
        Ok(Self {
            from: from.map(Pid::as_raw_pid),
            pid: process.pid().as_raw_pid(),
            chain: levels.iter().map(|level| level.pid.as_raw_pid()).collect(),
            namespaces: levels.iter().map(|level| level.ns.map(|ns| ns.inode)).collect(),
            who,
        })
    }

    /// What `-q` prints.
    fn numbers(&self) -> String {
        match self.from {
            Some(_) => self.pid.to_string(),
            None => self.chain.iter().map(i32::to_string).collect::<Vec<_>>().join(" "),
        }
    }
}

/// A line a level, because the chain of a process a few levels deep with its namespaces is wider than a terminal.
fn table(rows: &[Row], with_from: bool) -> Table {
    let columns = [
        ("FROM", Align::Right),
        ("PID", Align::Right),
        ("LEVEL", Align::Right),
        ("ID", Align::Right),
        ("NS", Align::Right),
        ("USER", Align::Left),
        ("COMMAND", Align::Left),
    ];
    let mut table = Table::new(&columns[usize::from(!with_from)..]);
    for row in rows {
        for (level, (id, ns)) in row.chain.iter().zip(&row.namespaces).enumerate() {
            // What is said of the whole process stands in its first line.
            let once = |cell: String| if level == 0 { cell } else { String::new() };
            let ns = ns.map_or_else(|| text::UNKNOWN.to_owned(), |ns| ns.to_string());
            let mut cells = vec![once(row.pid.to_string()), level.to_string(), id.to_string(), ns];
            cells.extend([once(row.who.user()), once(row.who.command())]);
            if let Some(from) = row.from {
                cells.insert(0, once(from.to_string()));
            }
            table.row(cells);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(from: Option<i32>) -> Row {
        let namespaces = vec![Some(4_026_531_836), None, Some(4_026_532_177)];
        Row { from, pid: 12345, chain: vec![12345, 17, 1], namespaces, who: Who::default() }
    }

    #[test]
    fn each_level_has_its_line() {
        let text = table(&[row(None)], false).render(&Styles::default(), Some(80));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "  PID LEVEL    ID         NS USER COMMAND",
                "12345     0 12345 4026531836 ?    ?",
                "          1    17          ?",
                "          2     1 4026532177",
            ]
        );
        let text = table(&[row(Some(1))], true).render(&Styles::default(), Some(80));
        assert!(text.starts_with("FROM   PID LEVEL    ID"));
        assert!(text.contains("\n   1 12345     0 12345"));
    }

    #[test]
    fn numbers_are_those_that_were_asked_for() {
        assert_eq!(row(None).numbers(), "12345 17 1");
        assert_eq!(row(Some(1)).numbers(), "12345");
    }

    #[test]
    fn options_are_read() {
        let read = |words: &[&str]| Options::try_parse_from([&["nsx pidmap"], words].concat());
        assert!(read(&[]).is_err());
        assert!(read(&["1", "-q", "--json"]).is_err());
        assert_eq!(read(&["-5", "1:2"]).unwrap().pids, ["-5", "1:2"]);
        assert_eq!(read(&["--from", "7", "1"]).unwrap().from.unwrap(), "7");
    }
}
