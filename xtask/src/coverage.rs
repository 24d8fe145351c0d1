//! `cargo xtask coverage`: the lines of the libraries that tests run.
//!
//! The compiler counts what runs; llvm-profdata and llvm-cov of the same LLVM read the counts. They
//! are in rustup's component `llvm-tools` and in Debian's packages `llvm-22` and the like.

use crate::{Outcome, host, say, tree};
use clap::Args;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Run the system tests too, as the current user: some minutes more
    #[arg(long)]
    system: bool,
}

/// The sources whose lines are counted.
const SOURCES: [&str; 2] = ["crates/nsx-core/src/", "crates/nsx-target/src/"];

pub(crate) fn run(options: &Options) -> Outcome {
    let directory = tree::root().join("target/coverage");
    let counts = directory.join("counts");
    let _ = fs::remove_dir_all(&counts);
    let mut tests = vec!["--package=nsx-core", "--package=nsx-target"];
    if options.system {
        tests.extend(["--package=nsx", "--test=system", "--lib"]);
    }
    let cargo = |arguments: &[&str]| {
        let mut cargo = tree::cargo();
        cargo
            .arg("test")
            .args(&tests)
            .args(arguments)
            .env("CARGO_TARGET_DIR", &directory)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_ENCODED_RUSTFLAGS", "-Cinstrument-coverage")
            .env("LLVM_PROFILE_FILE", counts.join("%m-%p.profraw"));
        cargo
    };
    let built = cargo(&["--no-run", "--message-format=json"]).output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into());
    }
    if !cargo(&["--no-fail-fast"]).status()?.success() {
        say("some tests failed; their lines count as they ran\n")?;
    }
    let programs = programs(&String::from_utf8_lossy(&built.stdout));
    let merged = directory.join("merged.profdata");
    let mut merge = Command::new(llvm("llvm-profdata")?);
    merge.args(["merge", "--sparse", "--failure-mode=all"]);
    for entry in fs::read_dir(&counts)? {
        merge.arg(entry?.path());
    }
    if !merge.arg("--output").arg(&merged).status()?.success() {
        return Err("failed to merge the counts".into());
    }
    let mut export = Command::new(llvm("llvm-cov")?);
    export.args(["export", "--summary-only", "--instr-profile"]);
    export.arg(merged);
    for program in &programs {
        export.arg("--object").arg(program);
    }
    let report: Value = serde_json::from_slice(&export.output()?.stdout)?;
    print(&report)
}

/// Returns the programs that cargo built, by its messages.
fn programs(messages: &str) -> Vec<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let paths = messages.filter_map(|message: Value| Some(message["executable"].as_str()?.into()));
    paths.collect()
}

/// Finds a tool of the compiler's LLVM: beside the standard library, or a package of Debian.
fn llvm(tool: &str) -> Outcome<PathBuf> {
    let rustc = Command::new("rustc")
        .args(["-vV", "--print=target-libdir"])
        .output()?;
    let text = String::from_utf8(rustc.stdout)?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: ")?.split('.').next());
    let version = version.ok_or("rustc does not name its LLVM")?;
    let library = text.lines().find(|line| line.starts_with('/'));
    let own = library.and_then(|path| Some(Path::new(path).parent()?.join("bin").join(tool)));
    own.filter(|path| path.exists())
        .or_else(|| host::which(&format!("{tool}-{version}")))
        .ok_or_else(|| {
            format!("{tool} is not installed: rustup component add llvm-tools, or apt-get install llvm-{version}").into()
        })
}

/// Prints the files, those with the most lines that did not run first, and the sum of each crate.
fn print(report: &Value) -> Outcome {
    let mut files = Vec::new();
    for file in report["data"][0]["files"].as_array().into_iter().flatten() {
        let name = file["filename"].as_str().unwrap_or_default();
        let Ok(name) = Path::new(name).strip_prefix(tree::root()) else {
            continue;
        };
        let lines = &file["summary"]["lines"];
        if let (Some(all), Some(covered)) = (lines["count"].as_u64(), lines["covered"].as_u64()) {
            files.push((all - covered, all, name.display().to_string()));
        }
    }
    files.sort_by_key(|(missed, _, _)| std::cmp::Reverse(*missed));
    let mut text = String::from("MISSED  LINES  FILE\n");
    for (missed, all, name) in &files {
        if SOURCES.iter().any(|source| name.starts_with(source)) && *missed > 0 {
            text += &format!("{missed:6} {all:6}  {name}\n");
        }
    }
    for source in SOURCES {
        let own = files.iter().filter(|(_, _, name)| name.starts_with(source));
        let (missed, all) = own.fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
        let part = 100.0 * (all - missed) as f64 / all.max(1) as f64;
        text += &format!("{part:.1} % of the lines in {source} ran\n");
    }
    say(&text)
}
