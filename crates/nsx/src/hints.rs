//! Hints for errors whose cause can be told.

use crate::remedy;
use nsx_core::{pid::Process, proc::ProcRoot, refusal};
use nsx_target::{ParseTargetError, TargetError, enter::EnterError};

/// Returns what may help, one hint per line.
pub(crate) fn of_target(error: &TargetError) -> Vec<String> {
    of_form(error).into_iter().chain(error.hints()).collect()
}

/// Returns a hint for a program that cannot be requested inside a target.
pub(crate) fn of_entry(error: &EnterError) -> Vec<String> {
    let hint = match error {
        EnterError::Frozen(_) => "let it go on first, or stay out of its cgroup with --no-cgroup",
        EnterError::Cgroups(_) | EnterError::Cgroup { .. } => {
            "stay out of its cgroup, and its limits, with --no-cgroup"
        }
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

/// Returns a hint from the form of the word: a variable of a script may hold nothing, or more than
/// one target.
fn of_form(error: &TargetError) -> Option<String> {
    let word = match error {
        TargetError::NotATarget {
            source: ParseTargetError::Empty,
            ..
        } => {
            return Some("is a variable that names the target empty?".to_owned());
        }
        TargetError::NotATarget { word, .. } => word.to_string_lossy().into_owned(),
        TargetError::Nothing { target, .. } => target.to_string(),
        _ => return None,
    };
    let (lines, words) = (
        word.split_terminator('\n').count(),
        word.split_whitespace().count(),
    );
    let number = |count: usize| {
        if count == 2 {
            "two".to_owned()
        } else {
            count.to_string()
        }
    };
    match (lines, words) {
        (2.., _) => Some(format!(
            "the word has {} lines, and a target is one: name each by itself",
            number(lines)
        )),
        (_, 2..) => Some(format!(
            "these are {} words in one, and a target is one: name each by itself",
            number(words)
        )),
        _ => None,
    }
}

/// Returns hints on why the kernel does not let the caller look at a process, as far as that can be
/// told, and on how to get around that.
pub(crate) fn of_guard(process: &Process) -> Vec<String> {
    let refusal = ProcRoot::system()
        .ok()
        .and_then(|proc| refusal::access(process, &proc));
    refusal.as_ref().map_or_else(Vec::new, remedy::hints)
}
