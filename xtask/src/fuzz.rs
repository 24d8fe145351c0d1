//! `cargo xtask fuzz`: runs the fuzz targets with libFuzzer, from the corpus in tests/fuzz and the
//! inputs of earlier runs.

use crate::{Outcome, tree};
use clap::Args;
use nsx::out;
use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Targets, if not all of them
    targets: Vec<String>,
}

/// The result of one target.
struct Figures {
    target: String,
    executions: u64,
    took: Duration,
    /// Edges of the program that the inputs reach.
    coverage: u64,
    /// The input that ended the run.
    finding: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let known = all()?;
    if let Some(unknown) = options
        .targets
        .iter()
        .find(|target| !known.contains(target))
    {
        return Err(format!("{unknown} is not a target, which are: {}", known.join(" ")).into());
    }
    let targets = if options.targets.is_empty() {
        known
    } else {
        options.targets.clone()
    };
    let directory = tree::root().join("target/fuzz");
    let programs = build(&directory)?;
    out::write("TARGET          EXECUTIONS  SECONDS    COV  FINDINGS\n")?;
    let queue = Mutex::new(targets.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Outcome<Vec<PathBuf>> {
        let mut findings = Vec::new();
        while let Some(target) = next() {
            let figures = fuzz(&programs, &directory, target, options.seconds)?;
            out::write(&figures.to_string())?;
            findings.extend(figures.finding);
        }
        Ok(findings)
    };
    let findings = thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors)
            .map(|_| scope.spawn(|| work().map_err(|error| error.to_string())))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| "a worker panicked")?)
            .collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    let names: Vec<_> = findings
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(format!("found: {}", names.join(", ")).into())
    }
}

/// Returns the names of all targets.
fn all() -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree::root().join("tests/fuzz/fuzz_targets"))? {
        names.extend(
            entry?
                .path()
                .file_stem()
                .map(|stem| stem.display().to_string()),
        );
    }
    names.sort();
    Ok(names)
}

/// Builds all targets and returns the directory they are in.
fn build(directory: &Path) -> Outcome<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = tree::cargo();
    cargo
        .args([
            "fuzz",
            "build",
            "--fuzz-dir",
            "tests/fuzz",
            "--target",
            &triple,
            "--target-dir",
        ])
        .arg(directory);
    // The sanitizer is one of the compiler's unstable features.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    // Faster to build than a release, and with names in reports.
    cargo
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    cargo
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    if !cargo.status()?.success() {
        return Err(
            "failed to build the fuzz targets (cargo-fuzz and a C++ compiler are needed)".into(),
        );
    }
    Ok(directory.join(triple).join("release"))
}

/// Runs a target until the time is over or there is a finding.
fn fuzz(programs: &Path, directory: &Path, target: String, seconds: u32) -> Outcome<Figures> {
    let own = directory.join("targets").join(&target);
    let (corpus, log) = (own.join("corpus"), own.join("log"));
    fs::create_dir_all(&corpus)?;
    let mut command = Command::new(programs.join(&target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=10", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", own.display()));
    // The C library reports wrong command lines on standard error.
    command.args((target == "getopt").then_some("-close_fd_mask=2"));
    // New inputs go into the first directory.
    command
        .arg(corpus)
        .arg(tree::root().join("tests/fuzz/corpus").join(&target));
    let begun = Instant::now();
    let status = command.stderr(File::create(&log)?).status()?;
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let after = |mark: &str| {
        said.rsplit_once(mark)
            .and_then(|(_, rest)| rest.split_whitespace().next())
    };
    let finding = after("Test unit written to ").map(PathBuf::from);
    if !status.success() && finding.is_none() {
        return Err(format!("{target}: {status}, see {}", log.display()).into());
    }
    let number = |mark| after(mark).and_then(|word| word.parse().ok()).unwrap_or(0);
    let (executions, coverage) = (number("stat::number_of_executed_units:"), number(" cov: "));
    Ok(Figures {
        target,
        executions,
        took,
        coverage,
        finding,
    })
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            executions,
            took,
            coverage,
            finding,
        } = self;
        let (seconds, findings) = (took.as_secs(), usize::from(finding.is_some()));
        writeln!(
            formatter,
            "{target:12}  {executions:12}  {seconds:7}  {coverage:5}  {findings:8}"
        )
    }
}
