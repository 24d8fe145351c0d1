//! Tables for people: a header, and columns as wide as they need.
//!
//! Text that another command is given is never cut: a name, a namespace, a process id. A line runs
//! past the edge of a terminal before a cell of [`HANDLES`] or a number is shown in part. Other
//! texts are cut to fit into a terminal. In a pipe, one long cell makes no other line long.

use crate::style::Styles;
use unicode_width::UnicodeWidthChar;

/// Which side of a column its cells stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Headings of columns whose cells are words that other commands take.
const HANDLES: [&str; 5] = ["NAME", "NS", "CHAIN", "CONTAINER", "OF"];

/// The heading of command lines, which have any length and which nobody types again.
const COMMAND: &str = "COMMAND";

/// To how many columns of a terminal a text is cut before its neighbours have to give way too.
const LEAST: usize = 16;

/// As wide as a column before others is in a pipe. A longer cell takes its room from its own line.
const WIDEST: usize = 100;

/// As much as a pipe gets of a command line behind which nothing stands.
const LONGEST_COMMAND: usize = 160;

/// Rows under a header. Cells are text that is safe to show, see [`crate::text::escape`].
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    /// The cells, one behind the other: a host may have a hundred thousand.
    text: String,
    cells: Vec<Cell>,
    /// `true` if a terminal breaks lines that are too wide for it.
    is_wrapped: bool,
}

/// The end of a cell in the text of all cells, and the number of columns of a terminal that it
/// takes.
#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    width: usize,
}

impl Table {
    /// A table with these columns and no row.
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

    /// Returns whether the table has no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The text; nothing if there is no row. With a `width`, that of a terminal, no line is wider
    /// but for a cell that is never cut.
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

    /// Makes columns narrower until a line fits into `width`, or none can be made narrower: first
    /// texts down to [`LEAST`], then texts down to their headings, then handles, which take what is
    /// missing from the rest of their own line.
    fn fit(&self, widths: &mut [usize], least: &[usize], width: usize) {
        let last = widths.len() - 1;
        if self.is_text(last) {
            // The edge cuts what is longer.
            widths[last] = widths[last].min(LEAST);
        }
        let mut taken = widths.iter().sum::<usize>() + last;
        let is_left = |place: usize| self.columns[place].1 == Align::Left;
        let narrower: [(&dyn Fn(usize) -> bool, usize); 3] = [
            (&|place| self.is_text(place), LEAST),
            (&|place| self.is_text(place), 0),
            (&is_left, LEAST),
        ];
        for (may_be, floor) in narrower {
            while taken > width {
                let floor = |place: usize| least[place].max(floor);
                let wide =
                    (0..=last).filter(|place| may_be(*place) && widths[*place] > floor(*place));
                let Some(widest) = wide.max_by_key(|place| widths[*place]) else {
                    break;
                };
                widths[widest] -= 1;
                taken -= 1;
            }
        }
    }

    /// Returns whether the cells of a column may be cut.
    fn is_text(&self, place: usize) -> bool {
        self.columns[place].1 == Align::Left && !self.is_handle(place)
    }

    /// Returns whether the cells of a column are shown whole at any width. In a tree, ids of
    /// processes are texts.
    fn is_handle(&self, place: usize) -> bool {
        let (heading, align) = self.columns[place];
        HANDLES.contains(&heading) || (heading == "PID" && align == Align::Left)
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
        // Where the line and the column end, and up to where the text may not be cut.
        let (mut at, mut end, mut whole) = (0, 0, start);
        let mut is_over = false;
        for (place, ((cell, taken), column_width)) in cells.zip(widths).enumerate() {
            // The cells know where they begin once those before them were asked for.
            if is_over {
                continue;
            }
            if place > 0 {
                text.push(' ');
                at += 1;
                end += 1;
            }
            end += column_width;
            let is_last = place + 1 == widths.len();
            let (heading, align) = self.columns[place];
            let most = match width {
                _ if !self.is_text(place) => taken,
                // The edge cuts the last one.
                Some(_) if is_last => taken,
                Some(_) => *column_width,
                None if heading != COMMAND => taken,
                None if is_last => LONGEST_COMMAND,
                None => *column_width,
            };
            // What stands before may have taken of this one's room.
            let padding = end.saturating_sub(at + taken.min(most));
            if align == Align::Right {
                pad(text, padding);
                at += padding;
                let is_cut = width.is_some_and(|width| at < width && at + taken > width);
                if is_cut && !self.is_handle(place) {
                    // Half a number is another number.
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
            if self.is_handle(place) {
                whole = text.len();
            }
            // What would stand behind the last cell is cut off again.
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

/// Columns of a terminal that `text` takes.
fn columns_of(text: &str) -> usize {
    // Cells have no control characters, so each of the rest of ASCII takes one.
    if text.is_ascii() {
        return text.len();
    }
    text.chars()
        .map(|character| character.width().unwrap_or(0))
        .sum()
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
    fn a_wide_column_leaves_room_for_those_behind_it() {
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
        // Then down to the headings, and then the edge cuts texts. Half a number is another number.
        let narrow = "LIST   PID COMMAND\none…     1 init wi\n日…  12345 sh\n";
        assert_eq!(table.render(&Styles::default(), Some(18)), narrow);
        assert_eq!(
            table.render(&Styles::default(), Some(9)),
            "LIST   …\none…\n日…  …\n"
        );
    }

    #[test]
    fn handles_are_whole_however_narrow_a_terminal_is() {
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
            // The long name takes its room from its own line.
            assert!(
                width < 44 || line.contains("web") && line.contains(" 7 sleep"),
                "{text}"
            );
            assert!(width < 32 || columns_of(line) <= width, "{text}");
        }
    }

    #[test]
    fn a_long_cell_makes_no_other_line_of_a_pipe_long() {
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
        // Nothing is cut but the command.
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
