//! Counts that repeat from run to run: instructions and system calls.

use super::Work;
use crate::Outcome;
use std::{fs, path::Path};

/// Instructions in user space, of the process and its forked children, each until its exec.
///
/// Callgrind writes its counts when a process ends. It loses them at an exec, and a forked child
/// begins with its parent's counts, so callgrind is told to write before both, which also clears
/// the counts. The result is the sum of all files.
pub(super) fn instructions(work: &Work, directory: &Path) -> Outcome<u64> {
    instructions_with(&[], work, directory)
}

/// Like [`instructions`], but with variables in the environment, `NAME=VALUE` each.
pub(super) fn instructions_with(
    environment: &[&str],
    work: &Work,
    directory: &Path,
) -> Outcome<u64> {
    for old in fs::read_dir(directory)? {
        fs::remove_file(old?.path())?;
    }
    let files = format!("--callgrind-out-file={}/%p", directory.display());
    let valgrind = [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--vgdb=no",
        &files,
    ];
    let dump = [
        "--dump-before=*execve",
        "--dump-before=*fork",
        "--dump-before=*_Fork",
    ];
    work.run(&[&["env"], environment, &valgrind, &dump].concat())?;
    let mut sum = 0;
    for file in fs::read_dir(directory)? {
        let text = fs::read_to_string(file?.path())?;
        let totals = text
            .lines()
            .filter_map(|line| line.strip_prefix("totals: "));
        sum += totals.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    }
    Ok(sum)
}

/// System calls of the process and of its descendants.
pub(super) fn system_calls(work: &Work, directory: &Path) -> Outcome<u64> {
    let file = directory.join("calls");
    work.run(&["strace", "-f", "-c", "-o", &file.to_string_lossy()])?;
    let summary = fs::read_to_string(file)?;
    let total = summary.lines().rev().find(|line| line.ends_with(" total"));
    // % time, seconds, usecs/call, calls, errors if there were any, syscall.
    let calls = total.and_then(|line| line.split_ascii_whitespace().nth(3));
    Ok(calls.ok_or("strace printed no total")?.parse()?)
}
