//! Corrects an expression that cannot be parsed: replaces operators of other languages, and adds
//! missing quotes.

use super::Filter;
use nsx_target::near;

/// Operators of other languages, each with the operator of this one.
const OPERATORS: [(&str, &str); 9] = [
    ("=", "=="),
    ("===", "=="),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("!==", "!="),
    ("&", "&&"),
    ("|", "||"),
    ("~", "=~"),
];

/// Characters of which operators consist.
const SIGNS: &str = "=<>!&|~";

/// Words that are operators.
const WORDS: [&str; 9] = ["and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le"];

/// Returns `text` corrected; `None` if it needs no correction, or cannot be parsed even then.
/// `columns` are the names of all columns.
pub(super) fn mended<'n, C: Copy + PartialEq>(
    text: &str,
    column: impl Fn(&str) -> Option<C>,
    columns: impl Iterator<Item = &'n str>,
) -> Option<String> {
    if text.len() > super::LONGEST {
        return None;
    }
    let columns: Vec<_> = columns.collect();
    let mut mended = String::new();
    let mut rest = text;
    // `true` after a comparison operator: a value comes next.
    let mut is_value = false;
    while let Some(first) = rest.chars().next() {
        let run = |is: &dyn Fn(char) -> bool| rest.find(|letter| !is(letter)).unwrap_or(rest.len());
        let length;
        if first.is_whitespace() || "()".contains(first) {
            length = first.len_utf8();
            mended.push(first);
        } else if "'\"".contains(first) {
            let end = rest[1..].find(first).map(|end| end + 2);
            length = end.unwrap_or(rest.len());
            mended.push_str(&rest[..length]);
            if end.is_none() {
                mended.push(first);
            }
            is_value = false;
        } else if SIGNS.contains(first) && !(is_value && first == '!') {
            let signs = run(&|letter| SIGNS.contains(letter));
            let typed = &rest[..signs];
            // A value may begin with a sign: `==!true`.
            length = signs;
            let operator = OPERATORS
                .iter()
                .find(|(other, _)| *other == typed)
                .map_or(typed, |(_, own)| *own);
            mended.push_str(operator);
            is_value = operator.contains(['=', '<', '>']);
        } else {
            length = run(&|letter| {
                !letter.is_whitespace()
                    && !"()'\"".contains(letter)
                    && (is_value || !SIGNS.contains(letter))
            });
            let word = &rest[..length];
            let is_operator = WORDS.contains(&word.to_ascii_lowercase().as_str());
            let stands_for_itself = Filter::parse(word.as_bytes(), &column).is_ok();
            if stands_for_itself || is_operator && !is_value {
                mended.push_str(word);
            } else if is_value {
                mended += &format!("\"{word}\"");
            } else {
                mended.push_str(near::nearest(word, columns.iter().copied()).first()?);
            }
            let compares =
                is_operator && !["and", "or", "not"].contains(&word.to_ascii_lowercase().as_str());
            is_value = compares && !is_value;
        }
        rest = &rest[length..];
    }
    (mended != text && Filter::parse(mended.as_bytes(), column).is_ok()).then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [&str; 5] = ["NS", "TYPE", "NPROCS", "PID", "COMMAND"];

    fn column(name: &str) -> Option<usize> {
        COLUMNS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    }

    fn mend(text: &str) -> Option<String> {
        mended(text, column, COLUMNS.into_iter())
    }

    #[test]
    fn a_malformed_expression_is_corrected() {
        for (typed, meant) in [
            ("NPROCS = 1", "NPROCS == 1"),
            ("NPROCS=1", "NPROCS==1"),
            ("NPROCS => 1 & PID <> 7", "NPROCS >= 1 && PID != 7"),
            ("TYPE == net", "TYPE == \"net\""),
            ("TYPE = net | TYPE=uts", "TYPE == \"net\" || TYPE==\"uts\""),
            (
                "(TYPE eq net) and nprocs > 1",
                "(TYPE eq \"net\") and nprocs > 1",
            ),
            ("COMMAND =~ ^nginx.*", "COMMAND =~ \"^nginx.*\""),
            ("COMMAND ~ nginx", "COMMAND =~ \"nginx\""),
            ("NPROC > 1", "NPROCS > 1"),
            (
                "CMD == 'x' or comand == sh",
                "COMMAND == 'x' or COMMAND == \"sh\"",
            ),
            ("TYPE == 'net", "TYPE == 'net'"),
        ] {
            let expected = if typed.starts_with("CMD") {
                None
            } else {
                Some(meant)
            };
            assert_eq!(mend(typed).as_deref(), expected, "{typed}");
        }
        for text in [
            "NPROCS == 1",
            "",
            "NPROCS ==",
            "BOGUS == 1",
            "((",
            "NPROCS 1",
        ] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_corrected_expression_can_be_parsed(text in "[NPSTYE net01=<>!&|~()'\" ]{0,40}") {
            if let Some(mended) = mend(&text) {
                prop_assert!(Filter::parse(mended.as_bytes(), column).is_ok());
            }
        }
    }
}
