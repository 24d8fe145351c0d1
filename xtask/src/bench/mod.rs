//! `cargo xtask bench`: nsx compared with util-linux, on the same work in the same run.
//!
//! Instructions and system calls repeat from run to run, because every command has the same
//! environment: only PATH. Times do not repeat, so they are ratios of runs that took turns.
//!
//! Each part of the bench is a section of `docs/benchmarks.md`, which holds its last result.

mod count;
mod engines;
mod enters;
mod guard;
mod lists;
mod pidmap;
mod record;
mod starts;
mod time;

use crate::{Outcome, say, tree};
use clap::Args;
use lists::Load;
use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Compare the cost of starting programs, and no other part unless it is named
    #[arg(long)]
    starts: bool,
    /// Compare the cost of entering a process
    #[arg(long)]
    enters: bool,
    /// Compare the cost of entering a container of Docker's, which is started for it
    #[arg(long)]
    engines: bool,
    /// Compare the lists
    #[arg(long)]
    lists: bool,
    /// Compare the lists with this load only: processes:N, sockets:N, nets:N or cgroups:N
    #[arg(long = "load", value_name = "LOAD")]
    loads: Vec<Load>,
    /// Compare the translation of ids, among ten thousand other processes
    #[arg(long)]
    pidmap: bool,
    /// Measure here and print figures: the bench runs this in its own PID namespace
    #[arg(long, hide = true, requires = "directory")]
    inside: Option<Load>,
    #[arg(long, hide = true, requires = "nsx")]
    inside_engines: bool,
    /// Measure this static program, and nsx-compat beside it, instead of those that are built for it
    #[arg(long, value_name = "FILE")]
    nsx: Option<PathBuf>,
    #[arg(long, hide = true)]
    directory: Option<PathBuf>,
    #[arg(long, hide = true)]
    cgroups: Option<PathBuf>,
    /// Count instructions and system calls alone, and fail if any count is above what it was
    #[arg(long, conflicts_with_all = ["engines", "lists", "loads", "pidmap"])]
    check: bool,
}

/// The measured programs, as they are shipped: static files.
struct Programs {
    nsx: PathBuf,
    compat: PathBuf,
}

/// The result of a part of the bench.
struct Part {
    title: &'static str,
    text: String,
    limits: Vec<Limit>,
}

/// A figure with an upper limit.
struct Limit {
    of: String,
    figure: f64,
    /// The goal.
    most: f64,
    /// A count that was reached, with a little room for other lengths of PIDs and paths. Times have
    /// none, since they depend on the machine.
    kept: Option<f64>,
    unit: &'static str,
}

pub(crate) fn run(options: &Options) -> Outcome {
    if let (Some(load), Some(nsx), Some(directory)) =
        (options.inside, &options.nsx, &options.directory)
    {
        return lists::inside(load, nsx, directory, options.cgroups.as_deref());
    }
    if let (true, Some(nsx)) = (options.inside_engines, &options.nsx) {
        return engines::inside(nsx);
    }
    let directory = tree::root().join("target/bench");
    fs::create_dir_all(directory.join("counts"))?;
    let programs = match &options.nsx {
        Some(nsx) => Programs {
            nsx: nsx.clone(),
            compat: nsx.with_file_name("nsx-compat"),
        },
        None => build(&directory)?,
    };
    let nsx = &programs.nsx;
    starts::idle(&directory)?;
    let lists = options.lists || !options.loads.is_empty();
    let all = !(options.starts || options.enters || options.engines || lists || options.pidmap);
    let timed = !options.check;
    let mut missed = 0;
    let mut show = |part: Part| -> Outcome {
        let text = part.to_string();
        say(&text)?;
        missed += part.limits.iter().filter(|limit| !limit.is_kept()).count();
        if timed {
            record::write(part.title, &text, options.nsx.is_none())?;
        }
        Ok(())
    };
    if all || options.starts {
        show(starts::compare(&programs, &directory, timed)?)?;
    }
    if all || options.enters {
        show(enters::compare(&programs, &directory, timed)?)?;
    }
    if timed && (all || options.engines) {
        show(engines::compare(nsx, &directory)?)?;
    }
    if timed && (all || lists) {
        let usual = || {
            lists::USUAL
                .iter()
                .map(|load| load.parse())
                .collect::<Result<Vec<_>, _>>()
        };
        let loads = if options.loads.is_empty() {
            usual()?
        } else {
            options.loads.clone()
        };
        show(lists::compare(&programs, &directory, &loads)?)?;
    }
    if timed && (all || options.pidmap) {
        show(pidmap::compare(nsx, &directory)?)?;
    }
    if options.check && missed > 0 {
        Err(format!("{missed} counts are above what they were").into())
    } else {
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text.trim_end())?;
        if !self.limits.is_empty() {
            writeln!(formatter)?;
        }
        self.limits
            .iter()
            .try_for_each(|limit| writeln!(formatter, "{limit}"))
    }
}

impl Limit {
    /// Makes the limit of a time from its goal.
    fn time(of: String, figure: f64, most: f64, unit: &'static str) -> Self {
        Self {
            of,
            figure,
            most,
            kept: None,
            unit,
        }
    }

    /// Makes the limit of a count from its goal and the count that was reached.
    fn count(of: String, figure: u64, most: u64, kept: u64, unit: &'static str) -> Self {
        Self {
            of,
            figure: figure as f64,
            most: most as f64,
            kept: Some(kept as f64),
            unit,
        }
    }

    fn is_met(&self) -> bool {
        self.figure <= self.most
    }

    fn is_kept(&self) -> bool {
        self.kept.is_none_or(|kept| self.figure <= kept)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            of,
            figure,
            most,
            unit,
            ..
        } = self;
        let met = if !self.is_kept() {
            "WORSE "
        } else if self.is_met() {
            "met   "
        } else {
            "MISSED"
        };
        // Ratios have three decimals, counts none.
        let decimals = if *most < 10.0 { 3 } else { 0 };
        write!(
            formatter,
            "{met}  {of}: {figure:.decimals$} {unit}, at most {most:.decimals$}"
        )?;
        match self.kept {
            Some(kept) if !self.is_kept() => write!(formatter, ", and {kept} before"),
            _ => Ok(()),
        }
    }
}

/// Builds the programs as they are shipped. They keep their symbols, which cost nothing at run
/// time, so that callgrind finds the exec.
fn build(directory: &Path) -> Outcome<Programs> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = tree::cargo();
    cargo.args([
        "build",
        "--quiet",
        "--profile",
        "dist",
        "--package",
        "nsx",
        "--target",
        &target,
        "--target-dir",
    ]);
    cargo.arg(directory);
    cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_DIST_STRIP", "none");
    if !cargo.status()?.success() {
        return Err("failed to build nsx".into());
    }
    let built = directory.join(target).join("dist");
    Ok(Programs {
        nsx: built.join("nsx"),
        compat: built.join("nsx-compat"),
    })
}

/// Tries more than once, because lsns fails if a process ends while lsns reads it.
fn insist<T>(attempt: impl Fn() -> Outcome<T>) -> Outcome<T> {
    (0..9)
        .find_map(|_| attempt().ok())
        .map_or_else(&attempt, Ok)
}

/// A command line.
struct Work(Vec<OsString>);

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.join(OsStr::new(" ")).display())
    }
}

impl Work {
    fn new<W: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        let mut all = vec![program.as_ref().to_owned()];
        all.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        Self(all)
    }

    /// Adds a word to the command line.
    fn and(mut self, word: &Path) -> Self {
        self.0.push(word.into());
        self
    }

    /// Runs it as the last arguments of a tool, if there is one, and drops its output.
    fn run(&self, tool: &[&str]) -> Outcome {
        let mut words = tool
            .iter()
            .map(OsStr::new)
            .chain(self.0.iter().map(OsString::as_os_str));
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let name = program.display();
        let output = command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} is not there: install valgrind, strace and util-linux")
            }
            _ => format!("failed to run {name}: {error}"),
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{self}: {}: {}", output.status, said.trim()).into());
        }
        Ok(())
    }
}
