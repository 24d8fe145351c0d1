//! `cargo xtask bench`: nsx beside util-linux, on the same work in the same run.
//!
//! Instructions and system calls repeat from run to run, because every command has the same environment: PATH alone.
//! Times do not, so they are given only as a ratio of runs that took turns.

mod count;
mod load;
mod time;

use crate::{Outcome, tree};
use clap::Args;
use load::Load;
use nsx::{
    out::{self, Styles},
    table::{Align, Table},
};
use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The most that `nsx ls` may take of the time of lsns where there are thousands of processes.
const LIST_LIMIT: f64 = 1.0 / 3.0;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Compare only the lists, with so many sleeping processes more
    #[arg(long, value_name = "COUNT")]
    processes: Option<usize>,
}

/// The same work for both.
struct Pair {
    nsx: &'static [&'static str],
    util_linux: &'static [&'static str],
}

const LIST: Pair = Pair { nsx: &["ls", "--all"], util_linux: &["lsns", "-n", "-l"] };

const PAIRS: [Pair; 4] = [
    Pair { nsx: &["unshare", "--uts", "true"], util_linux: &["unshare", "--uts", "true"] },
    Pair { nsx: &["unshare", "-r", "true"], util_linux: &["unshare", "-r", "true"] },
    Pair {
        nsx: &["unshare", "-r", "--pid", "true"],
        util_linux: &["unshare", "-r", "--pid", "--fork", "--kill-child", "--mount-proc", "true"],
    },
    LIST,
];

const LEGEND: &str = "
INSTRUCTIONS  in user space, counted by callgrind: of every process of nsx, or up to the exec of `true`
CALLS         system calls, counted by strace from the exec of nsx on; those of `true` are subtracted
THEIRS        the same for util-linux
TIME RATIO    median of runs that took turns, with the quartiles; it differs from one bench to the next
What lists cost depends on what runs on the host.
";

pub(crate) fn run(options: &Options) -> Outcome {
    let directory = tree::root().join("target/bench");
    let nsx = build(&directory)?;
    match options.processes {
        None => compare(&nsx, &directory),
        Some(processes) => compare_lists(&nsx, processes),
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

fn compare(nsx: &Path, directory: &Path) -> Outcome {
    let directory = directory.join("counts");
    fs::create_dir_all(&directory)?;
    let mut table = Table::new(&[
        ("COMMAND", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("THEIRS", Align::Right),
        ("RATIO", Align::Right),
        ("CALLS", Align::Right),
        ("THEIRS", Align::Right),
        ("RATIO", Align::Right),
        ("TIME RATIO", Align::Right),
    ]);
    for pair in &PAIRS {
        let [ours, theirs] = pair.commands(nsx);
        let mut row = vec![pair.name()];
        for count in [count::instructions, count::system_calls] {
            let [ours, theirs] = [&ours, &theirs].map(|work| insist(|| count(work, &directory)));
            let (ours, theirs) = (ours?, theirs?);
            row.extend([ours.to_string(), theirs.to_string(), format!("{:.2}", ours as f64 / theirs as f64)]);
        }
        row.push(time::ratio(&ours, &theirs)?.to_string());
        table.row(row);
    }
    say(&table.render(&Styles::default(), None))?;
    say(LEGEND)
}

fn compare_lists(nsx: &Path, processes: usize) -> Outcome {
    let [ours, theirs] = LIST.commands(nsx);
    let load = Load::start(nsx, processes)?;
    let ratio = time::ratio(&ours, &theirs)?;
    drop(load);
    say(&format!("{} with {processes} processes more takes {ratio} of the time of lsns\n", LIST.name()))?;
    if ratio.median > LIST_LIMIT {
        return Err(format!("it was below {LIST_LIMIT:.2} before").into());
    }
    Ok(())
}

/// Tries more than once, because lsns fails where a process ends while it reads about it.
fn insist<T>(attempt: impl Fn() -> Outcome<T>) -> Outcome<T> {
    (0..9).find_map(|_| attempt().ok()).map_or_else(&attempt, Ok)
}

fn say(text: &str) -> Outcome {
    out::print(text).map_err(|_| "failed to print".into())
}

impl Pair {
    fn name(&self) -> String {
        format!("nsx {}", self.nsx.join(" "))
    }

    fn commands(&self, nsx: &Path) -> [Work; 2] {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        [Work([vec![nsx.into()], words(self.nsx)].concat()), Work(words(self.util_linux))]
    }
}

/// A command line.
struct Work(Vec<OsString>);

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.join(OsStr::new(" ")).display())
    }
}

impl Work {
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
