//! Files and tests that a document in the root directory names and that do not exist.

use crate::tree;
use std::path::Path;

/// Lists the files and tests that a document names and that do not exist.
pub(super) fn missing(path: &Path, text: &str) -> Vec<String> {
    let is_document = path.extension().is_some_and(|extension| extension == "md")
        && path.components().count() == 1;
    if !is_document {
        return Vec::new();
    }
    let quoted: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    let files = links(text)
        .chain(quoted.iter().copied().filter(|word| names_file(word)))
        .filter(|name| !tree::root().join(name).exists())
        .map(|name| format!("names {name}, which does not exist"));
    let tests = quoted
        .iter()
        .filter(|word| names_test(word) && !test_exists(word))
        .map(|name| format!("names the test {name}, which does not exist"));
    files.chain(tests).collect()
}

/// Returns the targets of the links to files of the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
}

/// Returns whether a word begins with a directory of the repository.
fn names_file(word: &str) -> bool {
    word.split_once('/')
        .is_some_and(|(name, _)| !name.is_empty() && tree::root().join(name).is_dir())
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
    word.rsplit_once("::")
        .is_some_and(|(_, name)| name.matches('_').count() > 1)
        && word.split("::").all(is_name)
}

/// Returns whether a word such as `enter::pty::a_test` names a function of a file below tests/.
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

    fn named(word: &str) -> Vec<String> {
        missing(Path::new("SECURITY.md"), &format!("held by `{word}`"))
    }

    #[test]
    fn a_test_that_is_named_must_exist() {
        assert!(named("enter::hostile::no_descriptor_of_the_callers_leaks_in").is_empty());
        assert_eq!(named("enter::hostile::no_such_test_exists").len(), 1);
        assert_eq!(named("no_such_file::no_such_test_exists").len(), 1);
        assert!(named("nsx_core::process").is_empty() && named("std::process").is_empty());
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        assert!(named("tests/main.rs").is_empty() && named("no/such/file").is_empty());
        assert_eq!(named("tests/no_such_file.rs").len(), 1);
    }
}
