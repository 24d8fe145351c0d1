//! The argument vector of `nsx enter`, split into options, TARGET and program. clap reads only the
//! options.
//!
//! The first word that is not an option is TARGET. It is the program if `-t`, `--all-of` or a file
//! for each kind that is named comes before it. clap cannot express that. Nor can clap distinguish a
//! file that is attached to a short option, as in `nsenter(1)`, from more letters.

use super::docker;
use clap::{Arg, Command};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The parts of an argument vector.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The options with their values, as clap reads them.
    pub(super) options: Vec<OsString>,
    /// TARGET, if it is not the value of an option.
    pub(super) target: Option<OsString>,
    /// The program and its arguments.
    pub(super) program: Vec<OsString>,
    /// The word after `-u`, if that word is TARGET or the program. For docker exec it would be a user.
    pub(super) after_uts: Option<OsString>,
    /// Facts about TARGET from the options.
    form: Form,
    /// `true` if `-u` is the last word that was read.
    is_after_uts: bool,
}

/// Facts about TARGET from the options so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    /// `true` if `-t` or `--all-of` names it.
    is_named: bool,
    /// `true` if a kind has a file.
    has_file: bool,
    /// `true` if a kind has no file, or all kinds are meant.
    lacks_file: bool,
}

impl Form {
    /// Returns whether the next word that is not an option is the program.
    fn is_without_operand(self) -> bool {
        self.is_named || self.is_without_target()
    }

    fn is_without_target(self) -> bool {
        self.has_file && !self.lacks_file
    }
}

impl Arguments {
    /// Splits the words after the command's name. `command` has its options.
    ///
    /// # Errors
    /// A message on words that are options of docker exec alone.
    pub(super) fn read(command: &Command, words: &[OsString]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut words = words;
        while let [word, rest @ ..] = words {
            words = rest;
            match word.as_bytes() {
                b"--" => {
                    read.program = rest.to_vec();
                    break;
                }
                [b'-', b'-', long @ ..] => words = read.long(command, word, long, rest),
                [b'-', letters @ ..] if !letters.is_empty() => {
                    let before = docker::Before {
                        options: &read.options,
                        target: read.target.as_ref(),
                        names_target: read.names_target(),
                    };
                    if let Some(typed) = docker::typed(letters, &before, rest) {
                        return Err(typed);
                    }
                    words = read.short(command, letters, rest);
                }
                _ if read.target.is_none() && !read.form.is_without_operand() => {
                    read.note_after_uts(word);
                    read.target = Some(word.clone());
                }
                _ => {
                    read.note_after_uts(word);
                    read.program = [std::slice::from_ref(word), rest].concat();
                    break;
                }
            }
        }
        Ok(read)
    }

    /// Returns whether no TARGET is needed: each kind that is named has a file.
    pub(super) fn is_without_target(&self) -> bool {
        self.target.is_none() && !self.form.is_named && self.form.is_without_target()
    }

    /// Returns whether an option names TARGET.
    pub(super) fn names_target(&self) -> bool {
        self.form.is_named
    }

    fn note_after_uts(&mut self, word: &OsStr) {
        if std::mem::take(&mut self.is_after_uts) {
            self.after_uts = Some(word.to_owned());
        }
    }

    /// Reads an option by its long name, and returns the words after it and its value.
    fn long<'w>(
        &mut self,
        command: &Command,
        word: &OsStr,
        long: &[u8],
        rest: &'w [OsString],
    ) -> &'w [OsString] {
        self.is_after_uts = false;
        let mut parts = long.splitn(2, |byte| *byte == b'=');
        let (name, has_value) = (parts.next().unwrap_or_default(), parts.next().is_some());
        let option = command
            .get_arguments()
            .find(|option| option.get_long().is_some_and(|it| it.as_bytes() == name));
        self.options.push(word.to_owned());
        match option {
            Some(option) => {
                self.note(option, has_value);
                if has_value {
                    rest
                } else {
                    self.value(option, rest)
                }
            }
            None => rest,
        }
    }

    /// Reads a word of short options, and returns the words after it and its value.
    fn short<'w>(
        &mut self,
        command: &Command,
        letters: &[u8],
        rest: &'w [OsString],
    ) -> &'w [OsString] {
        self.is_after_uts = false;
        for (index, letter) in letters.iter().enumerate() {
            let after = &letters[index + 1..];
            let Some(option) = short(command, *letter) else {
                break;
            };
            if !takes_value(option) {
                self.note(option, false);
                continue;
            }
            if !is_kind(option) {
                self.note(option, true);
                self.options.push(dashed(letters));
                return if after.is_empty() {
                    self.value(option, rest)
                } else {
                    rest
                };
            }
            let is_file = !is_more_letters(command, &letters[..=index], after);
            self.note(option, is_file);
            if is_file {
                let file = after.strip_prefix(b"=").unwrap_or(after);
                self.options
                    .push(dashed(&[&letters[..=index], b"=", file].concat()));
                return rest;
            }
            self.is_after_uts = *letter == b'u' && after.is_empty();
        }
        self.options.push(dashed(letters));
        rest
    }

    /// Reads the value of an option from the next word, if the option takes one there.
    fn value<'w>(&mut self, option: &Arg, rest: &'w [OsString]) -> &'w [OsString] {
        match rest {
            [value, rest @ ..] if takes_value(option) && !is_kind(option) && value != "--" => {
                self.options.push(value.clone());
                rest
            }
            _ => rest,
        }
    }

    /// Notes what an option means for TARGET.
    fn note(&mut self, option: &Arg, has_value: bool) {
        let Form {
            is_named,
            has_file,
            lacks_file,
        } = &mut self.form;
        match option.get_long() {
            Some("target" | "all-of") => *is_named = true,
            Some("all") => *lacks_file = true,
            _ if !is_kind(option) => {}
            _ if has_value => *has_file = true,
            _ => *lacks_file = true,
        }
    }
}

fn short(command: &Command, letter: u8) -> Option<&Arg> {
    command
        .get_arguments()
        .find(|option| option.get_short() == Some(letter.into()))
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

/// Returns whether an option names a kind of namespace. The value of such an option may be missing.
fn is_kind(option: &Arg) -> bool {
    option.is_require_equals_set()
}

/// Returns whether the text after the letter of a kind is more options, and not a file. `before`
/// are the letters up to it.
fn is_more_letters(command: &Command, before: &[u8], after: &[u8]) -> bool {
    let [letter, rest @ ..] = after else {
        return true;
    };
    match short(command, *letter) {
        // A repeated letter begins a file: `-nnet` is the file `net`.
        Some(option) if !before.contains(letter) => {
            let before = [before, &[*letter]].concat();
            let ends =
                takes_value(option) && (!is_kind(option) || matches!(rest, [b'=' | b'/', ..]));
            ends || is_more_letters(command, &before, rest)
        }
        _ => false,
    }
}

fn dashed(letters: &[u8]) -> OsString {
    OsString::from_vec([b"-", letters].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enter::Options;
    use clap::CommandFactory;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    /// The options, TARGET and the program of a line, with `|` between them.
    fn parts(line: &str) -> String {
        let Arguments {
            options,
            target,
            program,
            ..
        } = Arguments::read(&Options::command(), &words(line)).unwrap();
        let join = |words: &[OsString]| words.join(OsStr::new(" ")).into_string().unwrap();
        format!(
            "{}|{}|{}",
            join(&options),
            target.unwrap_or_default().display(),
            join(&program)
        )
    }

    #[test]
    fn each_form_has_its_target_and_its_program() {
        for (line, expected) in [
            ("web", "|web|"),
            ("web sh -c x", "|web|sh -c x"),
            ("web --net -- ss -t", "--net|web|ss -t"),
            ("web --wd /etc -v ls --net", "--wd /etc -v|web|ls --net"),
            ("--wd /etc web ls", "--wd /etc|web|ls"),
            ("-t web ls", "-t web||ls"),
            ("-tweb ls", "-tweb||ls"),
            ("-nt web ls", "-nt web||ls"),
            ("--target=web ls", "--target=web||ls"),
            ("web -t 1 ls", "-t 1|web|ls"),
            ("web grep -t x", "|web|grep -t x"),
            ("--all-of web-* -j 2 ls", "--all-of web-* -j 2||ls"),
            ("--net=a ls /", "--net=a||ls /"),
            ("--net=a --uts=b -- ls", "--net=a --uts=b||ls"),
            ("--net=a -v", "--net=a -v||"),
            ("--net=a --uts ls", "--net=a --uts|ls|"),
            ("--net=a -a ls", "--net=a -a|ls|"),
            ("1 --net=a ls", "--net=a|1|ls"),
            ("-t 1 --net=a ls", "-t 1 --net=a||ls"),
            ("--net -- ss -l", "--net||ss -l"),
            ("--net ss -l", "--net -l|ss|"),
            ("- ls", "|-|ls"),
            ("-t", "-t||"),
            ("-t -- ls", "-t||ls"),
            ("1 --bogus ls", "--bogus|1|ls"),
            ("1 --preserve-fds -1 ls", "--preserve-fds -1|1|ls"),
        ] {
            assert_eq!(parts(line), expected, "{line}");
        }
    }

    #[test]
    fn a_file_may_be_attached_to_a_kind_and_letters_stay_letters() {
        for letter in ["m", "u", "i", "n", "p", "U", "C", "T"] {
            for file in ["/a", "=/a", "./a", "=a"] {
                let expected = format!("-{letter}={}||ls", file.trim_start_matches('='));
                assert_eq!(parts(&format!("-{letter}{file} ls")), expected);
            }
        }
        for (line, expected) in [
            ("-nnet -uuts ls", "-n=net -u=uts||ls"),
            ("-npins/net ls", "-n=pins/net||ls"),
            ("-n/a/b -u 1 ls", "-n=/a/b -u|1|ls"),
            ("-nu 1 ls", "-nu|1|ls"),
            ("-nu/a 1 ls", "-nu=/a|1|ls"),
            ("-vn/a ls", "-vn=/a||ls"),
            ("-uint 1 ls", "-uint 1||ls"),
            ("-unw/etc 1 ls", "-unw/etc|1|ls"),
            ("-un -w /etc 1 ls", "-un -w /etc|1|ls"),
            ("-a 1 ls", "-a|1|ls"),
            ("-Z 1 ls", "-Z|1|ls"),
        ] {
            assert_eq!(parts(line), expected, "{line}");
        }
        let odd = [OsString::from_vec(b"-n/\xff".to_vec()), "ls".into()];
        let read = Arguments::read(&Options::command(), &odd).unwrap();
        assert_eq!(read.options, [OsString::from_vec(b"-n=/\xff".to_vec())]);
        assert!(read.is_without_target());
    }

    #[test]
    fn the_word_after_dash_u_is_known() {
        for (line, expected) in [
            ("web -u ada id", Some("ada")),
            ("-u ada web id", Some("ada")),
            ("-nu ada web", Some("ada")),
            ("web -u -- ada", None),
            ("web -u -n ada", None),
            ("web --uts ada", None),
            ("web -un ada", None),
        ] {
            let read = Arguments::read(&Options::command(), &words(line)).unwrap();
            assert_eq!(read.after_uts, expected.map(OsString::from), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_word_is_lost(words in proptest::collection::vec("[-=/a-zA-Z0-9]{0,6}", 0..6)) {
            let words: Vec<_> = words.into_iter().map(OsString::from).collect();
            if let Ok(read) = Arguments::read(&Options::command(), &words) {
                let separators = words.iter().filter(|word| *word == "--").count();
                let kept = read.options.len() + read.program.len() + usize::from(read.target.is_some());
                proptest::prop_assert!(kept == words.len() || (separators > 0 && kept + 1 == words.len()));
            }
        }
    }
}
