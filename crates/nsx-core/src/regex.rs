//! Extended regular expressions of POSIX as the C library reads them, see `regex(7)`.
//!
//! Expressions that scripts write for programs in C mean the same here, and no engine of our own
//! has to be started.

use crate::{bytes::decimal, sys};
use std::ffi::{CStr, CString};

/// The most copies that repetitions may make. The C library writes each repetition out, `(x{9}){9}`
/// as 81 times `x`, and without a limit a short expression takes minutes and all memory.
const MOST_COPIES: usize = 1 << 9;

/// A compiled expression.
#[derive(Debug)]
pub struct Regex(sys::regex::Regex);

impl Regex {
    /// Compiles an extended expression.
    ///
    /// # Errors
    /// The C library's complaint, or a note that it is too large once its repetitions are written
    /// out.
    pub fn new(pattern: &CStr) -> Result<Self, String> {
        if copies(pattern.to_bytes()) > MOST_COPIES {
            return Err("too many repetitions of repetitions".to_owned());
        }
        sys::regex::Regex::new(pattern).map(Self)
    }

    /// Returns whether any part of `text`, up to a zero byte if it has one, matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let end = text.iter().position(|&byte| byte == 0);
        CString::new(&text[..end.unwrap_or(text.len())]).is_ok_and(|text| self.0.matches(&text))
    }
}

/// Counts the characters that an expression has once the C library has written its repetitions out;
/// some too many, never too few.
fn copies(pattern: &[u8]) -> usize {
    // The characters before the last item, those of the item, and those before each group that is
    // open.
    let (mut before, mut item, mut outside) = (0_usize, 0_usize, Vec::new());
    let mut rest = pattern;
    while let [byte, tail @ ..] = rest {
        let repeated = match byte {
            b'*' | b'?' => Some((1, tail)),
            b'+' => Some((2, tail)),
            b'{' => interval(tail),
            _ => None,
        };
        if let Some((times, tail)) = repeated {
            item = item.saturating_mul(times);
            rest = tail;
            continue;
        }
        rest = tail;
        if *byte == b')'
            && let Some(outside) = outside.pop()
        {
            item = item.saturating_add(before);
            before = outside;
            continue;
        }
        before = before.saturating_add(item);
        item = 1;
        match byte {
            b'(' => outside.push(std::mem::take(&mut before)),
            b'[' => rest = after_bracket(tail),
            b'\\' => rest = tail.get(1..).unwrap_or_default(),
            _ => {}
        }
    }
    outside
        .into_iter()
        .chain([before])
        .fold(item, usize::saturating_add)
}

/// Reads an interval behind its `{`: the most copies that it makes, and what follows.
fn interval(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'}')?;
    let (least, most) = match text[..end].iter().position(|byte| *byte == b',') {
        Some(comma) => (&text[..comma], &text[comma + 1..end]),
        None => (&text[..end], &text[..end]),
    };
    let bound = |text: &[u8]| {
        if text.is_empty() {
            Some(0)
        } else {
            usize::try_from(decimal(text)?).ok()
        }
    };
    // One more for what an open interval repeats.
    Some((
        bound(least)?.max(bound(most)?).saturating_add(1),
        &text[end + 1..],
    ))
}

/// Returns what follows a bracket expression, of which `text` is what follows its `[`.
fn after_bracket(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"^").unwrap_or(text);
    let mut rest = text.strip_prefix(b"]").unwrap_or(text);
    loop {
        rest = match rest {
            [] => return rest,
            [b']', tail @ ..] => return tail,
            [b'[', kind @ (b':' | b'.' | b'='), tail @ ..] => {
                let end = tail.windows(2).position(|end| end == [*kind, b']']);
                end.map_or(tail, |end| &tail[end + 2..])
            }
            [_, tail @ ..] => tail,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_are_those_of_posix() {
        let matches = |pattern: &CStr, text: &[u8]| Regex::new(pattern).unwrap().matches(text);
        assert!(matches(c"^(sh|bash)( |$)", b"bash -c x"));
        assert!(!matches(c"^(sh|bash)( |$)", b"dash -c x"));
        assert!(matches(c"[[:digit:]]{3}", b"a\xff123"));
        assert!(matches(c"", b""));
        assert!(matches(c"^a$", b"a\0b"));
        assert!(!Regex::new(c"a(").unwrap_err().is_empty());
    }

    #[test]
    fn repetitions_count_as_the_c_library_writes_them_out() {
        for (pattern, least) in [
            (&b"abc"[..], 3),
            (b"a+++", 8),
            (b"a{3}b{2,5}c{4,}", 12),
            (b"((ab{9}){9})*{9}", 729),
            (b"([)]a{9}){9}", 81),
            (b"([^])[:alpha:](]a{9}){9}", 81),
            (b"(\\)a{9}){9}", 81),
            (b"(a|b{9})?{9}", 81),
        ] {
            let count = copies(pattern);
            assert!(
                least <= count && count <= 2 * least,
                "{} {count}",
                pattern.escape_ascii()
            );
        }
    }

    #[test]
    fn an_expression_that_explodes_is_refused() {
        for pattern in [
            "t".to_owned() + &"+".repeat(100),
            "(a{255}){255}".to_owned(),
            "((((a{99}){99}){99}){99})".to_owned(),
        ] {
            let pattern = CString::new(pattern).unwrap();
            assert!(
                Regex::new(&pattern).unwrap_err().contains("repetitions"),
                "{pattern:?}"
            );
        }
        assert!(Regex::new(c"^([0-9]{1,3}\\.){3}[0-9]{1,3}(:[0-9]+)+ +[a-z]{0,255}$").is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = copies(&bytes);
        }
    }
}
