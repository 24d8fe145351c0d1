//! The three forms of output: a table, raw cells, and JSON.

use super::{
    columns::Column,
    json::{self, Object},
    options::{Format, Options},
    rows::{Cell, Row},
    text::{self, Art, Heading, Layout, Line},
    words::{self, Display},
};
use crate::out;
use std::{env, io::IsTerminal, os::unix::ffi::OsStringExt};

/// The width of a terminal that does not tell its own.
const TERMINAL_WIDTH: usize = 80;

/// Returns the rows as text: aligned, or raw.
pub(super) fn table(rows: &[Row], options: &Options, drawn: Option<Column>) -> String {
    let variable = |name: &str| env::var_os(name).map(OsStringExt::into_vec);
    let terminal = std::io::stdout().is_terminal();
    let display = Display {
        utf8: words::is_utf8(variable),
        terminal,
    };
    let heading = |&column: &Column| Heading {
        name: column.name(),
        right: column.is_right(),
        hint: column.hint(),
        cut: column == Column::Command,
        tree: drawn == Some(column),
    };
    let headings: Vec<_> = options.columns.iter().map(heading).collect();
    let raw = options.format == Format::Raw;
    let word = |bytes: &[u8]| {
        if raw {
            words::raw(bytes)
        } else {
            words::plain(bytes, display)
        }
    };
    let cell = |cell: Cell<'_>| match cell {
        Cell::Nothing => vec![String::new()],
        Cell::Number(number) => vec![number.to_string()],
        Cell::Text(text) => vec![word(text)],
        Cell::Owned(text) => vec![word(text.as_bytes())],
        Cell::Lines(lines) if options.no_wrapping => vec![word(&lines.join(&b','))],
        Cell::Lines(lines) => lines.iter().map(|line| word(line)).collect(),
    };
    let line = |row: &Row| Line {
        cells: options
            .columns
            .iter()
            .map(|&column| cell(row.cell(column)))
            .collect(),
        parent: row.parent,
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    let width =
        (terminal && !options.no_truncation).then(|| out::width().unwrap_or(TERMINAL_WIDTH));
    let layout = Layout {
        art: Art::new(display.utf8),
        headings: !options.no_headings,
        width,
    };
    if raw {
        text::raw(&headings, &lines, layout)
    } else {
        text::table(&headings, &lines, layout)
    }
}

/// Returns the rows as a JSON document.
pub(super) fn document(rows: &[Row], options: &Options, drawn: Option<Column>) -> String {
    let columns = &options.columns;
    let between = if options.no_wrapping { b',' } else { b'\n' };
    let value = |cell: Cell<'_>| match cell {
        Cell::Nothing => "null".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => json::string(text),
        Cell::Owned(text) => json::string(text.as_bytes()),
        Cell::Lines(lines) => json::string(&lines.join(&between)),
    };
    let member =
        |row: &Row, column: Column| (column.name().to_ascii_lowercase(), value(row.cell(column)));
    // Objects are nested only if the column of the tree is shown.
    let nested = drawn.is_some_and(|column| columns.contains(&column));
    let object = |row: &Row| Object {
        members: columns.iter().map(|&column| member(row, column)).collect(),
        parent: row.parent.filter(|_| nested),
    };
    json::document(
        "namespaces",
        &rows.iter().map(object).collect::<Vec<_>>(),
        style(),
    )
}

/// Returns the list of all columns.
pub(super) fn columns(format: Format) -> String {
    let rows = Column::ALL.map(|column| {
        let kind = if column.is_number() {
            "<integer>"
        } else {
            "<string>"
        };
        [
            ("holder", column.name()),
            ("type", kind),
            ("description", column.description()),
        ]
    });
    if format == Format::Json {
        let member =
            |(name, value): (&str, &str)| (name.to_owned(), json::string(value.as_bytes()));
        let objects = rows.map(|row| Object {
            members: row.map(member).to_vec(),
            parent: None,
        });
        return json::document("lsns-columns", &objects, style());
    }
    let raw = format == Format::Raw;
    let word = |text: &str| {
        if raw {
            words::raw(text.as_bytes())
        } else {
            text.to_owned()
        }
    };
    let lines = rows.map(|row| Line {
        cells: row.map(|(_, value)| vec![word(value)]).to_vec(),
        parent: None,
    });
    let heading = |name, right| Heading {
        name,
        right,
        hint: 0,
        cut: false,
        tree: false,
    };
    let headings = [
        heading("HOLDER", true),
        heading("TYPE", false),
        heading("DESCRIPTION", false),
    ];
    let layout = Layout {
        art: Art::new(false),
        headings: false,
        width: None,
    };
    if raw {
        text::raw(&headings, &lines, layout)
    } else {
        text::table(&headings, &lines, layout)
    }
}

fn style() -> json::Style {
    json::Style::named(
        env::var_os("LIBSMARTCOLS_JSON")
            .map(OsStringExt::into_vec)
            .as_deref(),
    )
}
