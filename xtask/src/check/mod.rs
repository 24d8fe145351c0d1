//! `cargo xtask check`: what a compiler does not see.

use crate::{
    Outcome, completions, man,
    tree::{self, Generated},
};
use clap::Command;
use std::{collections::BTreeSet, path::Path};

/// The only registry that a lock file may name.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The options that nsx has as a program of util-linux.
const STRICT: [&str; 3] = [
    "crates/nsx/src/compat/lsns/help.txt",
    "crates/nsx/src/compat/nsenter/help.txt",
    "crates/nsx/src/compat/unshare/help.txt",
];

/// Directories that are somebody's machine.
const MACHINE: [&str; 3] = ["home", "work", "Users"];

/// Runs all checks and lists what each found.
pub(crate) fn run() -> Outcome {
    let mut problems = stale(&[man::pages()?, completions::scripts()].concat());
    problems.extend(options_and_pages_differ()?);
    for path in tree::committed()? {
        let text = tree::read(&path)?;
        let found = [
            litter(&path, &text),
            unheaded(&path, &text),
            misbegun(&path, &text),
            missing_files(&path, &text),
            missing_tests(&path, &text),
        ]
        .concat();
        problems.extend(
            found
                .iter()
                .map(|problem| format!("{}: {problem}", path.display())),
        );
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\nxtask: ").into())
    }
}

/// Generated files that are not what would be generated now.
fn stale(files: &[Generated]) -> Vec<String> {
    let stale = files
        .iter()
        .filter(|file| !tree::read(&file.path).is_ok_and(|text| text == file.text));
    stale
        .map(|file| {
            format!(
                "{} is not current: run `cargo xtask {}`",
                file.path.display(),
                file.by
            )
        })
        .collect()
}

/// Options that a command has and its page has not, and those in the page that no command has.
fn options_and_pages_differ() -> Outcome<Vec<String>> {
    let commands = man::commands();
    let all: BTreeSet<_> = commands.iter().flat_map(long_options).collect();
    let mut strict = all.clone();
    for help in STRICT {
        strict.extend(options_in(&tree::read(Path::new(help))?));
    }
    let mut problems = Vec::new();
    for command in &commands {
        let path = man::path(command);
        let told = options_in(&tree::read(&path)?);
        let lacking = long_options(command).filter(|option| !told.contains(option));
        problems.extend(lacking.map(|option| format!("{}: {option} is not in it", path.display())));
        let known = if command.get_name() == "compat" {
            &strict
        } else {
            &all
        };
        let gone = told
            .difference(known)
            .map(|option| format!("{}: {option} is no option", path.display()));
        problems.extend(gone);
    }
    Ok(problems)
}

fn long_options(command: &Command) -> impl Iterator<Item = String> {
    let visible = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    visible
        .filter_map(|argument| argument.get_long())
        .map(|name| format!("--{name}"))
}

/// The long options that the roff of a page mentions.
fn options_in(page: &str) -> BTreeSet<String> {
    let text = ["\\fB", "\\fI", "\\fR"]
        .iter()
        .fold(page.replace("\\-", "-"), |text, font| {
            text.replace(font, " ")
        });
    let words = text.split(|letter: char| letter != '-' && !letter.is_ascii_alphanumeric());
    // In `--KIND=FILE` the option is a placeholder too.
    let names = words.filter(|word| {
        word.strip_prefix("--")
            .is_some_and(|name| name.starts_with(char::is_lowercase))
    });
    names.map(str::to_owned).collect()
}

/// Lists what belongs to a machine, an editor or a merge.
fn litter(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with('~')
        || [".swp", ".orig", ".rej"]
            .iter()
            .any(|end| name.ends_with(end))
        || name == ".DS_Store"
    {
        found.push("left by an editor or a merge".to_owned());
    }
    for (line, number) in text.lines().zip(1..) {
        if MACHINE
            .iter()
            .any(|directory| names_root_directory(line, directory))
        {
            found.push(format!("line {number} names a directory of one machine"));
        }
        if ["registry", "sparse"]
            .iter()
            .any(|kind| line.contains(&format!("\"{kind}+")))
            && !line.contains(CRATES_IO)
        {
            found.push(format!(
                "line {number} names a registry that is not crates.io"
            ));
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            found.push(format!("line {number} is left from a merge"));
        }
    }
    found
}

/// Returns whether a path below `/directory` is in the line.
fn names_root_directory(line: &str, directory: &str) -> bool {
    let path = format!("/{directory}/");
    let before = |place: usize| line[..place].chars().next_back();
    line.match_indices(&path).any(|(place, _)| {
        before(place).is_none_or(|letter| !(letter.is_alphanumeric() || "._-}/".contains(letter)))
    })
}

/// A module that does not say what it is for.
fn unheaded(path: &Path, text: &str) -> Vec<String> {
    let headed =
        path.extension().is_none_or(|extension| extension != "rs") || text.starts_with("//!");
    if headed {
        Vec::new()
    } else {
        vec!["does not begin with `//!` and what the module is for".to_owned()]
    }
}

/// Words with which no documentation begins: it begins with a noun phrase or a verb in the third
/// person.
const NO_BEGINNINGS: [&str; 9] = [
    "What ",
    "Who ",
    "Whose ",
    "Whom ",
    "Where ",
    "How ",
    "Whether ",
    "The same ",
    "One that ",
];

/// Lists the paragraphs of documentation that begin with one of those words.
fn misbegun(path: &Path, text: &str) -> Vec<String> {
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut is_first = true;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start();
        let comment = ["/// ", "//! "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark));
        if is_first
            && comment
                .is_some_and(|comment| NO_BEGINNINGS.iter().any(|word| comment.starts_with(word)))
        {
            found.push(format!(
                "line {number} begins documentation neither with a noun phrase nor with a verb"
            ));
        }
        is_first = comment.is_none();
    }
    found
}

/// Files that a document in the root directory names and that are not there: the targets of its
/// links, and words in backticks that begin with a directory of the repository.
fn missing_files(path: &Path, text: &str) -> Vec<String> {
    if path.extension().is_none_or(|extension| extension != "md") || path.components().count() > 1 {
        return Vec::new();
    }
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let words = text.split('`').skip(1).step_by(2).filter(|word| {
        let directory = word.split_once('/').map(|(directory, _)| directory);
        directory.is_some_and(|name| !name.is_empty() && tree::root().join(name).is_dir())
    });
    let missing = links
        .chain(words)
        .filter(|name| !tree::root().join(name).exists());
    missing
        .map(|name| format!("names {name}, which is not there"))
        .collect()
}

/// Tests that a document in the root directory names and that do not exist: words in backticks such
/// as `enter::pty::a_test`, a function of a file below tests/.
fn missing_tests(path: &Path, text: &str) -> Vec<String> {
    if path.extension().is_none_or(|extension| extension != "md") || path.components().count() > 1 {
        return Vec::new();
    }
    let names = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| names_test(word));
    names
        .filter(|name| !test_exists(name))
        .map(|name| format!("names the test {name}, which does not exist"))
        .collect()
}

/// Returns whether a word has the form of a test's name: lowercase names with `::` between them,
/// the last one a sentence.
fn names_test(word: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_'))
    };
    word.split("::").count() > 1
        && word.split("::").all(is_name)
        && word
            .rsplit("::")
            .next()
            .is_some_and(|name| name.matches('_').count() > 1)
}

fn test_exists(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else {
        return false;
    };
    let file = format!("tests/{}", module.replace("::", "/"));
    [format!("{file}.rs"), format!("{file}/mod.rs")]
        .iter()
        .any(|file| {
            tree::read(Path::new(file)).is_ok_and(|text| text.contains(&format!("fn {function}(")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_named_must_exist() {
        let named =
            |word: &str| missing_tests(Path::new("SECURITY.md"), &format!("held by `{word}`"));
        assert!(named("enter::hostile::no_descriptor_of_the_callers_leaks_in").is_empty());
        assert_eq!(named("enter::hostile::no_such_test_exists").len(), 1);
        assert_eq!(named("no_such_file::no_such_test_exists").len(), 1);
        assert!(named("nsx_core::sys").is_empty() && named("std::process").is_empty());
    }

    #[test]
    fn a_directory_of_a_machine_is_seen_and_one_below_another_is_not() {
        assert!(names_root_directory("/lab/x", "lab"));
        assert!(names_root_directory("see \"/lab/x\"", "lab"));
        assert!(!names_root_directory(
            "{dir}/lab/x and overlay/lab/x",
            "lab"
        ));
        assert!(!names_root_directory("/laboratory", "lab"));
    }
}
