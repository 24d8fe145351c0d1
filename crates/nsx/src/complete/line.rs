//! The position on a command line that is completed.

use crate::enter;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// The words of a command line up to the position that is completed.
pub(super) struct Line<'c> {
    pub(super) command: &'c Command,
    /// The options and operands before the position, with their values.
    given: Vec<(&'c Arg, Option<&'c str>)>,
    pub(super) position: Position<'c>,
}

/// Meaning of the last word of a command line.
#[derive(Debug)]
pub(super) enum Position<'c> {
    /// The beginning of an option.
    Option(&'c str),
    /// The value of an argument, after a prefix such as `--tree=`.
    Value { argument: &'c Arg, prefix: &'c str },
    /// A part of the command line of a program that begins at this word.
    Program(usize),
    /// More than the command takes.
    Nothing,
}

impl<'c> Line<'c> {
    /// Reads the words after the command's name.
    pub(super) fn read(command: &'c Command, words: &'c [String]) -> Self {
        let mut line = Self {
            command,
            given: Vec::new(),
            position: Position::Nothing,
        };
        line.position = line.find(words);
        line
    }

    /// Returns the options that may still be given.
    pub(super) fn options(&self) -> impl Iterator<Item = &'c Arg> {
        self.command.get_arguments().filter(|argument| {
            let is_given = self
                .given
                .iter()
                .any(|(it, _)| it.get_id() == argument.get_id());
            !argument.is_positional()
                && !argument.is_hide_set()
                && (!is_given || is_repeatable(argument))
        })
    }

    /// Returns whether an argument is given.
    pub(super) fn has(&self, id: &str) -> bool {
        self.given
            .iter()
            .any(|(argument, _)| argument.get_id() == id)
    }

    /// Returns the value of an argument that is given.
    pub(super) fn value(&self, id: &str) -> Option<&'c str> {
        let is_it = |(argument, _): &&(&'c Arg, _)| argument.get_id() == id;
        self.given.iter().find(is_it)?.1
    }

    /// Reads the words before the last one, and returns what the last one is.
    fn find(&mut self, words: &'c [String]) -> Position<'c> {
        let operands: Vec<&'c Arg> = self.command.get_positionals().collect();
        let Some((last, before)) = words.split_last() else {
            return Position::Nothing;
        };
        let mut next = 0;
        let mut is_after_dashes = false;
        let mut index = 0;
        while index < before.len() {
            let word = &before[index];
            index += 1;
            if !is_after_dashes && word == "--" {
                is_after_dashes = true;
                let program = operands.iter().position(|operand| is_program(operand));
                next = program.unwrap_or(next);
            } else if !is_after_dashes && word.starts_with('-') && word.len() > 1 {
                let Some(option) = self.note_options(word) else {
                    continue;
                };
                let Some(value) = before.get(index) else {
                    let prefix = "";
                    return Position::Value {
                        argument: option,
                        prefix,
                    };
                };
                self.given.push((option, Some(value)));
                index += 1;
            } else {
                next = self.skip_target(next, &before[..index - 1]);
                match operands.get(next) {
                    Some(operand) if is_program(operand) => return Position::Program(index - 1),
                    // The program's name is the first word of its command line.
                    Some(_) if self.command.get_name() == "compat" => {
                        return Position::Program(index - 1);
                    }
                    Some(operand) => {
                        self.given.push((operand, Some(word)));
                        next += usize::from(!is_repeatable(operand));
                    }
                    None => return Position::Nothing,
                }
            }
        }
        if !is_after_dashes && last.starts_with('-') {
            return self.option_or_value(last);
        }
        next = self.skip_target(next, before);
        match operands.get(next) {
            Some(operand) if is_program(operand) => Position::Program(before.len()),
            Some(operand) => Position::Value {
                argument: operand,
                prefix: "",
            },
            None => Position::Nothing,
        }
    }

    /// Notes the options in a word. Returns the one whose value is the next word.
    fn note_options(&mut self, word: &'c str) -> Option<&'c Arg> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let option = self.long(name)?;
            if value.is_none() && takes_next_word(option) {
                return Some(option);
            }
            self.given.push((option, value));
            return None;
        }
        for (at, letter) in word.char_indices().skip(1) {
            let option = self.short(letter)?;
            let rest = &word[at + letter.len_utf8()..];
            if !takes_next_word(option) {
                let file = rest.strip_prefix('=');
                self.given.push((option, file));
                if file.is_some() {
                    return None;
                }
            } else if rest.is_empty() {
                return Some(option);
            } else {
                self.given.push((option, Some(rest)));
                return None;
            }
        }
        None
    }

    /// Returns what a word is that begins with a hyphen.
    fn option_or_value(&self, word: &'c str) -> Position<'c> {
        let is_value = |argument: Option<&'c Arg>, end: usize| {
            let argument = argument.filter(|it| it.get_action().takes_values())?;
            let prefix = &word[..end];
            Some(Position::Value { argument, prefix })
        };
        if let Some(long) = word.strip_prefix("--") {
            let value = long
                .split_once('=')
                .and_then(|(name, _)| is_value(self.long(name), name.len() + 3));
            return value.unwrap_or(Position::Option(word));
        }
        for (at, letter) in word.char_indices().skip(1) {
            let end = at + letter.len_utf8();
            let Some(option) = self.short(letter).filter(|_| end < word.len()) else {
                break;
            };
            let has_equals = word[end..].starts_with('=');
            if takes_next_word(option) || has_equals {
                let end = end + usize::from(has_equals);
                return is_value(Some(option), end).unwrap_or(Position::Nothing);
            }
        }
        Position::Option(word)
    }

    /// Skips the operand TARGET of `nsx enter` if an option names the target.
    fn skip_target(&self, next: usize, before: &[String]) -> usize {
        let is_named = next == 0
            && self.command.get_name() == "enter"
            && enter::is_target_named(
                self.command,
                &before.iter().map(OsString::from).collect::<Vec<_>>(),
            );
        next + usize::from(is_named)
    }

    fn long(&self, name: &str) -> Option<&'c Arg> {
        let mut arguments = self.command.get_arguments();
        arguments.find(|option| option.get_long() == Some(name))
    }

    fn short(&self, letter: char) -> Option<&'c Arg> {
        let mut arguments = self.command.get_arguments();
        arguments.find(|option| option.get_short() == Some(letter))
    }
}

/// Returns whether an option takes the next word for its value.
fn takes_next_word(option: &Arg) -> bool {
    option.get_action().takes_values() && !option.is_require_equals_set()
}

/// Returns whether an argument may be given more than once.
fn is_repeatable(argument: &Arg) -> bool {
    let most = argument
        .get_num_args()
        .map_or(1, |range| range.max_values());
    matches!(argument.get_action(), ArgAction::Append | ArgAction::Count)
        || (argument.is_positional() && most > 1)
}

/// Returns whether a program and its arguments begin at this operand.
fn is_program(operand: &Arg) -> bool {
    operand.is_trailing_var_arg_set()
}
