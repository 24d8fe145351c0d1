//! Tables as util-linux's own are: aligned for people, or cells with single spaces between them.

use crate::table;
use unicode_width::UnicodeWidthStr;

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) name: &'static str,
    pub(super) right: bool,
    /// The least width of the column if a cell is wider than the column's name.
    pub(super) hint: usize,
    /// `true` if the column may be cut where the terminal ends.
    pub(super) cut: bool,
    /// `true` if the column is drawn as a tree.
    pub(super) tree: bool,
}

/// A row: for each column its lines.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) cells: Vec<Vec<String>>,
    /// The place of the row that this one hangs on, which is before it.
    pub(super) parent: Option<usize>,
}

/// With what trees are drawn: before a child that others follow, before the last one, below each of
/// them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Art {
    branch: &'static str,
    last: &'static str,
    through: &'static str,
    under: &'static str,
}

impl Art {
    pub(super) const fn new(utf8: bool) -> Self {
        let (branch, last, through) = if utf8 {
            ("├─", "└─", "│ ")
        } else {
            ("|-", "`-", "| ")
        };
        Self {
            branch,
            last,
            through,
            under: "  ",
        }
    }
}

/// The layout of a printed table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) art: Art,
    pub(super) headings: bool,
    /// Columns of the terminal; none where nothing is cut.
    pub(super) width: Option<usize>,
}

/// The rows in the order in which a tree shows them, each with how it is drawn.
struct Drawn<'a> {
    line: &'a Line,
    /// In front of its cell in a column that is a tree.
    before: String,
    /// The text in front of the cell on the further lines of the row, without what leads to the
    /// row's children.
    below: String,
    has_children: bool,
}

/// A table for people. Nothing where there is no row.
pub(super) fn table(headings: &[Heading], lines: &[Line], layout: Layout) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let drawn = draw(headings, lines, layout.art);
    let widths = widths(headings, &drawn, layout);
    let mut text = String::new();
    if layout.headings {
        let names: Vec<_> = headings
            .iter()
            .map(|heading| heading.name.to_owned())
            .collect();
        put(&mut text, headings, &widths, &names);
    }
    for row in &drawn {
        for number in 0..row
            .line
            .cells
            .iter()
            .map(Vec::len)
            .max()
            .unwrap_or(0)
            .max(1)
        {
            let cells: Vec<_> = (0..headings.len())
                .map(|column| cell(headings, row, column, number, layout))
                .collect();
            put(&mut text, headings, &widths, &cells);
        }
    }
    text
}

/// Cells with single spaces between them, everything in them escaped that is not plain. Trees are
/// drawn in it too.
pub(super) fn raw(headings: &[Heading], lines: &[Line], layout: Layout) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    if layout.headings {
        let names: Vec<_> = headings.iter().map(|heading| heading.name).collect();
        text += &(names.join(" ") + "\n");
    }
    for row in draw(headings, lines, layout.art) {
        let cell = |(heading, lines): (&Heading, &Vec<String>)| {
            let before = if heading.tree {
                super::words::raw(row.before.as_bytes())
            } else {
                String::new()
            };
            before + &lines.concat()
        };
        let cells: Vec<_> = headings.iter().zip(&row.line.cells).map(cell).collect();
        text += &(cells.join(" ") + "\n");
    }
    text
}

/// Puts each row below the one it hangs on.
fn draw<'a>(headings: &[Heading], lines: &'a [Line], art: Art) -> Vec<Drawn<'a>> {
    let plain = |line| Drawn {
        line,
        before: String::new(),
        below: String::new(),
        has_children: false,
    };
    if !headings.iter().any(|heading| heading.tree) {
        return lines.iter().map(plain).collect();
    }
    let mut children = vec![Vec::new(); lines.len()];
    let mut roots = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        match line.parent {
            Some(parent) => children[parent].push(place),
            None => roots.push(place),
        }
    }
    let mut drawn = Vec::with_capacity(lines.len());
    // What is still to be drawn, the next one at the end.
    let mut open: Vec<(usize, String, String)> = roots
        .into_iter()
        .rev()
        .map(|root| (root, String::new(), String::new()))
        .collect();
    while let Some((place, before, below)) = open.pop() {
        for (number, &child) in children[place].iter().rev().enumerate() {
            let (mark, under) = if number == 0 {
                (art.last, art.under)
            } else {
                (art.branch, art.through)
            };
            open.push((child, format!("{below}{mark}"), format!("{below}{under}")));
        }
        drawn.push(Drawn {
            line: &lines[place],
            before,
            below,
            has_children: !children[place].is_empty(),
        });
    }
    drawn
}

fn widths(headings: &[Heading], rows: &[Drawn<'_>], layout: Layout) -> Vec<usize> {
    let of_row = |row: &Drawn<'_>, column: usize| {
        let before = if headings[column].tree {
            row.before.width()
        } else {
            0
        };
        before
            + row.line.cells[column]
                .iter()
                .map(|line| line.width())
                .max()
                .unwrap_or(0)
    };
    let cells = |column: usize| {
        rows.iter()
            .map(|row| of_row(row, column))
            .max()
            .unwrap_or(0)
    };
    let cells: Vec<usize> = (0..headings.len()).map(cells).collect();
    // A column is never narrower than its heading, or without headings than one character, if
    // anything is in it.
    let least = |column: usize| match layout.headings {
        true => headings[column].name.width(),
        false => cells[column].min(1),
    };
    let width = |column: usize| match cells[column] {
        cells if cells <= least(column) => least(column),
        cells => cells.max(headings[column].hint),
    };
    let mut widths: Vec<usize> = (0..headings.len()).map(width).collect();
    if let Some(terminal) = layout.width {
        let mut over = (widths.iter().sum::<usize>() + headings.len() - 1).saturating_sub(terminal);
        // The last column that may be cut gives way first, then the others by one column of the
        // terminal in turn, from the right.
        let mut open: Vec<usize> = (0..headings.len())
            .filter(|&column| headings[column].cut)
            .collect();
        if let Some(last) = open.pop() {
            let less = over.min(widths[last] - least(last));
            widths[last] -= less;
            over -= less;
        }
        while over > 0 && !open.is_empty() {
            open.retain(|&column| widths[column] > least(column));
            for &column in open.iter().rev().take(over) {
                widths[column] -= 1;
                over -= 1;
            }
        }
    }
    widths
}

/// Returns a row's text in a column, on the line of the row with this number.
fn cell(
    headings: &[Heading],
    row: &Drawn<'_>,
    column: usize,
    number: usize,
    layout: Layout,
) -> String {
    let text = row.line.cells[column]
        .get(number)
        .map_or("", String::as_str);
    match (headings[column].tree, number) {
        (false, _) => text.to_owned(),
        (true, 0) => row.before.clone() + text,
        (true, _) => {
            row.below.clone()
                + if row.has_children {
                    layout.art.through
                } else {
                    ""
                }
        }
    }
}

fn put(text: &mut String, headings: &[Heading], widths: &[usize], cells: &[String]) {
    let last = cells.len() - 1;
    for (place, ((cell, &width), heading)) in cells.iter().zip(widths).zip(headings).enumerate() {
        let cell = if heading.cut {
            table::cut(cell, width)
        } else {
            cell
        };
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        match (heading.right && !heading.tree, place == last) {
            // Where nothing follows, nothing is filled up with spaces.
            (true, true) if cell.is_empty() => {}
            (true, _) => text.extend([&padding, cell]),
            (false, false) => text.extend([cell, &padding]),
            (false, true) => text.push_str(cell),
        }
        text.push(if place == last { '\n' } else { ' ' });
    }
}
