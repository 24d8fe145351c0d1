//! The part of a table that the screen shows, with the latest events below it, and the keys that
//! scroll.

use crate::{
    style::Styles,
    table::{self, Table},
};
use std::collections::VecDeque;

/// The action of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Scroll down by this many lines, up if negative.
    Lines(isize),
    /// Scroll down by this many pages, up if negative.
    Pages(isize),
    First,
    Last,
    Quit,
}

/// The keys, as terminals send them.
const KEYS: [(&[u8], Key); 26] = [
    (b"\x1b[A", Key::Lines(-1)),
    (b"\x1bOA", Key::Lines(-1)),
    (b"\x1b[B", Key::Lines(1)),
    (b"\x1bOB", Key::Lines(1)),
    (b"\x1b[5~", Key::Pages(-1)),
    (b"\x1b[6~", Key::Pages(1)),
    (b"\x1b[H", Key::First),
    (b"\x1bOH", Key::First),
    (b"\x1b[1~", Key::First),
    (b"\x1b[7~", Key::First),
    (b"\x1b[F", Key::Last),
    (b"\x1bOF", Key::Last),
    (b"\x1b[4~", Key::Last),
    (b"\x1b[8~", Key::Last),
    (b"k", Key::Lines(-1)),
    (b"j", Key::Lines(1)),
    (b"\r", Key::Lines(1)),
    (b"\n", Key::Lines(1)),
    (b"b", Key::Pages(-1)),
    (b"\x02", Key::Pages(-1)),
    (b" ", Key::Pages(1)),
    (b"\x06", Key::Pages(1)),
    (b"g", Key::First),
    (b"G", Key::Last),
    (b"q", Key::Quit),
    (b"Q", Key::Quit),
];

/// Reads keys from the bytes that a terminal sent, without unknown keys.
pub(super) fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut found = Vec::new();
    while let Some(&first) = bytes.first() {
        let known = KEYS
            .iter()
            .find(|(sequence, _)| bytes.starts_with(sequence));
        let length = match known {
            Some((sequence, key)) => {
                found.push(*key);
                sequence.len()
            }
            // The sequence of an unknown key ends with a letter or a tilde.
            None if first == 0x1b && matches!(bytes.get(1), Some(b'[' | b'O')) => {
                let end = bytes[2..]
                    .iter()
                    .position(|byte| (b'@'..=b'~').contains(byte));
                end.map_or(bytes.len(), |end| end + 3)
            }
            None => 1,
        };
        bytes = &bytes[length..];
    }
    found
}

/// The position of the screen in the table.
#[derive(Debug, Default)]
pub(super) struct View {
    top: usize,
    /// The number of lines of the table when it was last drawn.
    lines: usize,
    /// The number of those lines that fitted on the screen.
    room: usize,
}

impl View {
    /// Scrolls.
    pub(super) fn press(&mut self, key: Key) {
        let page = self.room.saturating_sub(1).max(1).cast_signed();
        self.top = match key {
            Key::Lines(lines) => self.top.saturating_add_signed(lines),
            Key::Pages(pages) => self.top.saturating_add_signed(pages * page),
            Key::First => 0,
            Key::Last => usize::MAX,
            Key::Quit => self.top,
        }
        .min(self.lines.saturating_sub(self.room));
    }

    /// Returns the lines of a screen of this size: the heading, the part of the table, the latest
    /// events, and the status line.
    pub(super) fn draw(
        &mut self,
        table: &Table,
        recent: &VecDeque<String>,
        (width, height): (usize, usize),
        styles: &Styles,
        has_keys: bool,
    ) -> Vec<String> {
        let text = table.render(&Styles::default(), Some(width));
        let (heading, rows) = text.split_once('\n').unwrap_or_default();
        // Columns that are never cut continue in the next line.
        let rows: Vec<&str> = rows.lines().flat_map(|row| wrapped(row, width)).collect();
        let news = recent.len().min((height / 3).max(1));
        let gap = usize::from(news > 0);
        self.lines = rows.len();
        self.room = height.saturating_sub(2 + gap + news);
        self.top = self.top.min(self.lines.saturating_sub(self.room));
        let shown = rows.iter().skip(self.top).take(self.room);
        let mut lines = vec![styles.heading.style(table::cut(heading, width)).to_string()];
        lines.extend(shown.map(|row| (*row).to_owned()));
        lines.extend(std::iter::repeat_n(String::new(), gap));
        lines.extend(
            recent
                .iter()
                .take(news)
                .map(|event| table::cut(event, width).to_owned()),
        );
        // The last line says how to quit, however small the window is.
        lines.truncate(height.saturating_sub(1));
        lines.push(
            styles
                .faint
                .style(table::cut(&self.status(has_keys), width))
                .to_string(),
        );
        lines
    }

    fn status(&self, has_keys: bool) -> String {
        let leave = if has_keys { "q: quit" } else { "Ctrl-C: quit" };
        if self.room >= self.lines {
            return leave.to_owned();
        }
        let last = (self.top + self.room).min(self.lines);
        let position = format!("lines {}-{last} of {}", self.top + 1, self.lines);
        if has_keys {
            format!("{leave}  j/k, arrows, PgUp/PgDn: scroll  {position}")
        } else {
            format!("{leave}  {position}")
        }
    }
}

/// Breaks a line into pieces that fit into `width`.
fn wrapped(line: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    loop {
        let piece = table::cut(rest, width.max(1));
        // A character may be wider than the screen.
        let piece = if piece.is_empty() { rest } else { piece };
        pieces.push(piece);
        rest = &rest[piece.len()..];
        if rest.is_empty() {
            return pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Align;

    #[test]
    fn known_keys_are_read_among_unknown_bytes() {
        use Key::*;
        assert_eq!(keys(b"jk q"), [Lines(1), Lines(-1), Pages(1), Quit]);
        assert_eq!(
            keys(b"\x1b[B\x1bOA\x1b[6~x\x1b[1;5Cj\x1b"),
            [Lines(1), Lines(-1), Pages(1), Lines(1)]
        );
        // An unknown sequence contains no key.
        assert_eq!(keys(b"\x1b[200q"), []);
        assert_eq!(keys(b""), []);
    }

    #[test]
    fn a_table_that_does_not_fit_scrolls() {
        let mut table = Table::new(&[("NAME", Align::Left)]);
        (0..30).for_each(|row| table.row([format!("row {row}")]));
        let recent: VecDeque<_> = (0..9).map(|event| format!("event {event}")).collect();
        let mut view = View::default();
        let draw =
            |view: &mut View| view.draw(&table, &recent, (100, 10), &Styles::default(), true);
        let shown = draw(&mut view);
        let status = |position: &str| {
            format!("q: quit  j/k, arrows, PgUp/PgDn: scroll  lines {position} of 30")
        };
        assert_eq!(shown[..6], ["NAME", "row 0", "row 1", "row 2", "row 3", ""]);
        assert_eq!(
            shown[6..],
            ["event 0", "event 1", "event 2", &status("1-4")]
        );
        for (key, first, position) in [
            (Key::Lines(1), "row 1", "2-5"),
            (Key::Pages(1), "row 4", "5-8"),
            (Key::Lines(-2), "row 2", "3-6"),
            (Key::Last, "row 26", "27-30"),
            (Key::Lines(1), "row 26", "27-30"),
            (Key::Pages(-1), "row 23", "24-27"),
            (Key::First, "row 0", "1-4"),
            (Key::Lines(-1), "row 0", "1-4"),
        ] {
            view.press(key);
            let shown = draw(&mut view);
            assert_eq!(
                (shown[1].as_str(), shown[9].as_str()),
                (first, status(position).as_str()),
                "{key:?}"
            );
        }
    }

    #[test]
    fn no_line_is_outside_the_screen() {
        let name = "a-name-that-is-wider-than-the-screen";
        let mut table = Table::new(&[("NAME", Align::Left), ("COMMAND", Align::Left)]);
        table.row([name, "sleep"]);
        let recent = VecDeque::from(["created".to_owned()]);
        for (width, height) in [(10, 9), (1, 3), (20, 1), (80, 2)] {
            let lines =
                View::default().draw(&table, &recent, (width, height), &Styles::default(), true);
            assert!(
                lines.len() <= height && lines.iter().all(|line| line.len() <= width),
                "{lines:?}"
            );
            let last = lines.last().unwrap();
            assert!(
                last.starts_with("q: quit") || "q: quit".starts_with(last),
                "{lines:?}"
            );
        }
        let lines =
            View::default().draw(&table, &VecDeque::new(), (10, 9), &Styles::default(), true);
        assert_eq!(lines[1..5].concat(), name);
    }
}
