//! The ids in a text, by a regular expression that sees one line at a time.
//!
//! regex-lite matches them. The engine of the regex crate would be ten times as fast for an
//! expression without a fixed part, but its tables and code more than double the time that every
//! command of nsx takes to start, because a static program relocates all that is linked into it.
//! Most expressions have a fixed part, such as `pid=`: lines without it are skipped, and the search
//! for it is as fast as memory is read.

use crate::{error::Error, text};
use memchr::memmem;
use regex_lite::{CaptureLocations, Regex};
use std::{borrow::Cow, ffi::OsStr, ops::Range, str};

/// A regular expression that finds ids.
#[derive(Debug)]
pub(super) struct Pattern {
    expression: Regex,
    groups: CaptureLocations,
    /// The text that every match contains.
    fixed: Option<memmem::Finder<'static>>,
}

impl Pattern {
    /// Compiles an expression.
    pub(super) fn new(expression: &OsStr) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Usage(format!("{}: {reason}", text::shown(expression)));
        let text = expression
            .to_str()
            .ok_or_else(|| wrong("a regular expression is UTF-8"))?;
        let expression = Regex::new(text).map_err(|error| wrong(&error.to_string()))?;
        let fixed = fixed_part(text).map(|part| memmem::Finder::new(&part).into_owned());
        Ok(Self {
            groups: expression.capture_locations(),
            expression,
            fixed,
        })
    }

    /// Returns whether the ids are in groups of the expression.
    pub(super) fn has_groups(&self) -> bool {
        self.groups.len() > 1
    }

    /// Returns the ranges of the ids, in order and without overlap: the match of each group, or the
    /// whole match if there is no group.
    pub(super) fn find(&mut self, text: &[u8]) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut start = 0;
        while start < text.len() {
            if let Some(fixed) = &self.fixed {
                let Some(found) = fixed.find(&text[start..]) else {
                    break;
                };
                let before = &text[start..start + found];
                start += memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
            }
            let rest = &text[start..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.find_in_line(&readable(&rest[..length]), start, &mut ranges);
            start += length + 1;
        }
        ranges
    }

    fn find_in_line(&mut self, line: &str, offset: usize, ranges: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(whole) = self
            .expression
            .captures_read_at(&mut self.groups, line, from)
        {
            let mut end = from;
            for group in usize::from(self.groups.len() > 1)..self.groups.len() {
                // A group within another is translated with that one.
                if let Some((first, past)) = self.groups.get(group)
                    && first >= end
                    && past > first
                {
                    ranges.push(offset + first..offset + past);
                    end = past;
                }
            }
            // An empty match would be found again and again.
            let next = if whole.range().is_empty() {
                line[whole.end()..].chars().next().map(char::len_utf8)
            } else {
                Some(0)
            };
            match next {
                Some(step) => from = whole.end() + step,
                None => break,
            }
        }
    }
}

/// Returns a line as text of the same length, in which each byte that is not UTF-8 is a control
/// character.
fn readable(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\x1a'));
    }
    Cow::Owned(text)
}

/// Returns the longest text that every match of an expression contains, if it can be told with
/// little effort.
fn fixed_part(expression: &str) -> Option<Vec<u8>> {
    // A flag may change what a letter means.
    if expression.contains("(?") {
        return None;
    }
    let mut longest = String::new();
    let mut run = String::new();
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        let fixed = match letter {
            // Neither alternative is in every match.
            '|' => return None,
            '(' => {
                skip_group(&mut letters)?;
                None
            }
            '[' => {
                skip_class(&mut letters)?;
                None
            }
            // A counted repetition of the part before it.
            '{' => {
                letters.by_ref().find(|letter| *letter == '}')?;
                None
            }
            // A letter after a backslash is a class, an anchor or another letter.
            '\\' => match letters.next()? {
                // A letter by its number: the digits after it are not the text.
                'x' | 'u' | 'U' | 'p' | 'P' => return None,
                letter => Some(letter).filter(char::is_ascii_punctuation),
            },
            '.' | '^' | '$' | '*' | '+' | '?' => None,
            letter => Some(letter),
        };
        // A letter that may be missing or repeated is not part of the run.
        let repeated = matches!(letters.peek(), Some('*' | '+' | '?' | '{'));
        match fixed {
            Some(letter) if !repeated => run.push(letter),
            _ => {
                if run.len() > longest.len() {
                    longest.clone_from(&run);
                }
                run.clear();
            }
        }
    }
    if run.len() > longest.len() {
        longest = run;
    }
    (!longest.is_empty()).then(|| longest.into_bytes())
}

type Letters<'a> = std::iter::Peekable<str::Chars<'a>>;

/// Skips the rest of a group.
fn skip_group(letters: &mut Letters<'_>) -> Option<()> {
    loop {
        match letters.next()? {
            ')' => return Some(()),
            '(' => skip_group(letters)?,
            '[' => skip_class(letters)?,
            '\\' => drop(letters.next()?),
            _ => {}
        }
    }
}

/// Skips the rest of a class. Returns `None` for a class that contains a bracket, which is not worth
/// the effort.
fn skip_class(letters: &mut Letters<'_>) -> Option<()> {
    letters.next_if_eq(&'^');
    let mut first = true;
    loop {
        match letters.next()? {
            ']' if first => return None,
            ']' => return Some(()),
            '[' => return None,
            '\\' => drop(letters.next()?),
            _ => {}
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(expression: &str, text: &str) -> Vec<String> {
        let ranges = Pattern::new(OsStr::new(expression))
            .unwrap()
            .find(text.as_bytes());
        ranges
            .into_iter()
            .map(|range| text[range].to_owned())
            .collect()
    }

    #[test]
    fn ids_are_in_the_groups_or_else_in_the_whole_match() {
        assert_eq!(
            found(r"pid=(\d+)", "a pid=17 b pid=18\n19\npid=20"),
            ["17", "18", "20"]
        );
        assert_eq!(found(r"\d+", "a 17 b\n18\n"), ["17", "18"]);
        assert_eq!(found(r"pid=(\d+)|tid=(\d+)", "tid=3 pid=4"), ["3", "4"]);
        assert_eq!(found(r"((\d)\d*)", "37"), ["37"]);
        assert_eq!(
            found(r"(\d+) kills (\d+)", "1 kills 2\n3 kills\n4"),
            ["1", "2"]
        );
        assert_eq!(found(r"x*", "xx"), ["xx"]);
        assert_eq!(found(r"(\d*)", "a7b"), ["7"]);
    }

    #[test]
    fn an_expression_sees_one_line_at_a_time() {
        assert_eq!(found(r"^(\d+)$", "1\n2 \n3\n"), ["1", "3"]);
        assert_eq!(found(r"\A(\d+)\z", "1\n2 \n3\n"), ["1", "3"]);
        assert_eq!(found(r"pid=\s*(\d+)", "pid=\n7\npid= 8\n"), ["8"]);
        assert_eq!(found(r"(?s)pid=.(\d+)", "pid=\n7\npid= 8\n"), ["8"]);
        assert_eq!(found(r"[^x](\d)", "\n7 8"), ["8"]);
        assert_eq!(found(r"\n(\d)", "\n7"), [""; 0]);
    }

    #[test]
    fn an_invalid_expression_is_refused() {
        assert!(matches!(
            Pattern::new(OsStr::new("(")),
            Err(Error::Usage(_))
        ));
    }

    #[test]
    fn invalid_utf8_does_not_shift_the_ranges() {
        let text = b"\xff\xfepid=7 \xf0\x9f pid=8\xff\n\xff9";
        let ranges = Pattern::new(OsStr::new(r"pid=(\d+)")).unwrap().find(text);
        assert_eq!(
            ranges
                .into_iter()
                .map(|range| &text[range])
                .collect::<Vec<_>>(),
            [b"7", b"8"]
        );
    }

    #[test]
    fn the_fixed_part_is_in_every_match() {
        let part =
            |expression: &str| fixed_part(expression).map(|part| String::from_utf8(part).unwrap());
        for (expression, expected) in [
            (r"pid=(\d+)", "pid="),
            (r"\[(\d+)\]:", "]:"),
            (r"^worker:? (\d+) ended$", "worker"),
            ("x{2}abc", "abc"),
            ("ab+c", "a"),
            ("[^x]yz", "yz"),
            ("(a|b)c", "c"),
        ] {
            assert_eq!(part(expression).as_deref(), Some(expected), "{expression}");
        }
        for expression in [
            r"(\d+)",
            "a|b",
            "(?i)abc",
            r"\d",
            "a?",
            "[a]",
            "[]a]b",
            "[[:digit:]]x",
            r"\x41",
            "",
        ] {
            assert_eq!(part(expression), None, "{expression}");
        }
    }

    proptest! {
        /// Skipped lines have no match, whatever the expression.
        #[test]
        fn a_skipped_line_has_no_match(
            lines in prop::collection::vec("[ab1-3=] ?[ab1-3=]{0,6}", 0..8),
            expression in r"(a|b|=|\[ab\]|\(a\|b\)|\(=\)|\\d|\\=|\^|\$|\.|1)([*+?]|\{1,2\})?(a|b|=|\[\^a\]|\(\\d\+\)|\|)([*+?]|\{0,1\})?(b|=|1)?",
        ) {
            if Regex::new(&expression).is_ok() {
                let mut pattern = Pattern::new(OsStr::new(&expression)).unwrap();
                let text = lines.join("\n");
                let with = pattern.find(text.as_bytes());
                pattern.fixed = None;
                prop_assert_eq!(with, pattern.find(text.as_bytes()));
            }
        }
    }
}
