//! Tables for people: a header, columns as wide as they need, the last one cut at the terminal's edge.

use crate::out::Styles;
use unicode_width::UnicodeWidthChar;

/// Which side of a column its cells stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a header. Cells are text that is safe to show, see [`crate::text::escape`].
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, with no line wider than `width` if there is one. Nothing where there is no row.
    pub fn render(&self, styles: &Styles, width: Option<usize>) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column, (heading, _))| {
                let cells = self.rows.iter().map(|row| columns_of(&row[column]));
                cells.max().unwrap_or(0).max(columns_of(heading))
            })
            .collect();
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let mut heading = String::new();
        self.line(&mut heading, &headings, &widths, width);
        let mut text = format!("{}\n", styles.heading.style(heading));
        for row in &self.rows {
            self.line(&mut text, row, &widths, width);
            text.push('\n');
        }
        text
    }

    /// Adds a line to the text.
    fn line(&self, text: &mut String, cells: &[String], widths: &[usize], width: Option<usize>) {
        let start = text.len();
        for (place, ((cell, &column_width), (_, align))) in cells.iter().zip(widths).zip(&self.columns).enumerate() {
            if place > 0 {
                text.push(' ');
            }
            let padding = column_width.saturating_sub(columns_of(cell));
            if *align == Align::Right {
                pad(text, padding);
            }
            text.push_str(cell);
            // What would stand behind the last cell is cut off again.
            if *align == Align::Left && place + 1 < cells.len() {
                pad(text, padding);
            }
        }
        let line = &text[start..];
        let line = width.map_or(line, |width| cut(line, width));
        let end = start + line.trim_end().len();
        text.truncate(end);
    }
}

fn pad(text: &mut String, mut columns: usize) {
    const SPACES: &str = "                                ";
    while columns > 0 {
        let some = columns.min(SPACES.len());
        text.push_str(&SPACES[..some]);
        columns -= some;
    }
}

/// Columns of a terminal that `text` takes.
fn columns_of(text: &str) -> usize {
    // Cells have no control characters, so each of the rest of ASCII takes one.
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// As much of `text` from its start as fits into `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> &str {
    if text.is_ascii() {
        return &text[..text.len().min(width)];
    }
    let mut columns = 0;
    for (place, character) in text.char_indices() {
        columns += character.width().unwrap_or(0);
        if columns > width {
            return &text[..place];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let mut table = Table::new(&[("PID", Align::Right), ("NAME", Align::Left)]);
        assert_eq!(table.render(&Styles::default(), None), "");
        table.row(vec!["1".into(), "init".into()]);
        table.row(vec!["12345".into(), "日本語 long".into()]);
        assert_eq!(table.render(&Styles::default(), None), "  PID NAME\n    1 init\n12345 日本語 long\n");
        assert_eq!(table.render(&Styles::default(), Some(9)), "  PID NAM\n    1 ini\n12345 日\n");
    }
}
