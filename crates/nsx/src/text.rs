//! Text that is safe to show, from bytes that a process or a container chose.

pub use nsx_core::message::{chain, reason};

use rustix::io::Errno;
use serde::Serializer;
use std::{ffi::OsStr, fmt::Write, os::unix::ffi::OsStrExt};

/// The cell of a table for a fact that is not known: the kernel hides it, or the process ended before
/// it was read.
pub const UNKNOWN: &str = "?";

/// Returns the text of `bytes` with everything escaped that could change a terminal's state or the
/// reading order: control characters and bytes that are not UTF-8 as `\x1b`, bidirectional and other
/// invisible characters as `\u{202e}`.
pub fn escape(bytes: &[u8]) -> String {
    // Nearly all text is plain. A check of all bytes is faster than one that stops early.
    let is_plain = bytes
        .iter()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if let (true, Ok(text)) = (is_plain, str::from_utf8(bytes)) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            // Writing to a string cannot fail.
            let _ = match character {
                '\0'..='\x1f' | '\x7f' => write!(text, "\\x{:02x}", character as u32),
                character if is_unseen(character) => write!(text, "\\u{{{:x}}}", character as u32),
                character => {
                    text.push(character);
                    Ok(())
                }
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Returns `bytes` as one word of a shell; `None` if they are not safe to show.
pub fn shell_word(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes)
        .ok()
        .filter(|text| escape(bytes) == *text)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    let is_word = !bytes.is_empty() && bytes.iter().all(|byte| is_plain(*byte));
    Some(if is_word {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    })
}

/// Returns words as a list in a sentence: `a, b and c`.
pub fn listed(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns the first words as a list in a sentence, and how many `others` there are beyond `most`:
/// `a, b and 3 more`.
pub fn listed_up_to(words: &[impl AsRef<str>], most: usize, others: &str) -> String {
    let (shown, left) = words.split_at(words.len().min(most));
    let mut shown: Vec<_> = shown.iter().map(|word| word.as_ref().to_owned()).collect();
    if !left.is_empty() {
        shown.push(format!("{} {others}", left.len()));
    }
    listed(&shown)
}

/// Returns an argument as text that is safe to show.
pub fn shown(argument: &OsStr) -> String {
    escape(argument.as_bytes())
}

/// Returns the name of a user or group for a table, or the id if there is no name.
pub fn named(name: Option<&[u8]>, id: Option<u32>) -> String {
    match (name, id) {
        (Some(name), _) => escape(name),
        (None, Some(id)) => id.to_string(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// Returns the name of an error in `errno(3)`, such as `EPERM`, if nsx knows the name.
pub(crate) fn errno_name(errno: Errno) -> Option<&'static str> {
    macro_rules! names {
        ($($name:ident)*) => {
            match errno.raw_os_error() {
                $(libc::$name => Some(stringify!($name)),)*
                _ => None,
            }
        };
    }
    names!(E2BIG EACCES EAGAIN EBADF EBUSY ECHILD EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE
        EMLINK ENAMETOOLONG ENFILE ENODEV ENOENT ENOEXEC ENOMEM ENOSPC ENOSYS ENOTBLK ENOTDIR ENOTEMPTY ENOTTY ENXIO
        EOPNOTSUPP EOVERFLOW EPERM EPIPE ERANGE EROFS ESRCH ETIMEDOUT ETXTBSY EUSERS EXDEV)
}

/// Writes the text of `bytes` to JSON; bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// Those of `serializer`.
pub fn lossy<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_some(&String::from_utf8_lossy(bytes)),
        None => serializer.serialize_none(),
    }
}

/// Like [`lossy`], but for bytes that are not optional.
///
/// # Errors
/// Those of `serializer`.
pub fn lossy_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// Returns JSON of the same meaning, with escapes such as `\u202e` for characters that could change a
/// terminal's state or the reading order. All of them are in strings, and the encoder has escaped
/// the control characters below U+0020.
pub fn escape_json(json: String) -> String {
    if json.bytes().all(|byte| byte < b'\x7f') {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\x7f' && !is_unseen(character) {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// Returns whether a character beyond ASCII is invisible but has an effect: C1 controls, line
/// separators, bidirectional marks (UAX #9), zero-width characters, tags.
pub(crate) fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_with_an_effect_are_escaped() {
        assert_eq!(escape("naïve 日本 \\x".as_bytes()), "naïve 日本 \\x");
        assert_eq!(escape(b"a\x1b[31mb\n\xff"), "a\\x1b[31mb\\x0a\\xff");
        assert_eq!(escape("\u{202e}\u{9b}".as_bytes()), "\\u{202e}\\u{9b}");
    }

    #[test]
    fn a_shell_word_is_quoted_if_needed() {
        let word = |text: &str| shell_word(text.as_bytes());
        assert_eq!(word("/run/netns/blue").unwrap(), "/run/netns/blue");
        assert_eq!(word("/it's").unwrap(), r"'/it'\''s'");
        assert_eq!(word("/a b").unwrap(), "'/a b'");
        assert_eq!(word("").unwrap(), "\'\'");
        assert_eq!(word("/a\nb"), None);
        assert_eq!(shell_word(b"/a\xff"), None);
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_the_others() {
        let words = ["a", "b", "c", "d"];
        assert_eq!(listed_up_to(&words, 2, "more"), "a, b and 2 more");
        assert_eq!(listed_up_to(&words, 4, "more"), "a, b, c and d");
        assert_eq!(listed_up_to(&words[..1], 4, "more"), "a");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let text = "naïve \u{202e}\u{9b}\x7f\x1b\u{e0001}\"\\";
        let json = escape_json(serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""naïve \u202e\u009b\u007f\u001b\udb40\udc01\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    proptest! {
        #[test]
        fn no_character_with_an_effect_is_left(bytes: Vec<u8>) {
            let text = escape(&bytes);
            prop_assert!(!text.chars().any(|character| character.is_control() || is_unseen(character)));
        }
    }
}
