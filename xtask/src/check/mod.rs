//! `cargo xtask check`: properties of the repository that a compiler does not check.

mod circles;
mod litter;
mod references;
mod words;

use crate::{
    Outcome, api, man,
    tree::{self, Generated},
};
use clap::Command;
use std::{collections::BTreeSet, path::Path};

/// The options that nsx has as a program of util-linux.
const STRICT: [&str; 3] = [
    "crates/nsx/src/compat/lsns/help.txt",
    "crates/nsx/src/compat/nsenter/help.txt",
    "crates/nsx/src/compat/unshare/help.txt",
];

/// The crates whose files import each other in one direction.
const SOURCES: [&str; 4] = [
    "crates/nsx/src",
    "crates/nsx-core/src",
    "crates/nsx-target/src",
    "xtask/src",
];

/// Runs all checks and lists their findings.
pub(crate) fn run() -> Outcome {
    let mut problems = stale(&[man::pages()?, api::listings()?].concat());
    problems.extend(options_and_pages_differ()?);
    problems.extend(other_versions()?);
    for source in SOURCES {
        problems.extend(circle_in(Path::new(source))?);
    }
    for path in tree::committed()? {
        let text = tree::read(&path)?;
        let found = [
            litter::litter(&path, &text),
            unheaded(&path, &text),
            words::unplain(&path, &text),
            references::missing(&path, &text),
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

/// Returns a circle of imports between the files in a directory, if there is one.
fn circle_in(source: &Path) -> Outcome<Option<String>> {
    let mut files = Vec::new();
    for path in tree::committed()? {
        if let Ok(module) = path.strip_prefix(source)
            && module
                .extension()
                .is_some_and(|extension| extension == "rs")
        {
            files.push((module.to_owned(), tree::read(&path)?));
        }
    }
    let circle = circles::circle(&files);
    Ok(circle.map(|circle| format!("{}: {circle}", source.display())))
}

/// Files in packaging/ that are for another version.
fn other_versions() -> Outcome<Vec<String>> {
    let version = env!("CARGO_PKG_VERSION");
    let mut problems = Vec::new();
    for (file, text) in [
        ("PKGBUILD", format!("\n_version={version}\n")),
        ("nsx.rb", format!("/v{version}.tar.gz\"")),
        ("kubernetes/daemonset.yaml", format!("/nsx:{version}\n")),
    ] {
        let path = Path::new("packaging").join(file);
        if !tree::read(&path)?.contains(&text) {
            problems.push(format!("{}: is not for version {version}", path.display()));
        }
    }
    Ok(problems)
}

/// Generated files that are out of date.
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

/// Options without a line in their command's page, and options in a page that no command has.
fn options_and_pages_differ() -> Outcome<Vec<String>> {
    let commands = man::commands();
    // Remedies in the pages' samples call usermod(8).
    let of_usermod = ["--add-subuids", "--add-subgids"].map(str::to_owned);
    let all: BTreeSet<_> = commands
        .iter()
        .flat_map(long_options)
        .chain(of_usermod)
        .collect();
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
            .map(|option| format!("{}: {option} is not an option", path.display()));
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

/// Returns the long options that the roff of a page mentions.
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

/// Returns a module without a header.
fn unheaded(path: &Path, text: &str) -> Vec<String> {
    let headed = path.extension().is_none_or(|extension| extension != "rs")
        || ["//!", "#![doc = include_str!"]
            .iter()
            .any(|start| text.starts_with(start));
    if headed {
        Vec::new()
    } else {
        vec!["does not begin with documentation of the module".to_owned()]
    }
}
