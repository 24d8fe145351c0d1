//! Namespaces one by one, as a list or as a tree.

use super::{
    question::{Found, Question},
    saved::Saved,
    selection::Selection,
    tree::{self, Order, Origins},
};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        column::{NsColumn, USUAL},
        left_out::Hidden,
        system::System,
    },
};
use serde::Serialize;

/// The request to list namespaces.
pub(super) struct Namespaces {
    pub(super) selection: Selection,
    pub(super) columns: Vec<NsColumn>,
    /// The order of a tree; `None` for a list.
    pub(super) order: Option<Order>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<N> {
    version: u32,
    namespaces: N,
    hidden: Hidden,
}

/// Returns the columns that are shown if none are named.
pub(super) fn usual_columns(format: Format) -> Vec<NsColumn> {
    match format {
        Format::Text => USUAL.to_vec(),
        Format::Json | Format::JsonLines => [&USUAL[..], &[NsColumn::Uid, NsColumn::Seen]].concat(),
    }
}

impl Namespaces {
    /// Lists the namespaces of a system.
    pub(super) fn answer(self, system: &System, format: Format) -> Result<Answer, Error> {
        let Self {
            selection,
            columns,
            order,
        } = self;
        let question = selection.question(all_columns(&columns, order), &system.proc)?;
        let question = in_order(question, order);
        let census = question.census(system)?;
        let found = question.answer(&census, system);
        let origins = (order == Some(Order::Process)).then(|| Origins::new(&census, &system.proc));
        show(&found, &columns, order, origins, format)
    }

    /// Lists the namespaces of a census that was saved.
    pub(super) fn answer_from(self, saved: Saved, format: Format) -> Result<Answer, Error> {
        let Self {
            selection,
            columns,
            order,
        } = self;
        let among = selection
            .process
            .as_deref()
            .map(|word| saved.namespaces_of(word))
            .transpose()?;
        let question = selection.question_among(among, all_columns(&columns, order));
        let found = in_order(question, order).answer_from(saved.listing);
        show(&found, &columns, order, None, format)
    }
}

/// Returns the columns that are shown, and those that a tree in this order needs.
fn all_columns(shown: &[NsColumn], order: Option<Order>) -> Vec<NsColumn> {
    [shown, order.map_or(&[][..], Order::columns)].concat()
}

/// Returns the question with what a tree in this order needs.
fn in_order(question: Question, order: Option<Order>) -> Question {
    Question {
        parent: order.and_then(Order::parent),
        ..question
    }
}

fn show(
    found: &Found,
    columns: &[NsColumn],
    order: Option<Order>,
    origins: Option<Origins<'_>>,
    format: Format,
) -> Result<Answer, Error> {
    let Found { listing, left_out } = found;
    let forest = order.map(|order| tree::forest(listing, order, origins));
    let hidden = left_out.hidden();
    let answer = match (format, &forest) {
        (Format::Text, Some(forest)) => Answer::table(tree::table(listing, columns, forest)),
        (Format::Text, None) => Answer::table(listing.table(columns)),
        (Format::JsonLines, _) => Answer::json_lines(listing.objects(columns))?,
        (Format::Json, Some(forest)) => Answer::json(&Document {
            version: 1,
            namespaces: tree::nested(columns, listing, forest),
            hidden,
        })?,
        (Format::Json, None) => Answer::json(&Document {
            version: 1,
            namespaces: listing.objects(columns).collect::<Vec<_>>(),
            hidden,
        })?,
    };
    Ok(answer
        .found(!listing.rows.is_empty())
        .with_notes(left_out.notes()))
}
