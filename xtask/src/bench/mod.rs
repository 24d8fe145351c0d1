//! `cargo xtask bench`: nsx beside util-linux, on the same work in the same run.
//!
//! Instructions and system calls repeat from run to run, because every command has the same environment: PATH alone.
//! Times do not, so they are given only as a ratio of runs that took turns.

mod count;
mod load;
mod pidmap;
mod starts;
mod time;

use crate::{Outcome, tree};
use clap::Args;
use load::Load;
use nsx::out;
use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use time::Rounds;

/// The most that `nsx ls` may take of the time of lsns where there are thousands of processes.
const LIST_LIMIT: f64 = 1.0 / 3.0;

const LIST: &str = "nsx ls --all";

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Compare only the lists, with so many sleeping processes more
    #[arg(long, value_name = "COUNT")]
    processes: Option<usize>,
    /// Compare only the translation of ids, among ten thousand processes more
    #[arg(long, conflicts_with = "processes")]
    pidmap: bool,
    /// Fail where a limit is missed
    #[arg(long)]
    check: bool,
}

/// A figure that may be no more than this.
struct Limit {
    of: String,
    figure: f64,
    most: f64,
    unit: &'static str,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let directory = tree::root().join("target/bench");
    fs::create_dir_all(directory.join("counts"))?;
    let nsx = build(&directory)?;
    let limits = match options.processes {
        None if options.pidmap => pidmap::compare(&nsx, &directory)?,
        None => {
            let limits = starts::compare(&nsx, &directory)?;
            lists(&nsx, &directory)?;
            limits
        }
        Some(processes) => vec![many(&nsx, processes)?],
    };
    say("\n")?;
    for limit in &limits {
        say(&format!("{limit}\n"))?;
    }
    let missed = limits.iter().filter(|limit| !limit.is_met()).count();
    if options.check && missed > 0 { Err(format!("{missed} limits are missed").into()) } else { Ok(()) }
}

impl Limit {
    fn is_met(&self) -> bool {
        self.figure <= self.most
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, figure, most, unit } = self;
        let met = if self.is_met() { "met   " } else { "MISSED" };
        // Ratios have three places, counts none.
        let places = if *most < 10.0 { 3 } else { 0 };
        write!(formatter, "{met}  {of}: {figure:.places$} {unit}, at most {most:.places$}")
    }
}

/// nsx as it is shipped: one static file. The symbols stay, for they tell callgrind where the exec is; they cost nothing
/// at run time.
fn build(directory: &Path) -> Outcome<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--package", "nsx", "--target", &target, "--target-dir"]);
    cargo.arg(directory).current_dir(tree::root());
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env("CARGO_PROFILE_RELEASE_STRIP", "none");
    if !cargo.status()?.success() {
        return Err("failed to build nsx".into());
    }
    Ok(directory.join(target).join("release/nsx"))
}

/// A static program of one C file.
fn compile(source: &Path, program: &Path) -> Outcome<PathBuf> {
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O2", "-Wall", "-Wextra", "-o"]).arg(program).arg(source);
    let status = cc.status().map_err(|error| format!("failed to run cc: {error}"))?;
    if status.success() {
        Ok(program.to_owned())
    } else {
        Err(format!("failed to compile {}", source.display()).into())
    }
}

/// `nsx ls` and lsns, on the host as it is.
fn lists(nsx: &Path, directory: &Path) -> Outcome {
    let works = list(nsx);
    let directory = directory.join("counts");
    let instructions = works.each_ref().map(|work| insist(|| count::instructions(work, &directory)));
    let calls = works.each_ref().map(|work| insist(|| count::system_calls(work, &directory)));
    let ([ours, theirs], [our_calls, their_calls]) = (instructions, calls);
    let (instructions, calls) = (ours? as f64 / theirs? as f64, our_calls? as f64 / their_calls? as f64);
    let time = Rounds::run(&works)?.ratio(0, 1);
    say(&format!(
        "{LIST}, on what runs here, takes {instructions:.2} of the instructions of lsns, {calls:.2} of its system calls and \
         {time} of its time.\n"
    ))
}

/// The same with many processes.
fn many(nsx: &Path, processes: usize) -> Outcome<Limit> {
    let works = list(nsx);
    let load = Load::start(nsx, processes)?;
    let ratio = Rounds::run(&works)?.ratio(0, 1);
    drop(load);
    say(&format!("{LIST} with {processes} processes more takes {ratio} of the time of lsns\n"))?;
    Ok(Limit { of: LIST.to_owned(), figure: ratio.median, most: LIST_LIMIT, unit: "of the time of lsns" })
}

fn list(nsx: &Path) -> [Work; 2] {
    [Work::new(nsx, ["ls", "--all"]), Work::new("lsns", ["-n", "-l"])]
}

/// Tries more than once, because lsns fails where a process ends while it reads about it.
fn insist<T>(attempt: impl Fn() -> Outcome<T>) -> Outcome<T> {
    (0..9).find_map(|_| attempt().ok()).map_or_else(&attempt, Ok)
}

fn say(text: &str) -> Outcome {
    out::print(text).map_err(|_| "failed to print".into())
}

/// A command line.
struct Work(Vec<OsString>);

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.join(OsStr::new(" ")).display())
    }
}

impl Work {
    fn new<W: AsRef<OsStr>>(program: impl AsRef<OsStr>, words: impl IntoIterator<Item = W>) -> Self {
        let mut all = vec![program.as_ref().to_owned()];
        all.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        Self(all)
    }

    /// The same with a word more.
    fn and(mut self, word: &Path) -> Self {
        self.0.push(word.into());
        self
    }

    /// Runs it as the last arguments of a tool, if there is one, and drops what it prints.
    fn run(&self, tool: &[&str]) -> Outcome {
        let mut words = tool.iter().map(OsStr::new).chain(self.0.iter().map(OsString::as_os_str));
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(program);
        command.args(words).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::null());
        let name = program.display();
        let output = command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{name} is not there: install valgrind, strace and util-linux"),
            _ => format!("failed to run {name}: {error}"),
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{self}: {}: {}", output.status, said.trim()).into());
        }
        Ok(())
    }
}
