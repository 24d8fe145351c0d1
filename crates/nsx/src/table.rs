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
        let heading = self.line(&headings, &widths, width);
        let mut text = format!("{}\n", styles.heading.style(heading));
        for row in &self.rows {
            text.push_str(&self.line(row, &widths, width));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize], width: Option<usize>) -> String {
        let mut line = String::new();
        for ((cell, &column_width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            if !line.is_empty() {
                line.push(' ');
            }
            let padding = " ".repeat(column_width.saturating_sub(columns_of(cell)));
            match align {
                Align::Left => line.extend([cell.as_str(), &padding]),
                Align::Right => line.extend([&padding, cell.as_str()]),
            }
        }
        let cut = width.map_or(line.as_str(), |width| cut(&line, width));
        cut.trim_end().to_owned()
    }
}

/// Columns of a terminal that `text` takes.
fn columns_of(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// As much of `text` from its start as fits into `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> &str {
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
