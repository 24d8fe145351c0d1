//! What repeats from run to run: instructions and system calls.

use super::Work;
use crate::Outcome;
use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

/// Instructions in user space, of the process and those that it forks, each up to where it becomes another program.
///
/// Callgrind writes what it counted when a process ends, but loses it at an exec, so it is told to write before that too.
/// It clears its counts when it writes and in a forked child: the sum of all it wrote is the answer.
pub(super) fn instructions(work: &Work, directory: &Path) -> Outcome<u64> {
    for old in fs::read_dir(directory)? {
        fs::remove_file(old?.path())?;
    }
    let files = option("--callgrind-out-file=", &directory.join("%p"));
    let callgrind =
        ["valgrind", "--quiet", "--tool=callgrind", "--vgdb=no", "--trace-children=no", "--dump-before=*execve"];
    work.run(&[&callgrind.map(OsStr::new)[..], &[&files]].concat())?;
    let mut sum = 0;
    for file in fs::read_dir(directory)? {
        let text = fs::read_to_string(file?.path())?;
        let totals = text.lines().filter_map(|line| line.strip_prefix("totals: "));
        sum += totals.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    }
    Ok(sum)
}

/// System calls of the process and those that it starts, without those of the program `true` if it runs that.
pub(super) fn system_calls(work: &Work, directory: &Path) -> Outcome<u64> {
    let runs_true = work.0.last().is_some_and(|word| word == "true");
    let others = if runs_true { all_system_calls(&Work(vec!["true".into()]), directory)? } else { 0 };
    Ok(all_system_calls(work, directory)?.saturating_sub(others))
}

fn all_system_calls(work: &Work, directory: &Path) -> Outcome<u64> {
    let file = directory.join("calls");
    work.run(&[&["strace", "-f", "-c", "-o"].map(OsStr::new)[..], &[file.as_os_str()]].concat())?;
    let summary = fs::read_to_string(file)?;
    let total = summary.lines().rev().find(|line| line.ends_with(" total"));
    // % time, seconds, usecs/call, calls, errors if there were any, syscall.
    let calls = total.and_then(|line| line.split_ascii_whitespace().nth(3));
    Ok(calls.ok_or("strace printed no total")?.parse()?)
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}
