//! Proposals for a shell, and how they are written for each shell.

use crate::text::escape;
use clap::builder::StyledStr;

/// A word to propose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Its meaning, in the first line of its help; may be empty.
    about: String,
}

impl Word {
    pub(super) fn new(text: impl Into<String>, about: &str) -> Self {
        let about = about.lines().next().unwrap_or_default();
        Self {
            text: text.into(),
            about: escape(about.as_bytes()),
        }
    }

    pub(super) fn described(text: impl Into<String>, about: Option<&StyledStr>) -> Self {
        let about = about.map(StyledStr::to_string).unwrap_or_default();
        Self::new(text, &about)
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, "")
    }

    /// Returns whether the word is safe to show and is one word: a line of its own, without white
    /// space.
    fn is_safe(&self) -> bool {
        let is_unseen = |letter: char| letter.is_whitespace() || letter.is_control();
        !self.text.is_empty()
            && !self.text.contains(is_unseen)
            && escape(self.text.as_bytes()) == self.text
    }
}

/// Proposals beside the words, and the end of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing else. A space follows a word.
    #[default]
    Words,
    /// Nothing else. More may be added to a word: no space follows.
    Open,
    /// Files, whose names begin after this many characters of the word.
    Files(usize),
    /// Directories, likewise.
    Directories(usize),
    /// Proposals of the program that begins at this word of the command line.
    Program(usize),
}

/// The answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) words: Vec<Word>,
}

impl Answer {
    pub(super) fn words(words: Vec<Word>) -> Self {
        let kind = Kind::Words;
        Self { kind, words }
    }

    pub(super) fn open(words: Vec<Word>) -> Self {
        let kind = Kind::Open;
        Self { kind, words }
    }

    pub(super) fn files(words: Vec<Word>) -> Self {
        let kind = Kind::Files(0);
        Self { kind, words }
    }

    pub(super) fn directories() -> Self {
        Self {
            kind: Kind::Directories(0),
            words: Vec::new(),
        }
    }

    pub(super) fn program(index: usize) -> Self {
        Self {
            kind: Kind::Program(index),
            words: Vec::new(),
        }
    }

    /// Puts what stands before the completed part of a word before each word.
    pub(super) fn prepend(&mut self, prefix: &str) {
        for word in &mut self.words {
            word.text.insert_str(0, prefix);
        }
        if let Kind::Files(at) | Kind::Directories(at) = &mut self.kind {
            *at += prefix.chars().count();
        }
    }

    /// Returns the words that are safe to propose.
    pub(super) fn safe(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| word.is_safe())
    }

    /// Returns the first line of the output.
    pub(super) fn heading(&self) -> String {
        match self.kind {
            Kind::Words => "words 0\n".to_owned(),
            Kind::Open => "open 0\n".to_owned(),
            Kind::Files(at) => format!("files {at}\n"),
            Kind::Directories(at) => format!("directories {at}\n"),
            Kind::Program(at) => format!("program {at}\n"),
        }
    }

    /// Returns the output for `_describe`, in which a colon separates word and description.
    pub(super) fn for_zsh(&self) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
        let line = |word: &Word| format!("{}:{}\n", escaped(&word.text), escaped(&word.about));
        self.heading() + &self.safe().map(line).collect::<String>()
    }

    /// Returns the output for fish, in which a tab separates word and description.
    pub(super) fn for_fish(&self) -> String {
        let line = |word: &Word| format!("{}\t{}\n", word.text, word.about);
        self.heading() + &self.safe().map(line).collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_are_one_line_and_one_word_are_proposed() {
        let answer = Answer::words(
            [
                "web",
                "a b",
                "a\nb",
                "",
                "a\u{1b}[2J",
                "\u{202e}x",
                "a\tb",
                "$(x)",
            ]
            .map(Word::plain)
            .into(),
        );
        assert_eq!(answer.for_fish(), "words 0\nweb\t\n$(x)\t\n");
    }

    #[test]
    fn a_separator_in_a_word_is_escaped() {
        let answer = Answer::words(vec![Word::new("docker:web", "a: b\nmore")]);
        assert_eq!(answer.for_zsh(), "words 0\ndocker\\:web:a\\: b\n");
    }
}
