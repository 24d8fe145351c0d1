//! The rules of plain words that a program can check: see "Words" in CONTRIBUTING.md.
//!
//! They hold for comments, help texts, messages, documents, man pages and the names of functions.

use std::path::Path;

/// The directory of another project's files, whose words are its own.
const FOREIGN: &str = "tests/unshare/oci/runtime-spec";

/// The extensions of files that people read.
const READ: [&str; 7] = ["rs", "md", "1", "sh", "pl", "c", "yml"];

/// Words with which no documentation begins. It begins with a noun phrase or with a verb in the
/// third person.
const NO_BEGINNINGS: [&str; 12] = [
    "What ",
    "Who ",
    "Whose ",
    "Whom ",
    "Where ",
    "Which ",
    "Why ",
    "When ",
    "How ",
    "Whether ",
    "One ",
    "The same ",
];

/// A phrase that nsx does not use.
struct Phrase {
    /// The words, each with its forms.
    words: &'static [&'static [&'static str]],
    /// The words that nsx uses.
    instead: &'static str,
}

const PHRASES: [Phrase; 12] = [
    Phrase {
        words: &[&["is", "are", "was", "were"], &["no"]],
        instead: "`is not a`",
    },
    Phrase {
        words: &[&["ask", "asks", "asked", "asking"], &["for"]],
        instead: "`request`, `require` or `need`",
    },
    Phrase {
        words: &[&["none", "nothing", "empty"], &["where"]],
        instead: "`if`",
    },
    Phrase {
        words: &[&["where"], &["there"], &["is", "are", "was", "were"]],
        instead: "`if there`",
    },
    Phrase {
        words: &[&["oneself"]],
        instead: "`yourself`, or the subject's name",
    },
    Phrase {
        words: &[&["whereupon"]],
        instead: "a second sentence",
    },
    Phrase {
        words: &[&["whoever", "whomever"]],
        instead: "`anyone who`, or the subject's name",
    },
    Phrase {
        words: &[&["whom"], &["nobody"]],
        instead: "`that nobody`",
    },
    Phrase {
        words: &[&["be"], &["it"]],
        instead: "`whether`, or `both`",
    },
    Phrase {
        words: &[&["in"], &["its"], &["stead"]],
        instead: "`instead`",
    },
    Phrase {
        words: &[&["came"], &["of"]],
        instead: "`result`",
    },
    Phrase {
        words: &[&["a"], &["line"], &["a"]],
        instead: "`one line per`",
    },
];

/// Words after which `is no` is right: a comparison, or a state that has ended.
const AFTER_NO: [&str; 7] = [
    "longer", "more", "less", "fewer", "better", "worse", "other",
];

/// Lists what breaks the rules in a file.
pub(super) fn unplain(path: &Path, text: &str) -> Vec<String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    // This file names the phrases.
    if extension.is_none_or(|extension| !READ.contains(&extension))
        || path.starts_with(FOREIGN)
        || path == Path::new(file!())
    {
        return Vec::new();
    }
    let mut found = phrases(text);
    if extension == Some("rs") {
        found.extend(beginnings(text));
        found.extend(conditions(text));
    }
    found
}

/// Lists the comments of documentation that begin with a word of [`NO_BEGINNINGS`].
fn beginnings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut continues = false;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start();
        let comment = ["///", "//!"]
            .iter()
            .find_map(|mark| line.strip_prefix(mark));
        let first = comment
            .filter(|_| !continues)
            .map(str::trim_start)
            .unwrap_or_default();
        if let Some(word) = NO_BEGINNINGS.iter().find(|word| first.starts_with(*word)) {
            found.push(format!(
                "line {number} begins documentation with `{}`: begin with a noun phrase or a verb",
                word.trim_end()
            ));
        }
        continues = comment.is_some();
    }
    found
}

/// Lists the comments in which `where` means `if`: after the name of an error or value, as in
/// `` `EPERM` where the kernel refuses ``, and at the beginning of a sentence.
fn conditions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = String::new();
    for (line, number) in text.lines().zip(1..) {
        let comment = line.trim_start();
        if !comment.starts_with("//") {
            before.clear();
            continue;
        }
        let comment = without_marks(comment);
        let start = before.len();
        before.push_str(comment);
        for (position, _) in before.match_indices("here ").filter(|(at, _)| *at >= start) {
            if is_condition(&before[..position]) {
                found.push(format!(
                    "line {number} has `where` for a condition: write `if`"
                ));
            }
        }
        before = format!("{} ", comment.trim_end());
    }
    found
}

/// Returns whether the `where` whose first letter ends this text is a condition.
fn is_condition(before: &str) -> bool {
    let sentence = |text: &str| text.is_empty() || text.ends_with(". ") || text.ends_with("; ");
    if let Some(before) = before.strip_suffix('W') {
        return sentence(before);
    }
    // The last code: an errno or a variant, but not a path or a function.
    before.strip_suffix("` w").is_some_and(|before| {
        let code = before.rsplit('`').next().unwrap_or_default();
        code.starts_with(|letter: char| letter.is_ascii_uppercase())
            && code.chars().all(char::is_alphanumeric)
    })
}

/// Lists the [`PHRASES`] in a text.
fn phrases(text: &str) -> Vec<String> {
    let words = words(text);
    let mut found = Vec::new();
    for phrase in &PHRASES {
        for (index, here) in words.windows(phrase.words.len()).enumerate() {
            let before = index.checked_sub(1).map(|index| &words[index]);
            let after = words.get(index + here.len());
            if fits(here, phrase) && !(phrase.words[1..] == [["no"]] && is_right(before, after)) {
                let said: Vec<_> = here.iter().map(|word| word.text.as_str()).collect();
                found.push(format!(
                    "line {} has `{}`: write {}",
                    here[0].line,
                    said.join(" "),
                    phrase.instead
                ));
            }
        }
    }
    found
}

fn fits(here: &[Word], phrase: &Phrase) -> bool {
    here.iter()
        .zip(phrase.words)
        .all(|(word, forms)| forms.contains(&word.text.as_str()))
        && here[1..].iter().all(|word| word.joined)
}

/// Returns whether `is no` is right between two words: `there is no file`, `is no longer`.
fn is_right(before: Option<&Word>, after: Option<&Word>) -> bool {
    before.is_some_and(|word| word.text == "there")
        || after.is_none_or(|word| AFTER_NO.contains(&word.text.as_str()))
}

/// A word in lowercase.
struct Word {
    text: String,
    line: usize,
    /// Whether nothing but space, or the mark of a comment, is between it and the word before.
    joined: bool,
}

/// Splits a text into words. An underscore separates words of a name.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut joined = false;
    for (line, number) in text.lines().zip(1..) {
        let mut rest = without_marks(line);
        joined &= !rest.is_empty();
        while let Some(start) = rest.find(char::is_alphabetic) {
            joined &= rest[..start]
                .chars()
                .all(|letter| letter == ' ' || letter == '_');
            rest = &rest[start..];
            let end = rest
                .find(|letter: char| !letter.is_alphanumeric() && letter != '\'')
                .unwrap_or(rest.len());
            words.push(Word {
                text: rest[..end].to_lowercase(),
                line: number,
                joined,
            });
            rest = &rest[end..];
            joined = true;
        }
        joined &= rest.trim_end().is_empty();
    }
    words
}

/// Returns a line without its indentation and the mark of a comment.
fn without_marks(line: &str) -> &str {
    let line = line.trim_start();
    let marks = ["///", "//!", "//", "#"];
    let line = marks
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .unwrap_or(line);
    line.trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        unplain(Path::new("a.rs"), text).len()
    }

    #[test]
    fn documentation_begins_with_a_noun_or_a_verb() {
        assert_eq!(found("/// What it prints."), 1);
        assert_eq!(
            found("/// Prints it.\n/// What else it does is not said."),
            0
        );
        assert_eq!(found("//! The same for a file."), 1);
        assert_eq!(found("// What a plain comment begins with is free."), 0);
    }

    #[test]
    fn a_phrase_is_found_across_lines_and_in_names() {
        assert_eq!(found("// that is\n// no file"), 1);
        assert_eq!(found("fn what_is_no_file_is_refused() {}"), 1);
        assert_eq!(found("let text = \"a range is no id\";"), 1);
        assert_eq!(found("// it asked\n    // for more"), 1);
    }

    #[test]
    fn a_right_use_is_left_alone() {
        assert_eq!(found("// if there is no file, it is no longer asked"), 0);
        assert_eq!(found("(is, no, ask[for])"), 0);
        assert_eq!(found("// so it is\n\n// no file"), 0);
    }

    #[test]
    fn where_is_for_a_place() {
        assert_eq!(found("/// Fails with `EPERM` where the kernel refuses."), 1);
        assert_eq!(found("/// `Vanished`\n/// where it has ended."), 1);
        assert_eq!(found("// It ends. Where that fails, it waits."), 1);
        assert_eq!(found("// a link; none where it is hidden"), 1);
        assert_eq!(found("// the directory `/run` where it stands"), 0);
        assert_eq!(found("// says where the end is, and from where"), 0);
        assert_eq!(found("let text = \"Where\";"), 0);
    }

    #[test]
    fn files_that_nobody_reads_are_left_alone() {
        assert!(unplain(Path::new("a.json"), "whoever").is_empty());
        assert_eq!(unplain(Path::new("a.md"), "whoever").len(), 1);
    }
}
