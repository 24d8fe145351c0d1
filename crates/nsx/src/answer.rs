//! The answer of a command that lists or translates, in the format that was requested.
//!
//! An answer knows no terminal: [`Output`](crate::out::Output) renders it.

use crate::{error::Error, paragraph::Paragraph, table::Table, text::escape_json};
use serde::Serialize;

/// The format of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences, for people.
    #[default]
    Text,
    /// A JSON document.
    Json,
    /// A line of JSON for each row.
    JsonLines,
}

impl Format {
    /// The format that these options request; clap refuses both.
    pub(crate) fn of(json: bool, json_lines: bool) -> Self {
        match (json, json_lines) {
            (true, _) => Self::Json,
            (false, true) => Self::JsonLines,
            (false, false) => Self::Text,
        }
    }
}

/// An answer. It is printed in this order.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Failures that concern a part of the question, such as one of several ids.
    pub(crate) errors: Vec<Error>,
    /// The parts of the answer itself, for standard output.
    pub(crate) parts: Vec<Part>,
    /// Remarks that `--quiet` drops, such as on what could not be seen.
    pub(crate) notes: Vec<String>,
    /// `false` if nothing, or not all of it, was found; the exit status says so.
    pub(crate) found: bool,
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    /// A table or a tree.
    Table(Table),
    /// Sentences that fit a terminal.
    Paragraphs(Vec<Paragraph>),
    /// Lines of text or JSON.
    Text(String),
}

impl Answer {
    /// A table. Something was found if it has rows.
    pub(crate) fn table(table: Table) -> Self {
        Self {
            found: !table.is_empty(),
            ..Self::of(vec![Part::Table(table)])
        }
    }

    /// Text that ends with a line feed.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::of(vec![Part::Text(text.into())])
    }

    /// Tables and texts, one below the other.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        Self {
            parts,
            found: true,
            ..Self::default()
        }
    }

    /// A JSON document.
    pub(crate) fn json(document: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string_pretty(document).map_err(unwritten)?;
        Ok(Self::text(escape_json(text) + "\n"))
    }

    /// A line of JSON for each row.
    pub(crate) fn json_lines(
        rows: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Self, Error> {
        json_lines(rows).map(Self::text)
    }

    /// Sets whether something, or all of it, was found.
    pub(crate) fn found(self, found: bool) -> Self {
        Self { found, ..self }
    }

    /// Adds remarks that `--quiet` drops.
    pub(crate) fn with_notes(mut self, notes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.notes.extend(notes.into_iter().map(Into::into));
        self
    }
}

/// Returns one line of JSON for each row.
pub(crate) fn json_lines(rows: impl IntoIterator<Item = impl Serialize>) -> Result<String, Error> {
    let mut text = String::new();
    for row in rows {
        text += &serde_json::to_string(&row).map_err(unwritten)?;
        text.push('\n');
    }
    Ok(escape_json(text))
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::failed("write JSON", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_and_ends_with_a_line_feed() {
        let text = |answer: Result<Answer, Error>| match answer.unwrap().parts.as_slice() {
            [Part::Text(text)] => text.clone(),
            parts => panic!("{parts:?}"),
        };
        assert_eq!(text(Answer::json(&["\u{202e}"])), "[\n  \"\\u202e\"\n]\n");
        assert_eq!(text(Answer::json_lines([1, 2])), "1\n2\n");
    }
}
