//! The answer for bash, which breaks words at colons and equals signs and replaces only the part of
//! the word after the last break.

use super::{answer::Kind, of};
use clap::Command;

/// The words of a command line, put together from bash's pieces.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    /// The words without their quotes.
    words: Vec<String>,
    /// The index of the piece that each word begins with.
    pieces: Vec<usize>,
}

/// Returns the answer. `arguments` are the line up to the cursor, the part of the last word that
/// bash replaces, and the pieces of the line.
pub(super) fn answer(nsx: Command, arguments: &[String]) -> String {
    let [line, part, pieces @ ..] = arguments else {
        return String::new();
    };
    let Words { words, pieces } = join(line, pieces);
    let Some((last, _)) = words.split_last().filter(|(_, before)| !before.is_empty()) else {
        return String::new();
    };
    let mut answer = of(nsx, &words[1..]);
    if let Kind::Program(at) = &mut answer.kind {
        *at = pieces.get(*at).copied().unwrap_or(*at);
    }
    let part = unquoted(part);
    let kept = last.len() - if last.ends_with(&part) { part.len() } else { 0 };
    let line = |word: &str| format!("{}\n", quoted(&word[kept..]));
    let words = answer.safe().map(|word| word.text.as_str());
    let words = words.filter(|word| word.starts_with(last.as_str()));
    answer.heading() + &words.map(line).collect::<String>()
}

/// Joins the pieces that no white space separates on the line.
fn join(line: &str, pieces: &[String]) -> Words {
    let mut raw: Vec<String> = Vec::new();
    let mut starts = Vec::new();
    let mut rest = line;
    for (index, piece) in pieces.iter().enumerate() {
        let trimmed = rest.trim_start();
        let is_apart = trimmed.len() < rest.len() || index == 0;
        // The cursor may be in the last piece.
        let (piece, after) = match trimmed.strip_prefix(piece.as_str()) {
            Some(after) => (piece.as_str(), after),
            None => (trimmed, ""),
        };
        rest = after;
        match raw.last_mut().filter(|_| !is_apart) {
            Some(word) => word.push_str(piece),
            None => {
                raw.push(piece.to_owned());
                starts.push(index);
            }
        }
    }
    Words {
        words: raw.iter().map(|word| unquoted(word)).collect(),
        pieces: starts,
    }
}

/// Returns a word as the shell reads it, without expanding anything. A quote may be open.
fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => text.extend(letters.next()),
            (letter, _) => text.push(letter),
        }
    }
    text
}

/// Returns a word with a backslash before everything that the shell could take for more than a
/// letter.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+=,[]".contains(letter);
    let mut text = String::new();
    for letter in word.chars() {
        if !is_plain(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use proptest::prelude::*;

    fn words(line: &str, pieces: &[&str]) -> (Vec<String>, Vec<usize>) {
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let Words { words, pieces } = join(line, &pieces);
        (words, pieces)
    }

    #[test]
    fn pieces_become_words() {
        assert_eq!(
            words(
                "nsx enter docker:we",
                &["nsx", "enter", "docker", ":", "we"]
            ),
            (
                vec!["nsx".into(), "enter".into(), "docker:we".into()],
                vec![0, 1, 2]
            )
        );
        assert_eq!(
            words("nsx ls --tree=", &["nsx", "ls", "--tree", "="]).0,
            ["nsx", "ls", "--tree="]
        );
        assert_eq!(words("nsx ls ", &["nsx", "ls", ""]).0, ["nsx", "ls", ""]);
        assert_eq!(words("nsx  en", &["nsx", "enter"]).0, ["nsx", "en"]);
        assert_eq!(
            words("nsx enter 'a b' \"c", &["nsx", "enter", "'a b'", "\"c"]).0,
            ["nsx", "enter", "a b", "c"]
        );
    }

    #[test]
    fn nothing_in_a_word_is_expanded() {
        assert_eq!(quoted("docker:*"), "docker:\\*");
        assert_eq!(quoted("$(x)`y`'z'"), "\\$\\(x\\)\\`y\\`\\'z\\'");
        assert_eq!(unquoted("\"$(x)\\\"\" \\''\\'"), "$(x)\" '\\");
    }

    proptest! {
        #[test]
        fn quotes_are_taken_off_again(word: String) {
            prop_assert_eq!(unquoted(&quoted(&word)), word);
        }

        #[test]
        fn no_line_makes_it_panic(line: String, part: String, pieces: Vec<String>) {
            let all = [vec![line, part], pieces].concat();
            answer(crate::cli::Nsx::command(), &all);
        }
    }
}
