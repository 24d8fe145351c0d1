//! `nsx ls`: the namespaces of a host, those of one process, what keeps one of them, or the
//! processes in nested PID namespaces.

mod action;
mod census;
mod destination;
mod diff;
mod fate;
pub(crate) mod graph;
mod groups;
mod holders;
mod identity;
mod named;
mod namespaces;
mod operand;
mod options;
mod pid_tree;
mod process;
mod processes;
mod question;
mod relation;
mod revisit;
mod row_groups;
mod save;
mod saved;
pub(crate) mod saved_error;
mod selection;
mod target;
mod tree;
mod watch;
mod why;

pub use census::render as census;
pub use options::Options;

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    query::{
        column::{NsColumn, ProcessColumn},
        descriptions,
        system::{Procfs, System, show},
    },
};
use action::Action;
use saved::Saved;
use selection::Source;

/// Runs the action that the options request.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, format, output) = options.action()?;
    let answer = match action {
        Action::Columns { of_processes: true } => descriptions::answer::<ProcessColumn>(format),
        Action::Columns {
            of_processes: false,
        } => descriptions::answer::<NsColumn>(format),
        Action::Namespaces(source, request) => match source {
            Source::Live(procfs) => list(&procfs, |system| request.answer(system, format)),
            Source::Saved(file) => request.answer_from(Saved::read(&file)?, format),
        },
        Action::Groups(source) => match source {
            Source::Live(procfs) => list(&procfs, |system| groups::answer(system, format)),
            Source::Saved(file) => Saved::read(&file)?.groups(format),
        },
        Action::Target(source, request) => match source {
            Source::Live(procfs) => show(&procfs, |system| request.answer(system, format)),
            Source::Saved(file) => request.answer_from(Saved::read(&file)?, format),
        },
        Action::Why(source, word) => match source {
            Source::Live(procfs) => show(&procfs, |system| why::answer(&word, system, format)),
            Source::Saved(file) => Saved::read(&file)?.holders(&word, true, format),
        },
        Action::Processes(source, request) => match source {
            Source::Live(procfs) => list(&procfs, |system| request.answer(system, format)),
            Source::Saved(file) => Saved::read(&file)?.processes(request, format),
        },
        Action::PidTree(procfs, request) => {
            list(&procfs, |system| pid_tree::answer(&request, system, format))
        }
        Action::Graph(source, request) => match source {
            Source::Live(procfs) => list(&procfs, |system| request.answer(system)),
            Source::Saved(file) => request.answer_from(Saved::read(&file)?),
        },
        Action::Watch(request) => {
            return show(&Procfs::Own, |system| {
                request.follow(system, format, &output)
            });
        }
        Action::Save(procfs, file) => list(&procfs, |system| save::answer(&file, system)),
        Action::Diff {
            before,
            after,
            details,
        } => {
            let before = Saved::read(&before)?;
            match after {
                Source::Live(procfs) => list(&procfs, |system| {
                    diff::answer(&before, &Saved::now(system)?, details, format)
                }),
                Source::Saved(file) => diff::answer(&before, &Saved::read(&file)?, details, format),
            }
        }
    };
    output.print(answer?)
}

/// Answers with a list of what is on a system, and notes whether the system hides processes.
fn list(
    procfs: &Procfs,
    answer: impl FnOnce(&System) -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    show(procfs, |system| {
        let hidden = system
            .proc
            .hides_processes()
            .then_some("/proc does not show the processes of other users (hidepid)");
        Ok(answer(system)?.with_notes(hidden))
    })
}
