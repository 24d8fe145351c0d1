//! Tables for people: a header, and columns as wide as they need.
//!
//! Text that people give to other commands is never cut: a name, a namespace, a process id. Before a
//! cell of [`HANDLES`] or a number is cut, its line runs past the edge of the terminal. Other texts
//! are cut to fit into a terminal. In a pipe, one long cell does not make other lines long.

use crate::style::Styles;
use unicode_width::UnicodeWidthChar;

/// The side of a column to which its cells are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Headings of columns whose cells are words that other commands take.
const HANDLES: [&str; 7] = ["NAME", "NS", "CHAIN", "CONTAINER", "OF", "LINK", "PEER"];

/// The heading of command lines, which may have any length and are not given to other commands.
const COMMAND: &str = "COMMAND";

/// The width to which the widest texts are cut before narrower ones are cut too.
const LEAST: usize = 16;

/// The greatest width of a column in a pipe, unless it is the last. A longer cell moves the rest of
/// its own line.
const WIDEST: usize = 100;

/// The greatest length of a command line in the last column of a pipe.
const LONGEST_COMMAND: usize = 160;

/// Rows under a header. Cells contain text that is safe to show, see [`crate::text::escape`].
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    /// The text of all cells, joined: a host may have a hundred thousand cells.
    text: String,
    cells: Vec<Cell>,
    /// `true` if a terminal breaks lines that are too wide for it.
    is_wrapped: bool,
}

/// The end of a cell in the text of all cells, and its width on a terminal.
#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    width: usize,
}

impl Table {
    /// Makes a table with these columns and no rows.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            text: String::new(),
            cells: Vec::new(),
            is_wrapped: false,
        }
    }

    /// Lets a terminal break lines that are too wide for it, as is best for sentences.
    pub fn wrapped(self) -> Self {
        Self {
            is_wrapped: true,
            ..self
        }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item: AsRef<str>>) {
        for cell in cells {
            let cell = cell.as_ref();
            self.text.push_str(cell);
            self.cells.push(Cell {
                end: self.text.len(),
                width: columns_of(cell),
            });
        }
        debug_assert_eq!(self.cells.len() % self.columns.len(), 0);
    }

    /// Returns whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Returns the text, which is empty if there are no rows. With the `width` of a terminal, only
    /// cells that are never cut make a line wider than that.
    pub fn render(&self, styles: &Styles, width: Option<usize>) -> String {
        if self.is_empty() {
            return String::new();
        }
        let width = width.filter(|_| !self.is_wrapped);
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|(heading, _)| columns_of(heading))
            .collect();
        let least = widths.clone();
        for row in self.cells.chunks_exact(widths.len()) {
            widths
                .iter_mut()
                .zip(row)
                .for_each(|(widest, cell)| *widest = cell.width.max(*widest));
        }
        match width {
            Some(width) => self.fit(&mut widths, &least, width),
            None => widths
                .iter_mut()
                .zip(least)
                .for_each(|(widest, least)| *widest = WIDEST.max(least).min(*widest)),
        }
        let headings = self
            .columns
            .iter()
            .map(|(heading, _)| (*heading, columns_of(heading)));
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

    /// Makes columns narrower until a line fits into `width` or no column can be narrower: first
    /// texts down to [`LEAST`], then texts down to their headings, then handles, which push the rest
    /// of their own line to the right.
    fn fit(&self, widths: &mut [usize], least: &[usize], width: usize) {
        let last = widths.len() - 1;
        if self.is_text(last) {
            // The edge of the terminal cuts longer cells.
            widths[last] = widths[last].min(LEAST);
        }
        let mut taken = widths.iter().sum::<usize>() + last;
        let is_left = |column: usize| self.columns[column].1 == Align::Left;
        let narrower: [(&dyn Fn(usize) -> bool, usize); 3] = [
            (&|column| self.is_text(column), LEAST),
            (&|column| self.is_text(column), 0),
            (&is_left, LEAST),
        ];
        for (may_be, floor) in narrower {
            while taken > width {
                let floor = |column: usize| least[column].max(floor);
                let wide =
                    (0..=last).filter(|column| may_be(*column) && widths[*column] > floor(*column));
                let Some(widest) = wide.max_by_key(|column| widths[*column]) else {
                    break;
                };
                widths[widest] -= 1;
                taken -= 1;
            }
        }
    }

    /// Returns whether the cells of a column may be cut.
    fn is_text(&self, column: usize) -> bool {
        self.columns[column].1 == Align::Left && !self.is_handle(column)
    }

    /// Returns whether the cells of a column are shown whole at any width. In a tree, ids of
    /// processes are aligned to the left.
    fn is_handle(&self, column: usize) -> bool {
        let (heading, align) = self.columns[column];
        HANDLES.contains(&heading) || (heading == "PID" && align == Align::Left)
    }

    /// Appends a line to the text, of cells with their widths.
    fn line<'a>(
        &self,
        text: &mut String,
        cells: impl Iterator<Item = (&'a str, usize)>,
        widths: &[usize],
        width: Option<usize>,
    ) {
        let start = text.len();
        // The widths of the line and of the columns so far, and the end of the text that may not be
        // cut.
        let (mut at, mut end, mut whole) = (0, 0, start);
        let mut is_over = false;
        for (column, ((cell, taken), column_width)) in cells.zip(widths).enumerate() {
            // The iterator finds the start of a cell by the cells before it.
            if is_over {
                continue;
            }
            if column > 0 {
                text.push(' ');
                at += 1;
                end += 1;
            }
            end += column_width;
            let is_last = column + 1 == widths.len();
            let (heading, align) = self.columns[column];
            let most = match width {
                _ if !self.is_text(column) => taken,
                // The edge of the terminal cuts the last cell.
                Some(_) if is_last => taken,
                Some(_) => *column_width,
                None if heading != COMMAND => taken,
                None if is_last => LONGEST_COMMAND,
                None => *column_width,
            };
            // Longer cells before this one may have taken some of its room.
            let padding = end.saturating_sub(at + taken.min(most));
            if align == Align::Right {
                pad(text, padding);
                at += padding;
                let is_cut = width.is_some_and(|width| at < width && at + taken > width);
                if is_cut && !self.is_handle(column) {
                    // Half a number would be another number.
                    text.push('…');
                    is_over = true;
                    continue;
                }
            }
            if taken > most {
                let start = cut(cell, most.saturating_sub(1));
                text.push_str(start);
                text.push('…');
                pad(text, most.saturating_sub(1) - columns_of(start));
                at += most;
            } else {
                text.push_str(cell);
                at += taken;
            }
            if self.is_handle(column) {
                whole = text.len();
            }
            // Spaces after the last cell would be cut off again.
            if align == Align::Left && !is_last {
                pad(text, padding);
                at += padding;
            }
        }
        let line = &text[start..];
        let line = width.map_or(line, |width| cut(line, width));
        let end = whole.max(start + line.len());
        text.truncate(text[..end].trim_end_matches(' ').len().max(start));
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

/// Returns the number of columns of a terminal that `text` takes.
fn columns_of(text: &str) -> usize {
    // Cells have no control characters, so each character of ASCII takes one column.
    if text.is_ascii() {
        return text.len();
    }
    text.chars()
        .map(|character| character.width().unwrap_or(0))
        .sum()
}

/// Returns the start of `text` that fits into `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> &str {
    if text.is_ascii() {
        return &text[..text.len().min(width)];
    }
    let mut columns = 0;
    for (index, character) in text.char_indices() {
        columns += character.width().unwrap_or(0);
        if columns > width {
            return &text[..index];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_below_their_headings() {
        let mut table = Table::new(&[("PID", Align::Right), ("USER", Align::Left)]);
        assert_eq!(table.render(&Styles::default(), None), "");
        table.row(["1", "init"]);
        table.row(["12345", "日本語 long"]);
        assert_eq!(
            table.render(&Styles::default(), None),
            "  PID USER\n    1 init\n12345 日本語 long\n"
        );
        assert_eq!(
            table.render(&Styles::default(), Some(9)),
            "  PID USE\n    1 ini\n12345 日\n"
        );
    }

    #[test]
    fn a_wide_column_leaves_room_for_the_next() {
        let mut table = Table::new(&[
            ("LIST", Align::Left),
            ("PID", Align::Right),
            ("COMMAND", Align::Left),
        ]);
        table.row([
            "one, two, three, four, five",
            "1",
            "init with very many words",
        ]);
        table.row(["日本語日本語日本語日本語日本語", "12345", "sh"]);
        // 16 columns each for the first and the last, 5 for the number, and 2 between them.
        let fitted = "LIST               PID COMMAND\none, two, three…     1 init with very \
        m\n日本語日本語日…  12345 sh\n";
        assert_eq!(table.render(&Styles::default(), Some(39)), fitted);
        // Then they shrink to their headings, and then the edge cuts texts but not numbers.
        let narrow = "LIST   PID COMMAND\none…     1 init wi\n日…  12345 sh\n";
        assert_eq!(table.render(&Styles::default(), Some(18)), narrow);
        assert_eq!(
            table.render(&Styles::default(), Some(9)),
            "LIST   …\none…\n日…  …\n"
        );
    }

    #[test]
    fn handles_are_whole_on_any_terminal() {
        let name = "docker:a-name-of-more-than-twenty-letters";
        let mut table = Table::new(&[
            ("USER", Align::Left),
            ("NAME", Align::Left),
            ("NPROCS", Align::Right),
            ("COMMAND", Align::Left),
        ]);
        table.row(["a-user-with-a-name-too", name, "12", "sleep 100"]);
        table.row(["root", "web", "7", "sleep 200"]);
        for width in 1..100 {
            let text = table.render(&Styles::default(), Some(width));
            let mut lines = text.lines().skip(1);
            assert!(lines.next().unwrap().contains(name), "{text}");
            let line = lines.next().unwrap();
            assert!(line.contains("web"), "{text}");
            // The long name moves the rest of its own line only.
            assert!(
                width < 44 || line.contains("web") && line.contains(" 7 sleep"),
                "{text}"
            );
            assert!(width < 32 || columns_of(line) <= width, "{text}");
        }
    }

    #[test]
    fn a_long_cell_does_not_make_other_lines_of_a_pipe_long() {
        let mut table = Table::new(&[
            ("NS", Align::Right),
            ("CGROUP", Align::Left),
            ("COMMAND", Align::Left),
            ("AGE", Align::Right),
        ]);
        let long = "x".repeat(5000);
        table.row(["1", &long, &long, "7"]);
        table.row(["2", "/a", "sh", "123"]);
        let text = table.render(&Styles::default(), None);
        let lines: Vec<_> = text.lines().collect();
        // Only the command is cut.
        assert!(lines[1].starts_with(&format!(" 1 {long} xxx")) && lines[1].ends_with("x… 7"));
        assert_eq!(columns_of(lines[1]), 3 + 5000 + 1 + WIDEST + 1 + 1);
        assert_eq!(columns_of(lines[2]), 3 + WIDEST + 1 + WIDEST + 1 + 3);
        let mut table = Table::new(&[("COMMAND", Align::Left)]);
        table.row([&long]);
        let text = table.render(&Styles::default(), None);
        assert_eq!(
            text.lines().map(columns_of).collect::<Vec<_>>(),
            [7, LONGEST_COMMAND]
        );
    }
}
