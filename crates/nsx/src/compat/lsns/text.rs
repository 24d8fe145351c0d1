//! Tables in the layouts of util-linux: aligned, or cells with single spaces between them.

use crate::table;
use unicode_width::UnicodeWidthStr;

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) name: &'static str,
    pub(super) right: bool,
    /// The least width of the column if a cell is wider than the column's name.
    pub(super) hint: usize,
    /// `true` if the column may be cut at the width of the terminal.
    pub(super) cut: bool,
    /// `true` if the column is drawn as a tree.
    pub(super) tree: bool,
}

/// A row, with the lines of each of its cells.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) cells: Vec<Vec<String>>,
    /// The index of the parent in the tree, which comes before its children.
    pub(super) parent: Option<usize>,
}

/// The branches of a drawn tree: before a child with later siblings, before the last child, and
/// below each of them.
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
    /// Columns of the terminal; `None` if nothing is cut.
    pub(super) width: Option<usize>,
}

/// A row with the branches before it.
struct Drawn<'a> {
    line: &'a Line,
    /// The branches before its cell in the column of the tree.
    before: String,
    /// The branches before the further lines of the cell, without the one that leads to the row's
    /// children.
    below: String,
    has_children: bool,
}

/// Returns an aligned table; nothing if there are no rows.
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

/// Returns cells with single spaces between them, escaped, with the branches of a tree.
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

/// Orders the rows so that children follow their parent.
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
    for (index, line) in lines.iter().enumerate() {
        match line.parent {
            Some(parent) => children[parent].push(index),
            None => roots.push(index),
        }
    }
    let mut drawn = Vec::with_capacity(lines.len());
    // A stack: the next row to draw is the last.
    let mut open: Vec<(usize, String, String)> = roots
        .into_iter()
        .rev()
        .map(|root| (root, String::new(), String::new()))
        .collect();
    while let Some((index, before, below)) = open.pop() {
        for (number, &child) in children[index].iter().rev().enumerate() {
            let (mark, under) = if number == 0 {
                (art.last, art.under)
            } else {
                (art.branch, art.through)
            };
            open.push((child, format!("{below}{mark}"), format!("{below}{under}")));
        }
        drawn.push(Drawn {
            line: &lines[index],
            before,
            below,
            has_children: !children[index].is_empty(),
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
    // The least width is that of the heading; without headings it is one, if any cell has text.
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
        // The last column that may be cut is cut first, then the others in turn by one character,
        // from the right.
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

/// Returns the text of a cell on one of the lines of its row.
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
    for (index, ((cell, &width), heading)) in cells.iter().zip(widths).zip(headings).enumerate() {
        let cell = if heading.cut {
            table::cut(cell, width)
        } else {
            cell
        };
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        match (heading.right && !heading.tree, index == last) {
            // Spaces at the end of a line are left out.
            (true, true) if cell.is_empty() => {}
            (true, _) => text.extend([&padding, cell]),
            (false, false) => text.extend([cell, &padding]),
            (false, true) => text.push_str(cell),
        }
        text.push(if index == last { '\n' } else { ' ' });
    }
}
