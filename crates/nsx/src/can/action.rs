//! The question whether one process may do something to another.

use crate::{
    answer::{Answer, Part},
    error::Error,
    paragraph::Paragraph,
    program, target,
};
use nsx_core::{
    capability::names,
    permission::{Action, Check, Outcome, Subject, checks},
    pid::Process,
    proc::{ProcError, ProcRoot},
    refusal,
};
use serde::Serialize;
use std::ffi::{OsStr, OsString};

/// The question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) process: OsString,
    pub(super) action: Action,
    pub(super) target: OsString,
    pub(super) json: bool,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    process: i32,
    action: &'static str,
    target: i32,
    /// `true` if it may; none if facts are hidden.
    allowed: Option<bool>,
    checks: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    rule: &'static str,
    /// None if facts are hidden.
    passed: Option<bool>,
    why: String,
    /// The capabilities that would help.
    missing: Vec<String>,
    /// The user namespace in which they are missing.
    user_ns: Option<u64>,
}

impl Question {
    pub(super) fn answer(self) -> Result<Answer, Error> {
        let proc = program::procfs()?;
        let process = find(&self.process)?;
        let target = target::resolve(&self.target)?.process;
        let who = read(&process, &proc)?;
        let checks = match Subject::of(&target, &proc) {
            Ok(whom) => checks(&who, self.action, &whom, &proc),
            // What hides the target from the caller forbids these actions to the caller, too.
            Err(ProcError::Denied) if self.process == "self" && self.action != Action::Signal => {
                vec![denied(&target, &proc)]
            }
            Err(error) => return Err(unread(&target, error)),
        };
        let allowed = allowed(&checks);
        let answer = if self.json {
            Answer::json(&Document {
                version: 1,
                process: process.pid().as_raw_pid(),
                action: word(self.action),
                target: target.pid().as_raw_pid(),
                allowed,
                checks: checks.iter().map(Row::from).collect(),
            })?
        } else {
            let heading = format!(
                "process {} {} {} process {}",
                process.pid(),
                match allowed {
                    Some(true) => "may",
                    Some(false) => "may not",
                    None => "may perhaps",
                },
                verb(self.action),
                target.pid(),
            );
            let lines = checks.iter().map(paragraph);
            let all = std::iter::once(Paragraph::new("", heading)).chain(lines);
            Answer::of(vec![Part::Paragraphs(all.collect())])
        };
        Ok(answer.found(allowed == Some(true)))
    }
}

impl From<&Check> for Row {
    fn from(check: &Check) -> Self {
        Self {
            rule: check.rule,
            passed: passed(check.outcome),
            why: check.why.clone(),
            missing: check.missing.map_or_else(Vec::new, |(set, _)| names(set)),
            user_ns: check.missing.map(|(_, ns)| ns.inode),
        }
    }
}

fn paragraph(check: &Check) -> Paragraph {
    let word = match check.outcome {
        Outcome::Passes => "  yes  ",
        Outcome::Fails => "  no   ",
        Outcome::Unknown => "  ?    ",
    };
    Paragraph::new(word, format!("{}: {}", check.rule, check.why))
}

fn passed(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Passes => Some(true),
        Outcome::Fails => Some(false),
        Outcome::Unknown => None,
    }
}

/// A check that fails is certain, whatever is unknown.
fn allowed(checks: &[Check]) -> Option<bool> {
    let outcomes: Vec<_> = checks.iter().map(|check| passed(check.outcome)).collect();
    match outcomes.contains(&Some(false)) {
        true => Some(false),
        false if outcomes.contains(&None) => None,
        false => Some(true),
    }
}

fn find(word: &OsStr) -> Result<Process, Error> {
    if word == "self" {
        return Process::hold(rustix::process::getpid())
            .map_err(|error| Error::failed("look at the caller", error));
    }
    Ok(target::resolve(word)?.process)
}

fn read(process: &Process, proc: &ProcRoot) -> Result<Subject, Error> {
    Subject::of(process, proc).map_err(|error| unread(process, error))
}

fn unread(process: &Process, error: ProcError) -> Error {
    let act = format!(
        "read the credentials and namespaces of process {}",
        process.pid()
    );
    Error::unread(act, process, error)
}

/// The check that hides a process from the caller.
fn denied(target: &Process, proc: &ProcRoot) -> Check {
    let refusal = refusal::access(target, proc);
    Check {
        rule: "it may look at the process",
        outcome: Outcome::Fails,
        why: refusal.map_or_else(|| "it may not".to_owned(), |refusal| refusal.cause),
        missing: None,
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Enter => "enter",
        Action::Signal => "signal",
        Action::Trace => "trace",
        Action::ReadEnvironment => "environ",
        Action::Files => "files",
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Enter => "enter the namespaces of",
        Action::Signal => "send a signal to",
        Action::Trace => "trace",
        Action::ReadEnvironment => "read the environment of",
        Action::Files => "reach the files of",
    }
}
