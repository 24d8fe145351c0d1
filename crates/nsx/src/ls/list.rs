//! Namespaces one by one: as rows, as a tree, as JSON.

use super::{
    Columns, Hidden, Options,
    column::{self, Column},
    listing::{Listing, Question},
    report,
    tree::{self, Order},
};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    table::{Align, Table},
};
use nsx_core::proc::ProcRoot;
use serde::Serialize;

/// Shows them. An error is the status to end with, once its reason is on standard error.
pub(super) fn show(options: &Options, proc: &ProcRoot) -> Result<ExitStatus, ExitStatus> {
    let columns = match &options.output {
        Some(Columns(columns)) => columns.clone(),
        None if options.json || options.json_lines => [&column::USUAL[..], &[Column::Uid]].concat(),
        None => column::USUAL.to_vec(),
    };
    let asked = options.tree.map_or(&[][..], Order::columns);
    let question = Question::of(options, [&columns[..], asked].concat(), proc)?;
    let failed = |errno| out::failed("list the processes", &errno);
    let listing = question.ask(proc).map_err(failed)?;
    match options.tree {
        Some(order) => {
            let forest = tree::forest(&listing, order, proc).map_err(failed)?;
            if options.json {
                document(tree::nested(&columns, &listing, &forest), &listing)?;
            } else {
                let table = tree::table(&listing, &columns, &forest);
                out::print(&table.render(&Styles::stdout(options.color), out::width()))?;
            }
        }
        None if options.json => document(listing.objects(&columns).collect::<Vec<_>>(), &listing)?,
        None if options.json_lines => out::print_json_lines(listing.objects(&columns))?,
        None => out::print(&listing.table(&columns).render(&Styles::stdout(options.color), out::width()))?,
    }
    if !options.quiet {
        report(listing.unseen);
    }
    Ok(if listing.rows.is_empty() { ExitStatus::NO_MATCH } else { ExitStatus::SUCCESS })
}

fn document(namespaces: impl Serialize, listing: &Listing) -> Result<(), ExitStatus> {
    out::print_json(&Document { version: 1, namespaces, hidden: listing.unseen.into() })
}

/// The JSON document.
#[derive(Serialize)]
struct Document<N> {
    version: u32,
    namespaces: N,
    hidden: Hidden,
}

/// Lists the columns that there are.
pub(super) fn columns(options: &Options) -> Result<(), ExitStatus> {
    let mut table = Table::new(&[("COLUMN", Align::Left), ("COSTS", Align::Left), ("SAYS", Align::Left)]);
    for column in Column::all() {
        let spec = column.spec();
        table.row([spec.name, spec.cost, spec.about].map(str::to_owned).to_vec());
    }
    out::print(&table.render(&Styles::stdout(options.color), out::width()))
}

