//! The ids in a text, by a regular expression that sees one line at a time.
//!
//! regex-lite matches them. The engine of the regex crate would be ten times as fast where an
//! expression has no fixed part, but its tables and code more than double what every command of nsx
//! takes to start, because a static program relocates all that is linked into it. Most expressions
//! have a fixed part, `pid=` say: lines without it are not looked at, and it is searched for as
//! fast as memory is read.

use crate::{exit::ExitStatus, out};
use memchr::memmem;
use regex_lite::{CaptureLocations, Regex};
use std::{borrow::Cow, ffi::OsStr, ops::Range, str};

/// Finds ids.
pub(super) struct Finder {
    expression: Regex,
    groups: CaptureLocations,
    /// The text that every match contains.
    fixed: Option<memmem::Finder<'static>>,
}

impl Finder {
    /// An error is the status to end with, once it is said what is wrong with the expression.
    pub(super) fn new(expression: &OsStr) -> Result<Self, ExitStatus> {
        let wrong = |reason: &str| {
            out::error(&format!("{}: {reason}", out::shown(expression)));
            ExitStatus::FAILURE
        };
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

    /// Returns whether the expression says by groups where the ids are.
    pub(super) fn has_groups(&self) -> bool {
        self.groups.len() > 1
    }

    /// Returns the ranges of the ids, in order and apart: the match of each group, or the whole
    /// match without groups.
    pub(super) fn find(&mut self, text: &[u8]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let mut start = 0;
        while start < text.len() {
            if let Some(fixed) = &self.fixed {
                let Some(found) = fixed.find(&text[start..]) else {
                    break;
                };
                let before = &text[start..start + found];
                start += memchr::memrchr(b'\n', before).map_or(0, |place| place + 1);
            }
            let rest = &text[start..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.find_in_line(&readable(&rest[..length]), start, &mut places);
            start += length + 1;
        }
        places
    }

    fn find_in_line(&mut self, line: &str, offset: usize, places: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(whole) = self
            .expression
            .captures_read_at(&mut self.groups, line, from)
        {
            let mut end = from;
            for group in usize::from(self.groups.len() > 1)..self.groups.len() {
                // A group in a group was translated with it.
                if let Some((first, past)) = self.groups.get(group)
                    && first >= end
                    && past > first
                {
                    places.push(offset + first..offset + past);
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

/// The line as text of the same length: each byte that is not UTF-8 is shown to the expression as a
/// control character.
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

/// The longest text that every match of an expression contains as it stands, where one can be told
/// with little effort.
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
            // One or the other: neither is in every match.
            '|' => return None,
            '(' => {
                skip_group(&mut letters)?;
                None
            }
            '[' => {
                skip_class(&mut letters)?;
                None
            }
            // A counted repetition, of what stood before.
            '{' => {
                letters.by_ref().find(|letter| *letter == '}')?;
                None
            }
            // A letter after a backslash is a class, an anchor or another letter.
            '\\' => match letters.next()? {
                // A letter by its number: what follows is not the text.
                'x' | 'u' | 'U' | 'p' | 'P' => return None,
                letter => Some(letter).filter(char::is_ascii_punctuation),
            },
            '.' | '^' | '$' | '*' | '+' | '?' => None,
            letter => Some(letter),
        };
        // What may be left out, or be there several times, is not part of the run.
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

/// Goes behind the parenthesis that ends the group.
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

/// Goes behind the bracket that ends the class. One with a bracket in it is not worth the effort.
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
        let places = Finder::new(OsStr::new(expression))
            .unwrap()
            .find(text.as_bytes());
        places
            .into_iter()
            .map(|place| text[place].to_owned())
            .collect()
    }

    #[test]
    fn groups_are_translated_or_else_the_match() {
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
    fn a_line_is_all_that_an_expression_sees() {
        assert_eq!(found(r"^(\d+)$", "1\n2 \n3\n"), ["1", "3"]);
        assert_eq!(found(r"\A(\d+)\z", "1\n2 \n3\n"), ["1", "3"]);
        assert_eq!(found(r"pid=\s*(\d+)", "pid=\n7\npid= 8\n"), ["8"]);
        assert_eq!(found(r"(?s)pid=.(\d+)", "pid=\n7\npid= 8\n"), ["8"]);
        assert_eq!(found(r"[^x](\d)", "\n7 8"), ["8"]);
        assert_eq!(found(r"\n(\d)", "\n7"), [""; 0]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        assert_eq!(
            Finder::new(OsStr::new("(")).err(),
            Some(ExitStatus::FAILURE)
        );
    }

    #[test]
    fn bytes_that_are_no_text_keep_their_places() {
        let text = b"\xff\xfepid=7 \xf0\x9f pid=8\xff\n\xff9";
        let places = Finder::new(OsStr::new(r"pid=(\d+)")).unwrap().find(text);
        assert_eq!(
            places
                .into_iter()
                .map(|place| &text[place])
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
        /// The lines that are passed over have no match, whatever the expression.
        #[test]
        fn what_is_passed_over_has_no_match(
            lines in prop::collection::vec("[ab1-3=] ?[ab1-3=]{0,6}", 0..8),
            expression in r"(a|b|=|\[ab\]|\(a\|b\)|\(=\)|\\d|\\=|\^|\$|\.|1)([*+?]|\{1,2\})?(a|b|=|\[\^a\]|\(\\d\+\)|\|)([*+?]|\{0,1\})?(b|=|1)?",
        ) {
            if Regex::new(&expression).is_ok() {
                let mut finder = Finder::new(OsStr::new(&expression)).unwrap();
                let text = lines.join("\n");
                let with = finder.find(text.as_bytes());
                finder.fixed = None;
                prop_assert_eq!(with, finder.find(text.as_bytes()));
            }
        }
    }
}
