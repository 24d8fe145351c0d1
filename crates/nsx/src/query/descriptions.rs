//! The columns that a list may have, each with its meaning and its cost.

use super::column::Column;
use crate::{
    answer::{Answer, Format},
    error::Error,
    table::{Align, Table},
};
use serde::Serialize;

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    columns: Vec<Description>,
}

/// A column.
#[derive(Serialize)]
struct Description {
    name: &'static str,
    costs: &'static str,
    says: &'static str,
}

/// Lists the columns.
pub(crate) fn answer<C: Column>(format: Format) -> Result<Answer, Error> {
    let columns = C::all().map(Column::spec).map(|spec| Description {
        name: spec.name,
        costs: spec.cost,
        says: spec.about,
    });
    if format == Format::Json {
        return Answer::json(&Document {
            version: 1,
            columns: columns.collect(),
        });
    }
    let mut table = Table::new(&[
        ("COLUMN", Align::Left),
        ("COSTS", Align::Left),
        ("SAYS", Align::Left),
    ]);
    for column in columns {
        table.row([column.name, column.costs, column.says]);
    }
    Ok(Answer::table(table.wrapped()))
}
