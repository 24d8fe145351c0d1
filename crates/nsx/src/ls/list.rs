//! Namespaces one by one: as rows, as a tree, as JSON.

use super::{
    Hidden, Options, diff, graph, grouped,
    holders::Holders,
    left_out::LeftOut,
    listing::{Answer, Question},
    revisit,
    saved::{self, More, Process, Saved},
    tree::{self, Order, Origins},
    why,
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::{
        column::{Column, Columns, USUAL},
        finder::Finder,
        process_column::ProcessColumn,
        system::System,
    },
    table::{Align, Table},
};
use nsx_core::{
    census::{Census, Living, Resident, Residents, Sources},
    ns::NsKind,
    pid::Pid,
};
use serde::Serialize;
use std::path::PathBuf;

/// Shows them. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    let columns = match options.columns(&USUAL)? {
        Some(columns) => columns,
        None if options.json || options.json_lines => {
            [&USUAL[..], &[Column::Uid, Column::Seen]].concat()
        }
        None => USUAL.to_vec(),
    };
    let asked = options.tree.map_or(&[][..], Order::columns);
    let question = question(options, [&columns[..], asked].concat(), system)?;
    let (Answer { listing, left_out }, census) = answer(options, &question, system)?;
    match options.tree {
        Some(Order::Process) if census.is_none() => {
            out::error(tree::NOT_SAVED);
            return Err(ExitStatus::FAILURE);
        }
        Some(order) => {
            let origins = census.as_ref().filter(|_| order == Order::Process);
            let forest = tree::forest(
                &listing,
                order,
                origins.map(|census| Origins::new(census, &system.proc)),
            );
            if options.json {
                document(tree::nested(&columns, &listing, &forest), &left_out)?;
            } else {
                let table = tree::table(&listing, &columns, &forest);
                out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
            }
        }
        None if options.json => document(listing.objects(&columns).collect::<Vec<_>>(), &left_out)?,
        None if options.json_lines => {
            out::print_json_lines(&listing.objects(&columns).collect::<Vec<_>>())?
        }
        None => out::print(
            &listing
                .table(&columns)
                .render(&Styles::stdout(options.color), out::width()),
        )?,
    }
    if !options.quiet {
        left_out.report();
    }
    Ok(if listing.rows.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    })
}

/// Returns the question that the options ask, with what their tree needs.
fn question(
    options: &Options,
    columns: Vec<Column>,
    system: &System,
) -> Result<Question, ExitStatus> {
    let question = Question::of(options, columns, &system.proc)?;
    let sources = question
        .sources
        .with(options.tree.map_or(Sources::NONE, Order::sources));
    let above = match options.tree {
        Some(order @ (Order::Owner | Order::Parent)) => order.columns().last().copied(),
        Some(Order::Process | Order::Pid) | None => None,
    };
    Ok(Question {
        sources,
        above,
        ..question
    })
}

/// The rows that are asked for, from now, with the census that has them, or from what was saved.
fn answer(
    options: &Options,
    question: &Question,
    system: &System,
) -> Result<(Answer, Option<Census>), ExitStatus> {
    if let Some(file) = &options.from {
        let saved = Saved::read(file)?;
        let among = match &options.task {
            Some(task) => Some(revisit::namespaces_of(&saved, task)?),
            None => None,
        };
        return Ok((question.answer_from(saved.listing, among.as_deref()), None));
    }
    let census = question.census(&system.proc)?;
    Ok((question.answer(&census, system), Some(census)))
}

/// Draws them.
pub(super) fn draw(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    let Some(language) = options.graph else {
        return Ok(ExitStatus::NO_MATCH);
    };
    let question = Question::of(
        options,
        [&graph::COLUMNS[..], Order::Owner.columns()].concat(),
        &system.proc,
    )?;
    let question = Question {
        sources: question.sources.with(Sources::MEMBERS),
        ..question
    };
    let (Answer { listing, left_out }, census) = answer(options, &question, system)?;
    let forest = tree::forest(&listing, Order::Owner, None);
    let namespaces_of = |pid: u64| {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let member = pid.and_then(|pid| census.as_ref()?.member(pid));
        member.map_or_else(Vec::new, |member| {
            NsKind::ALL
                .into_iter()
                .filter_map(|kind| member.ns(kind))
                .collect()
        })
    };
    out::print(&graph::draw(language, &listing, &forest, namespaces_of))?;
    if !options.quiet {
        left_out.report();
    }
    Ok(if listing.rows.is_empty() {
        ExitStatus::NO_MATCH
    } else {
        ExitStatus::SUCCESS
    })
}

/// Saves what is there now, or compares it, or what was saved, with what was saved before.
pub(super) fn keep(options: &Options, system: &System) -> Result<ExitStatus, ExitStatus> {
    let now = || {
        let question = Question {
            sources: Sources::ALL,
            ..Question::of(options, Column::all().collect(), &system.proc)?
        };
        let census = question.census(&system.proc)?;
        Ok::<_, ExitStatus>((question.answer(&census, system), census))
    };
    if let Some(file) = &options.save {
        let (Answer { listing, left_out }, census) = now()?;
        saved::save(&listing, &more(&census, system)?, file, &system.proc)?;
        if !options.quiet {
            left_out.report();
        }
        return Ok(ExitStatus::SUCCESS);
    }
    let read = |file: &PathBuf| Saved::read(file);
    let Some(before) = options.diff.as_ref().map(read).transpose()? else {
        return Ok(ExitStatus::NO_MATCH);
    };
    let after = match &options.from {
        Some(file) => Saved::read(file)?,
        None => Saved::now(now()?.0.listing, &system.proc),
    };
    diff::show(options, &before, &after)
}

/// Collects what a census tells beside its namespaces.
fn more(census: &Census, system: &System) -> Result<More, ExitStatus> {
    let found = Residents::find(&system.proc, Living::Anywhere);
    let found = found.map_err(|errno| out::failed("list the processes", &errno))?;
    let mut finder = Finder::new(system);
    let process = |resident: &Resident| {
        let member = census.member(resident.pid);
        let namespaces = NsKind::ALL
            .into_iter()
            .filter_map(|kind| member?.ns(kind))
            .collect();
        Process {
            cells: ProcessColumn::all()
                .map(|column| finder.of_resident(resident, column))
                .collect(),
            namespaces,
        }
    };
    let processes = found.processes.iter().map(process).collect();
    let failed = |error: serde_json::Error| out::failed("write JSON", &error);
    let groups = grouped::rows(census, system)
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let mut holders = Holders::new(census, system);
    let held = census
        .namespaces
        .iter()
        .map(|entry| (entry.ns, why::held(entry, &mut holders)))
        .collect();
    Ok(More {
        processes,
        groups,
        held,
    })
}

fn document(namespaces: impl Serialize, left_out: &LeftOut) -> Result<(), ExitStatus> {
    out::print_json(&Document {
        version: 1,
        namespaces,
        hidden: left_out.hidden(),
    })
}

/// The JSON document.
#[derive(Serialize)]
struct Document<N> {
    version: u32,
    namespaces: N,
    hidden: Hidden,
}

/// The JSON document of the columns.
#[derive(Serialize)]
struct Catalog {
    version: u32,
    columns: Vec<Described>,
}

/// A column.
#[derive(Serialize)]
struct Described {
    name: &'static str,
    costs: &'static str,
    says: &'static str,
}

/// Lists the columns that there are.
pub(super) fn columns<C: Columns>(options: &Options) -> Result<(), ExitStatus> {
    if options.json {
        let columns = C::all().map(Columns::spec);
        let columns = columns.map(|spec| Described {
            name: spec.name,
            costs: spec.cost,
            says: spec.about,
        });
        return out::print_json(&Catalog {
            version: 1,
            columns: columns.collect(),
        });
    }
    let mut table = Table::new(&[
        ("COLUMN", Align::Left),
        ("COSTS", Align::Left),
        ("SAYS", Align::Left),
    ]);
    for column in C::all() {
        let spec = column.spec();
        table.row([spec.name, spec.cost, spec.about]);
    }
    // Sentences are for reading: a terminal breaks what is too wide for it.
    out::print(&table.render(&Styles::stdout(options.color), None))
}
