//! `nsx __complete SHELL WORD...`: the words that may follow on a command line.
//!
//! The scripts in `crates/nsx/completions` call it. The first line of its output is the kind of
//! answer; each further line is a word. Every shell proposes what it is given and runs nothing of
//! it: names that a shell or a terminal could take for anything else are left out.

mod answer;
mod bash;
mod line;
mod values;

use crate::{error::Error, exit::ExitStatus, out::Output};
use answer::{Answer, Word};
use clap::Command;
use line::{Line, Position};
use std::ffi::OsString;

/// A shell with completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// GNU bash
    Bash,
    /// The friendly interactive shell
    Fish,
    /// The Z shell
    Zsh,
}

/// Answers the script of a shell about the commands of `nsx`. `arguments` are the shell and the words
/// that its script passes on.
pub(crate) fn run(nsx: Command, arguments: &[OsString]) -> Result<ExitStatus, Error> {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    let shell = words.next().unwrap_or_default();
    let rest: Vec<String> = words.map(|word| word.into_owned()).collect();
    let text = match &*shell {
        "bash" => bash::answer(nsx, &rest),
        "zsh" => of(nsx, &rest).for_zsh(),
        "fish" => of(nsx, &rest).for_fish(),
        _ => return Err(Error::usage("the shells are bash, zsh and fish")),
    };
    Output::default().print(crate::answer::Answer::text(text))
}

/// Returns the answer for the words after `nsx`, of which the last is completed.
fn of(mut nsx: Command, words: &[String]) -> Answer {
    match words {
        // `nsx ss` is `nsx net --sockets`.
        [name, rest @ ..] if name == "ss" && !rest.is_empty() => {
            let words = [&["net".to_owned(), "--sockets".to_owned()], rest].concat();
            of_command(&mut nsx, &words, 1)
        }
        [help, rest @ ..] if help == "help" && !rest.is_empty() => match rest {
            [_] => Answer::words(commands(&nsx)),
            _ => Answer::default(),
        },
        _ => of_command(&mut nsx, words, 1),
    }
}

/// Returns the answer for the words after the name of a command, which is the word before the index
/// `start` of the line.
fn of_command(command: &mut Command, words: &[String], start: usize) -> Answer {
    let is_name = words.first().is_some_and(|word| !word.starts_with('-'));
    if command.has_subcommands() && is_name {
        return match words {
            [name, rest @ ..] if !rest.is_empty() => match command.find_subcommand_mut(name) {
                Some(command) => of_command(command, rest, start + 1),
                None => Answer::default(),
            },
            _ => Answer::words(commands(command)),
        };
    }
    command.build();
    let line = Line::read(command, words);
    match &line.position {
        Position::Option(text) => Answer::words(options(&line, text)),
        Position::Value { argument, prefix } => {
            let text = words.last().map_or("", |word| &word[prefix.len()..]);
            let mut answer = values::of(&line, argument, text);
            answer.prepend(prefix);
            answer
        }
        Position::Program(index) => Answer::program(index + start),
        Position::Nothing => Answer::default(),
    }
}

fn commands(command: &Command) -> Vec<Word> {
    let commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let mut words: Vec<_> = commands
        .map(|command| Word::described(command.get_name(), command.get_about()))
        .collect();
    if command.get_name() == "nsx" {
        words.push(Word::new("ss", "List sockets of all network namespaces"));
        words.push(Word::new("help", "Explain a command"));
    }
    words
}

/// Returns the options that may follow: long names, and short ones of options without or if the
/// text has the letter.
fn options(line: &Line<'_>, text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for option in line.options() {
        let long = option.get_long().map(|long| format!("--{long}"));
        let short = option.get_short().map(|letter| format!("-{letter}"));
        let short = short.filter(|short| long.is_none() || short == text);
        let names = long.into_iter().chain(short);
        words.extend(names.map(|name| Word::described(name, option.get_help())));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{answer::Kind, *};
    use crate::cli::Nsx;
    use clap::CommandFactory;

    /// Returns the answer for a line after `nsx`, whose last word may be empty.
    fn answer(line: &str) -> Answer {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        of(Nsx::command(), &words)
    }

    /// Returns the words that are proposed for the last word of a line.
    fn words(line: &str) -> Vec<String> {
        let last = line.rsplit(' ').next().unwrap();
        let words = answer(line).words.into_iter().map(|word| word.text);
        words.filter(|word| word.starts_with(last)).collect()
    }

    #[test]
    fn each_position_has_its_words() {
        for (line, expected) in [
            ("ent", &["enter"][..]),
            ("help ent", &["enter"]),
            ("help s", &["ss"]),
            ("--vers", &["--version"]),
            ("enter --host-t", &["--host-tools"]),
            ("enter web --net --host-t", &["--host-tools"]),
            ("enter web --host-tools --host-t", &[]),
            ("ls -t ne", &["net"]),
            ("ls -tne", &["-tnet"]),
            ("ls -qtne", &["-qtnet"]),
            ("ls -t net,ut", &["net,uts"]),
            ("ls -t net,ne", &[]),
            ("ls --type=net,ut", &["--type=net,uts"]),
            ("ls -o nproc", &["nprocs"]),
            ("ls -o +nproc", &["+nprocs"]),
            ("ls -o ns,nproc", &["ns,nprocs"]),
            ("ls --pids -o chai", &["chain"]),
            ("ls -o chai", &[]),
            ("ls --tree=o", &["--tree=owner"]),
            ("ls --graph m", &["mermaid"]),
            ("ls --color=ne", &["--color=never"]),
            ("net -o maste", &["master"]),
            ("ss -o remot", &["remote"]),
            ("net --sockets -o remot", &["remote"]),
            ("mounts -o propag", &["propagation"]),
            ("can self tra", &["trace"]),
            ("can sel", &["self"]),
            ("unshare --cap-drop net_ra", &["net_raw"]),
            ("unshare --cap-keep CAP_NET_RA", &["CAP_NET_RAW"]),
            ("unshare --cap-drop al", &["all"]),
            ("unshare --kill-child=TER", &["--kill-child=TERM"]),
            ("unshare --map-users su", &["subids"]),
            ("unshare --link macv", &["macvlan:"]),
            ("unshare --link veth,br", &["veth,bridge="]),
            ("unshare --link pasta,br", &[]),
            ("unshare --limit memory=1M,pi", &["memory=1M,pids="]),
            ("unshare --join ne", &["net="]),
            ("unshare --join net,ut", &["net,uts="]),
            ("unshare --pin ut", &["uts="]),
            ("unshare -S roo", &["root"]),
            ("enter 1 -- --host-t", &[]),
            ("compat nsen", &["nsenter"]),
            ("bogus x", &[]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_program_follows_the_target() {
        for (line, index) in [
            ("enter web l", 3),
            ("enter web ls -l", 3),
            ("enter -t web l", 4),
            ("enter web --net -- l", 5),
            ("enter --net=/x l", 3),
            ("unshare -r l", 3),
            ("unshare --name x ls --", 4),
            ("trace l", 2),
            ("trace -- l", 3),
            ("compat nsenter -", 2),
        ] {
            assert_eq!(answer(line).kind, Kind::Program(index), "{line}");
        }
        for line in ["enter w", "enter --net w", "enter --wd /x w", "ls -p w"] {
            assert_eq!(answer(line).kind, Kind::Words, "{line}");
        }
    }

    #[test]
    fn files_follow_the_part_before_them() {
        for (line, kind) in [
            ("unshare --net=/r", Kind::Files(6)),
            ("unshare --root /", Kind::Directories(0)),
            ("unshare --root=/", Kind::Directories(7)),
            ("unshare --bind /a:/b", Kind::Files(3)),
            ("unshare --pin net=/r", Kind::Files(4)),
            ("pin web net=/r", Kind::Files(4)),
            ("rm /r", Kind::Files(0)),
            ("ls --from x", Kind::Files(0)),
            ("ls --proc x", Kind::Directories(0)),
        ] {
            assert_eq!(answer(line).kind, kind, "{line}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        #[test]
        fn no_line_makes_it_panic(words in proptest::collection::vec("[-=,:/a-z+ä]{0,6}", 0..5)) {
            for command in ["enter", "unshare", "ls", "net", "rm", "idmap", "help"] {
                of(Nsx::command(), &[&[command.to_owned()], words.as_slice()].concat());
            }
        }
    }
}
