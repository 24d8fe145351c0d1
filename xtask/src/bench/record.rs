//! `docs/benchmarks.md`: the last result of each part of the bench, with its machine, kernel and
//! commit.

use crate::{Outcome, tree};
use std::{fs, process::Command};

const FILE: &str = "docs/benchmarks.md";

const INTRODUCTION: &str = "\
# Benchmarks

`cargo xtask bench` writes this file: each section is the last result of a part of it.
";

/// Replaces the section of a part, or adds it. `built` tells whether the bench has built what it
/// measured.
pub(super) fn write(title: &str, text: &str, built: bool) -> Outcome {
    let path = tree::root().join(FILE);
    let old = fs::read_to_string(&path).unwrap_or_default();
    let section = format!(
        "{title}\n\n{}\n\n```\n{}\n```\n",
        conditions(built)?,
        text.trim_end()
    );
    fs::create_dir_all(tree::root().join("docs"))?;
    Ok(fs::write(path, with_section(&old, title, &section))?)
}

/// Returns the file with a section instead of the earlier one with that title.
fn with_section(file: &str, title: &str, section: &str) -> String {
    let mut sections: Vec<&str> = file.split("\n## ").skip(1).collect();
    match sections
        .iter_mut()
        .find(|old| old.lines().next() == Some(title))
    {
        Some(old) => *old = section,
        None => sections.push(section),
    }
    let sections = sections
        .iter()
        .map(|section| format!("\n## {}\n", section.trim_end()));
    INTRODUCTION.to_owned() + &sections.collect::<String>()
}

/// Returns the machine, the kernel, the commit and how busy the machine was.
fn conditions(built: bool) -> Outcome<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models: Vec<&str> = processors
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| model)
        .collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "{} {}, Linux {}, {} × {}, load average {}.",
        if built { "Commit" } else { "Beside commit" },
        git(&["rev-parse", "--short", "HEAD"])?,
        kernel.trim(),
        models.len(),
        models.first().unwrap_or(&"unknown processor"),
        load.split(' ').next().unwrap_or("unknown"),
    ))
}

fn git(words: &[&str]) -> Outcome<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(tree::root())
        .args(words)
        .output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_the_one_of_its_title() {
        let one = with_section("", "Starts", "Starts\n\nfirst\n");
        let two = with_section(&one, "Lists", "Lists\n\nsecond\n");
        assert_eq!(
            two,
            format!("{INTRODUCTION}\n## Starts\n\nfirst\n\n## Lists\n\nsecond\n")
        );
        let three = with_section(&two, "Starts", "Starts\n\nthird\n");
        assert_eq!(three, two.replace("first", "third"));
    }
}
