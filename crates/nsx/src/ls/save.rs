//! Saves a census of everything.

use super::{
    destination, groups,
    holders::Holders,
    question::{Found, Question},
    saved::{self, More, Process},
    saved_error::{STANDARD, SavedError},
    why,
};
use crate::{
    answer::Answer,
    error::Error,
    query::{
        column::{Column, ProcessColumn},
        finder::CellFinder,
        system::System,
    },
};
use nsx_core::{
    census::{Census, Living, Residents},
    ns::NsKind,
};
use std::path::Path;

/// Saves a census of a system to a file, or prints it.
pub(super) fn answer(file: &Path, system: &System) -> Result<Answer, Error> {
    let question = Question::everything();
    let census = question.census(system)?;
    let Found { listing, left_out } = question.answer(&census, system);
    let content = saved::content(&listing, &more(&census, system)?, &system.proc)
        .map_err(|error| Error::failed("write JSON", error))?;
    let answer = if file == Path::new(STANDARD) {
        Answer::text(content)
    } else {
        destination::write(file, content.as_bytes())
            .map_err(|error| SavedError::Write(file.to_owned(), error))?;
        Answer::of(Vec::new())
    };
    Ok(answer.with_notes(left_out.notes()))
}

/// Collects what is saved beside the namespaces.
fn more(census: &Census, system: &System) -> Result<More, Error> {
    let groups = groups::rows(census, system);
    let groups: Result<_, _> = groups.iter().map(serde_json::to_value).collect();
    let mut holders = Holders::new(census, system);
    let held = census
        .namespaces
        .iter()
        .map(|entry| (entry.ns, why::held(entry, &mut holders)));
    Ok(More {
        processes: processes(census, system)?,
        groups: groups.map_err(|error| Error::failed("write JSON", error))?,
        held: held.collect(),
    })
}

fn processes(census: &Census, system: &System) -> Result<Vec<Process>, Error> {
    let mut finder = CellFinder::new(system);
    let found = Residents::find(&system.proc, Living::Anywhere)
        .map_err(|errno| Error::failed("list the processes", errno))?;
    let mut processes = Vec::with_capacity(found.processes.len());
    for process in &found.processes {
        let member = census.member(process.pid);
        processes.push(Process {
            cells: ProcessColumn::all()
                .map(|column| finder.of_resident(process, column))
                .collect(),
            namespaces: NsKind::ALL
                .into_iter()
                .filter_map(|kind| member?.ns(kind))
                .collect(),
        });
    }
    Ok(processes)
}
