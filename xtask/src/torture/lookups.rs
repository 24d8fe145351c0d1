//! `cargo xtask torture lookups`: names of containers are looked up while the containers restart
//! and their PIDs are reused.
//!
//! Containers of runc, crun and Docker run on a host of their own. Each is killed, and while its
//! record still names the first process, another one is started that is likely to get the PID. nsx
//! must find that container under the name, or say that it is not running.

mod engine;

use self::engine::Engine;
use super::say;
use crate::{
    Outcome,
    host::{Host, which},
};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

const PREPARE: &str = include_str!("lookups.sh");
/// Prints the container's identity in three ways, its UTS namespace, and the UTS namespace of the
/// first process in its PID namespace. Before that process has become the container's program, it
/// may be undumpable.
const WHICH: &str =
    "cat /id; hostname; echo $ID; readlink /proc/self/ns/uts; readlink /proc/1/ns/uts || :";
/// Parallel look-ups.
const AT_ONCE: usize = 2;
/// Seconds that a command may take.
const PATIENCE: &str = "60";

/// A run of a container.
struct Run {
    name: String,
    pid: u32,
    /// The time when it existed, at the earliest and the latest.
    from: Instant,
    to: Option<Instant>,
}

/// Counts of events of the containers.
#[derive(Default)]
struct History {
    runs: Vec<Run>,
    /// Containers that got a PID that another container's record still named.
    taken: usize,
}

/// An answer of nsx.
struct Answer {
    name: String,
    enters: bool,
    span: (Instant, Instant),
    status: ExitStatus,
    output: Vec<u8>,
    errors: String,
}

enum Verdict {
    Right,
    Refused,
    Wrong,
}

/// Creates the host and starts again there.
pub(super) fn run(nsx: &Path, long: bool) -> Outcome {
    let host = Host::start("hosts")?;
    let mut inside = host.xtask()?;
    inside
        .args(["torture", "lookups", "--inside", "--nsx"])
        .arg(nsx)
        .args(long.then_some("--long"));
    if inside.status()?.success() {
        Ok(())
    } else {
        Err("names lead astray".into())
    }
}

/// On the host.
pub(super) fn inside(nsx: &Path, long: bool) -> Outcome {
    let lookups = if long { 10_000 } else { 400 };
    let mut engines = vec![Engine::Runc, Engine::Crun];
    if which("dockerd").is_some() {
        engines.push(Engine::Docker);
    }
    prepare(&engines)?;
    let history = Mutex::new(History::default());
    for engine in &engines {
        for name in engine.names() {
            engine.start(&history, name)?;
        }
    }
    let done = AtomicBool::new(false);
    let names: Vec<_> = engines
        .iter()
        .flat_map(|engine| engine.names().map(|name| (*engine, name)))
        .collect();
    let look_up = |first: usize| -> Result<Vec<Answer>, String> {
        let answers = (first..lookups).step_by(AT_ONCE).map(|number| {
            let (engine, name) = &names[number % names.len()];
            // In turn, each name alone and in full, and each command.
            let round = number / names.len();
            let target = if round % 2 == 0 {
                name.clone()
            } else {
                format!("{}:{name}", engine.prefix())
            };
            Answer::to(nsx, name, &target, round / 2 % 2 == 0).map_err(|error| error.to_string())
        });
        answers.collect()
    };
    let answers = thread::scope(|scope| {
        let restarts = engines.iter().map(|engine| {
            let (history, done) = (&history, &done);
            scope.spawn(move || {
                engine
                    .restart(history, done)
                    .map_err(|error| error.to_string())
            })
        });
        let restarts: Vec<_> = restarts.collect();
        let look_up = &look_up;
        let lookers: Vec<_> = (0..AT_ONCE)
            .map(|first| scope.spawn(move || look_up(first)))
            .collect();
        let answers: Vec<_> = lookers.into_iter().map(|looker| looker.join()).collect();
        done.store(true, Ordering::Relaxed);
        for restart in restarts {
            restart.join().map_err(|_| "a thread panicked")??;
        }
        let mut all = Vec::new();
        for some in answers {
            all.extend(some.map_err(|_| "a thread panicked")??);
        }
        Ok::<_, Box<dyn std::error::Error>>(all)
    })?;
    report(
        &engines,
        &history.into_inner().unwrap_or_else(PoisonError::into_inner),
        &answers,
    )
}

fn prepare(engines: &[Engine]) -> Outcome {
    let names = |of: fn(&Engine) -> bool| {
        engines
            .iter()
            .filter(|engine| of(engine))
            .flat_map(|engine| engine.names())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut script = Command::new("sh");
    script
        .args(["-ec", PREPARE])
        .env("NAMES", names(|engine| *engine != Engine::Docker));
    script
        .env("DOCKER", names(|engine| *engine == Engine::Docker))
        .stdin(Stdio::null());
    if script.status()?.success() {
        Ok(())
    } else {
        Err("the containers could not be made".into())
    }
}

/// Prints the figures; an error lists the first wrong answers.
fn report(engines: &[Engine], history: &History, answers: &[Answer]) -> Outcome {
    let mut owners = BTreeMap::new();
    let mut reused = 0;
    for run in &history.runs {
        reused += usize::from(
            owners
                .insert(run.pid, &run.name)
                .is_some_and(|before| *before != run.name),
        );
    }
    say("ENGINE   RESTARTS  LOOK-UPS    RIGHT  REFUSED    WRONG\n")?;
    let mut reasons = BTreeMap::<String, usize>::new();
    let mut problems = Vec::new();
    for engine in engines {
        let is_of = |name: &str| engine.names().any(|of| of == name);
        let (mut right, mut refused, mut wrong) = (0, 0, 0);
        for answer in answers.iter().filter(|answer| is_of(&answer.name)) {
            match answer.judge(history) {
                Verdict::Right => right += 1,
                Verdict::Refused => {
                    refused += 1;
                    *reasons.entry(answer.reason()).or_default() += 1;
                }
                Verdict::Wrong => {
                    wrong += 1;
                    problems.push(format!(
                        "{}: {}, {}",
                        answer.name,
                        answer.output.escape_ascii(),
                        answer.reason()
                    ));
                }
            }
        }
        let restarts = history.runs.iter().filter(|run| is_of(&run.name)).count();
        let name = engine.word();
        say(&format!(
            "{name:7}  {restarts:8}  {:8}  {right:7}  {refused:7}  {wrong:7}\n",
            right + refused + wrong
        ))?;
        if right == 0 || refused == 0 {
            problems.push(format!(
                "{name}: the containers were always there, or never"
            ));
        }
    }
    let taken = history.taken;
    say(&format!(
        "{reused} ids went to another container, {taken} of them while the first one's record had \
        them\n"
    ))?;
    for (reason, count) in reasons {
        say(&format!("{count:6}  {reason}\n"))?;
    }
    problems.truncate(9);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\nxtask: ").into())
    }
}

impl Answer {
    /// Looks a container up and reads its identity inside, or requests the PID of its first
    /// process.
    fn to(nsx: &Path, name: &str, target: &str, enters: bool) -> Outcome<Self> {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", PATIENCE])
            .arg(nsx)
            .stdin(Stdio::null());
        if enters {
            command.args(["enter", target, "--", "sh", "-c", WHICH]);
        } else {
            command.args(["pidmap", "--quiet", "--from", target, "1"]);
        }
        let from = Instant::now();
        let output = command.output()?;
        let span = (from, Instant::now());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Self {
            name: name.to_owned(),
            enters,
            span,
            status: output.status,
            output: output.stdout,
            errors,
        })
    }

    fn judge(&self, history: &History) -> Verdict {
        let code = self.status.code();
        if self.enters {
            let output = String::from_utf8_lossy(&self.output);
            let lines: Vec<_> = output.lines().collect();
            let (names, namespaces) = lines.split_at(lines.len().min(3));
            let one_namespace = namespaces.iter().all(|ns| *ns == namespaces[0]);
            return match code {
                Some(0)
                    if *names == [self.name.as_str(); 3]
                        && !namespaces.is_empty()
                        && one_namespace =>
                {
                    Verdict::Right
                }
                // 125: nsx refuses. A signal: the container ended together with the program.
                Some(125) if output.is_empty() => Verdict::Refused,
                None if names.iter().all(|name| *name == self.name) && one_namespace => {
                    Verdict::Refused
                }
                _ => Verdict::Wrong,
            };
        }
        let pid = String::from_utf8_lossy(&self.output).trim().parse::<u32>();
        let was = |run: &Run| {
            let ended_before = run.to.is_some_and(|to| to < self.span.0);
            run.name == self.name
                && pid.as_ref() == Ok(&run.pid)
                && run.from <= self.span.1
                && !ended_before
        };
        match code {
            Some(0) if history.runs.iter().any(was) => Verdict::Right,
            Some(1 | 2) if self.output.is_empty() => Verdict::Refused,
            _ => Verdict::Wrong,
        }
    }

    /// Returns nsx's message without names and numbers, or the end of nsx.
    fn reason(&self) -> String {
        let said = self
            .errors
            .lines()
            .next()
            .map_or_else(|| self.status.to_string(), str::to_owned);
        let mut text = String::new();
        for part in said
            .replace(&self.name, "NAME")
            .split_inclusive(|letter: char| !letter.is_ascii_alphanumeric())
        {
            let word = part.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let is_number = word.bytes().all(|byte| byte.is_ascii_hexdigit())
                && word.bytes().any(|byte| byte.is_ascii_digit());
            text += &if is_number {
                part.replacen(word, "N", 1)
            } else {
                part.to_owned()
            };
        }
        text
    }
}
