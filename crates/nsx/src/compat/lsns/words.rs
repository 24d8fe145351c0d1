//! Bytes that others chose, escaped for each of the three forms of output.

use crate::text::is_unseen;
use std::fmt::Write;

/// The display of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Display {
    /// `true` if the locale has characters beyond ASCII.
    pub(super) utf8: bool,
    /// `true` if a terminal shows the cell. Invisible characters are escaped then.
    pub(super) terminal: bool,
}

/// Returns the text for a table, with escapes for what is not printable or looks like an escape.
pub(super) fn plain(bytes: &[u8], display: Display) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        for (at, character) in valid.char_indices() {
            let printable = match character {
                '\\' => !valid[at..].starts_with("\\x"),
                ' '..='~' => true,
                '\0'..='\u{9f}' => false,
                character => display.utf8 && !(display.terminal && is_unseen(character)),
            };
            if printable {
                text.push(character);
            } else {
                escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// Returns the text for raw output: printable ASCII without spaces.
pub fn raw(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            text.push(char::from(*byte));
        } else {
            escape(&mut text, &[*byte]);
        }
    }
    text
}

/// Returns the text for JSON: a string of valid UTF-8 in quotes.
pub fn json(bytes: &[u8]) -> String {
    serde_json::Value::String(String::from_utf8_lossy(bytes).into_owned()).to_string()
}

/// Adds `\xNN` for each byte.
fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Returns whether the environment requests UTF-8, see `locale(7)`. Does not check whether the
/// system has that locale: the check would cost more than all else, and a static program may have
/// no locale.
pub(super) fn is_utf8(variable: impl Fn(&str) -> Option<Vec<u8>>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(set)
        .unwrap_or_default();
    let charset = locale
        .split(|byte| *byte == b'@')
        .next()
        .and_then(|locale| locale.splitn(2, |byte| *byte == b'.').nth(1));
    let charset: Vec<u8> = charset
        .unwrap_or_default()
        .iter()
        .filter(|byte| **byte != b'-')
        .copied()
        .collect();
    charset.eq_ignore_ascii_case(b"utf8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unprintable_bytes_are_escaped() {
        let [pipe, terminal] = [false, true].map(|terminal| Display {
            utf8: true,
            terminal,
        });
        let ascii = Display {
            utf8: false,
            terminal: false,
        };
        let hard = b"a\x01\x1b\x7f\x80\xc2\x9b\"\\/\\x41\r\n";
        assert_eq!(
            plain(hard, pipe),
            r#"a\x01\x1b\x7f\x80\xc2\x9b"\/\x5cx41\x0d\x0a"#
        );
        assert_eq!(plain("é\u{202e}".as_bytes(), pipe), "é\u{202e}");
        assert_eq!(plain("é\u{202e}".as_bytes(), terminal), r"é\xe2\x80\xae");
        assert_eq!(plain("é".as_bytes(), ascii), r"\xc3\xa9");
        assert_eq!(raw("a b\t\"\\é".as_bytes()), r#"a\x20b\x09"\x5c\xc3\xa9"#);
        assert_eq!(
            json(b"a\x01\x1b\x7f\xff\"\\/\n"),
            "\"a\\u0001\\u001b\x7f\u{fffd}\\\"\\\\/\\n\""
        );
    }

    #[test]
    fn the_locale_is_in_the_first_variable_that_is_set() {
        let is_utf8 = |set: &[(&str, &str)]| {
            super::is_utf8(|name| {
                set.iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| value.as_bytes().to_vec())
            })
        };
        assert!(is_utf8(&[("LANG", "en_US.UTF-8")]));
        assert!(is_utf8(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(is_utf8(&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8@euro")]));
        assert!(!is_utf8(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!is_utf8(&[("LANG", "en_US.ISO-8859-1")]));
        assert!(!is_utf8(&[("LANG", "UTF-8")]));
        assert!(!is_utf8(&[]));
    }

    proptest! {
        #[test]
        fn no_bytes_control_the_terminal(bytes: Vec<u8>, utf8: bool) {
            let text = plain(&bytes, Display { utf8, terminal: true });
            prop_assert!(!text.chars().any(|character| character.is_control() || is_unseen(character)));
            prop_assert!(raw(&bytes).bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(serde_json::from_str::<String>(&json(&bytes)).is_ok());
        }
    }
}
