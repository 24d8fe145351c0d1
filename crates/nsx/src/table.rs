//! Tables for people: a header, columns as wide as they need. What is too wide for a terminal is cut: first the last column, at
//! the edge, and then the widest of the others, so that each shows something.

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

/// To how many columns of a terminal a text is cut at most for the sake of those behind it.
const LEAST: usize = 16;

/// Rows under a header. Cells are text that is safe to show, see [`crate::text::escape`].
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    /// The cells, one behind the other: a host may have a hundred thousand.
    text: String,
    cells: Vec<Cell>,
}

/// Where a cell ends in the text of all, and how many columns of a terminal it takes.
#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    width: usize,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), text: String::new(), cells: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item: AsRef<str>>) {
        for cell in cells {
            let cell = cell.as_ref();
            self.text.push_str(cell);
            self.cells.push(Cell { end: self.text.len(), width: columns_of(cell) });
        }
        debug_assert_eq!(self.cells.len() % self.columns.len(), 0);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The text, with no line wider than `width` if there is one. Nothing where there is no row.
    pub fn render(&self, styles: &Styles, width: Option<usize>) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut widths: Vec<usize> = self.columns.iter().map(|(heading, _)| columns_of(heading)).collect();
        for row in self.cells.chunks_exact(widths.len()) {
            widths.iter_mut().zip(row).for_each(|(widest, cell)| *widest = cell.width.max(*widest));
        }
        if let Some(width) = width {
            self.fit(&mut widths, width);
        }
        let headings = self.columns.iter().map(|(heading, _)| (*heading, columns_of(heading)));
        let mut heading = String::new();
        self.line(&mut heading, headings, &widths, width);
        let mut text = format!("{}\n", styles.heading.style(heading));
        let mut start = 0;
        for row in self.cells.chunks_exact(widths.len()) {
            let cells = row.iter().map(|cell| {
                let text = &self.text[start..cell.end];
                start = cell.end;
                (text, cell.width)
            });
            self.line(&mut text, cells, &widths, width);
            text.push('\n');
        }
        text
    }

    /// Makes the widest texts narrower, until the last column has some room too.
    fn fit(&self, widths: &mut [usize], width: usize) {
        let last = widths.len() - 1;
        let room = match self.columns[last].1 {
            Align::Left => widths[last].min(LEAST),
            Align::Right => widths[last],
        };
        let mut taken = widths[..last].iter().map(|width| width + 1).sum::<usize>() + room;
        while taken > width {
            let texts = (0..last).filter(|place| self.columns[*place].1 == Align::Left && widths[*place] > LEAST);
            let Some(widest) = texts.max_by_key(|place| widths[*place]) else { return };
            widths[widest] -= 1;
            taken -= 1;
        }
    }

    /// Adds a line to the text, of cells and what each takes.
    fn line<'a>(
        &self,
        text: &mut String,
        cells: impl Iterator<Item = (&'a str, usize)>,
        widths: &[usize],
        width: Option<usize>,
    ) {
        let start = text.len();
        for (place, (((cell, taken), column_width), (_, align))) in cells.zip(widths).zip(&self.columns).enumerate() {
            if place > 0 {
                text.push(' ');
            }
            let is_last = place + 1 == widths.len();
            if taken > *column_width && !is_last {
                let start = cut(cell, column_width - 1);
                text.push_str(start);
                text.push('…');
                pad(text, column_width - 1 - columns_of(start));
                continue;
            }
            let padding = column_width.saturating_sub(taken);
            if *align == Align::Right {
                pad(text, padding);
            }
            text.push_str(cell);
            // What would stand behind the last cell is cut off again.
            if *align == Align::Left && !is_last {
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
        table.row(["1", "init"]);
        table.row(["12345", "日本語 long"]);
        assert_eq!(table.render(&Styles::default(), None), "  PID NAME\n    1 init\n12345 日本語 long\n");
        assert_eq!(table.render(&Styles::default(), Some(9)), "  PID NAM\n    1 ini\n12345 日\n");
    }

    #[test]
    fn a_wide_column_leaves_room_for_those_behind_it() {
        let mut table = Table::new(&[("LIST", Align::Left), ("PID", Align::Right), ("COMMAND", Align::Left)]);
        table.row(["one, two, three, four, five", "1", "init with very many words"]);
        table.row(["日本語日本語日本語日本語日本語", "12345", "sh"]);
        // 16 columns each for the first and the last, 5 for the number, and 2 between them.
        let fitted =
            "LIST               PID COMMAND\none, two, three…     1 init with very m\n日本語日本語日…  12345 sh\n";
        assert_eq!(table.render(&Styles::default(), Some(39)), fitted);
        // No narrower than that: then the edge cuts.
        let narrow: Vec<_> = fitted.lines().map(|line| cut(line, 20).trim_end().to_owned() + "\n").collect();
        assert_eq!(table.render(&Styles::default(), Some(20)), narrow.concat());
    }
}
