//! `cargo xtask torture`: nsx on the real kernel while things go wrong around it.
//!
//! Each story torments nsx in one way: `kill` kills each process at each of its system calls, and
//! `errors` lets each call fail. Without `--long` these two take a sample, which differs each time;
//! the printed seed repeats it. They run in a mount and a PID namespace of their own, of which
//! nothing is left. `lookups` and `churn` create their own hosts.

mod attempt;
mod cases;
mod churn;
mod errors;
mod fault;
mod intended;
mod kill;
mod lookups;
mod stage;
mod tracer;
mod verdict;

use crate::{Outcome, say, tree};
use cases::Case;
use clap::{Args, ValueEnum};
use fault::Fault;
use nsx::{
    style::Styles,
    table::{Align, Table},
};
use stage::Stage;
use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Run these stories (default: all)
    stories: Vec<Story>,
    /// Try every call, which takes hours; look up 10,000 names; churn for a minute
    #[arg(long)]
    long: bool,
    /// Take the sample of an earlier run
    #[arg(long)]
    seed: Option<usize>,
    /// Torture only these commands, by their names in the table
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Torture this program instead of one that is built for it
    #[arg(long, value_name = "FILE")]
    nsx: Option<PathBuf>,
    /// Torture here, in the namespaces made for it
    #[arg(long, hide = true, requires = "nsx")]
    inside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Story {
    /// SIGKILL at each system call: nothing is left behind
    Kill,
    /// An error from each system call: it is reported, or makes no difference
    Errors,
    /// Names of containers that restart while PIDs are reused: no other container is found
    Lookups,
    /// Lists while 500 processes a second make and leave namespaces: no row is wrong
    Churn,
}

impl Options {
    fn includes(&self, story: Story) -> bool {
        // Only these two use the commands.
        let is_meant = self.cases.is_empty() || matches!(story, Story::Kill | Story::Errors);
        self.stories.contains(&story) || self.stories.is_empty() && is_meant
    }
}

/// The result of a command.
struct Row {
    story: &'static str,
    case: &'static str,
    /// The number of its calls, and of the faults that were tried.
    calls: usize,
    tried: usize,
    findings: Vec<Finding>,
}

/// A violation.
struct Finding {
    case: &'static str,
    process: tracer::Descent,
    call: String,
    fault: Fault,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case,
            process,
            call,
            fault,
            what,
        } = self;
        let process: String = process.iter().map(|child| format!(".{child}")).collect();
        write!(formatter, "{case}: nsx{process} {call} {fault}: {what}")
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let seed = options.seed.unwrap_or_else(now);
    match (&options.nsx, &options.stories[..]) {
        (Some(nsx), [Story::Lookups]) if options.inside => lookups::inside(nsx, options.long),
        (Some(nsx), [Story::Churn]) if options.inside => churn::inside(nsx, options.long),
        (Some(nsx), _) if options.inside => inside(options, nsx, seed),
        _ => outside(options, seed),
    }
}

fn now() -> usize {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    usize::try_from(since.as_millis()).unwrap_or_default() % 10_000
}

/// Builds nsx and runs the requested stories.
fn outside(options: &Options, seed: usize) -> Outcome {
    if !nix::unistd::geteuid().is_root() {
        return Err("torture is for root".into());
    }
    let nsx = match &options.nsx {
        Some(nsx) => nsx.canonicalize()?,
        None => build()?,
    };
    if options.includes(Story::Kill) || options.includes(Story::Errors) {
        faults(options, &nsx, seed)?;
    }
    if options.includes(Story::Lookups) {
        lookups::run(&nsx, options.long)?;
    }
    if options.includes(Story::Churn) {
        churn::run(&nsx, options.long)?;
    }
    Ok(())
}

/// Starts again in namespaces made for `kill` and `errors`.
fn faults(options: &Options, nsx: &Path, seed: usize) -> Outcome {
    let mut again = Command::new("setpriv");
    again.args([
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    again
        .args(["sh", "-c", stage::SCRIPT, "sh"])
        .arg(std::env::current_exe()?)
        .arg("torture");
    again.args(
        options
            .stories
            .iter()
            .filter_map(|story| Some(story.to_possible_value()?.get_name().to_owned())),
    );
    again
        .args(options.cases.iter().map(|case| format!("--case={case}")))
        .arg(format!("--seed={seed}"));
    again
        .args(options.long.then_some("--long"))
        .arg("--inside")
        .arg("--nsx")
        .arg(nsx);
    if again.status()?.success() {
        Ok(())
    } else {
        Err("torture found something".into())
    }
}

fn build() -> Outcome<PathBuf> {
    let mut cargo = tree::cargo();
    if !cargo
        .args(["build", "--quiet", "--package", "nsx"])
        .status()?
        .success()
    {
        return Err("failed to build nsx".into());
    }
    Ok(tree::root().join("target/debug/nsx"))
}

fn inside(options: &Options, nsx: &Path, seed: usize) -> Outcome {
    let stage = Stage::new(nsx)?;
    let sample = Sample {
        every: options.long,
        seed,
    };
    let wanted = |case: &&Case| {
        options.cases.is_empty() || options.cases.iter().any(|name| name == case.name)
    };
    let mut rows = Vec::new();
    let mut excuses = intended::Excuses::default();
    if !options.long {
        say(&format!("a sample; repeat it with --seed={seed}\n"))?;
    }
    if options.includes(Story::Kill) {
        for case in cases::KILLED.iter().filter(wanted) {
            rows.push(report(kill::torture(&stage, case, &sample)?)?);
        }
    }
    if options.includes(Story::Errors) {
        for case in cases::KILLED.iter().chain(&cases::FAILED).filter(wanted) {
            rows.push(report(errors::torture(
                &stage,
                case,
                &sample,
                &mut excuses,
            )?)?);
        }
    }
    let mut table = Table::new(&[
        ("STORY", Align::Left),
        ("COMMAND", Align::Left),
        ("CALLS", Align::Right),
        ("TRIED", Align::Right),
        ("FINDINGS", Align::Right),
    ]);
    for row in &rows {
        let numbers = [row.calls, row.tried, row.findings.len()].map(|number| number.to_string());
        let [calls, tried, findings] = numbers;
        table.row(vec![
            row.story.to_owned(),
            row.case.to_owned(),
            calls,
            tried,
            findings,
        ]);
    }
    say(&table.render(&Styles::default(), None))?;
    // A call that was not tried cannot have occurred.
    let all = options.long && options.cases.is_empty() && options.includes(Story::Errors);
    let unused = if all { excuses.unused() } else { Vec::new() };
    for entry in &unused {
        say(&format!("intended, and does not occur: {entry}\n"))?;
    }
    let findings: usize = rows.iter().map(|row| row.findings.len()).sum::<usize>() + unused.len();
    if findings == 0 {
        Ok(())
    } else {
        Err(format!("{findings} findings").into())
    }
}

/// Prints the findings for a command.
fn report(row: Row) -> Outcome<Row> {
    for finding in &row.findings {
        say(&format!("{finding}\n"))?;
    }
    Ok(row)
}

/// The selection of faults.
struct Sample {
    every: bool,
    seed: usize,
}

/// The most faults of a sample. A command that looks at each process of the host makes the same
/// calls for each.
const MOST: usize = 120;

impl Sample {
    /// All faults, or one in `stride` and at most [`MOST`].
    fn of<T>(&self, all: Vec<T>, stride: usize) -> Vec<T> {
        let stride = match self.every {
            true => 1,
            false => stride.max(all.len().div_ceil(MOST)),
        };
        all.into_iter()
            .enumerate()
            .filter(|(index, _)| (index + self.seed).is_multiple_of(stride))
            .map(|(_, one)| one)
            .collect()
    }
}
