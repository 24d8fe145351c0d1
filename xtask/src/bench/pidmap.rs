//! `nsx pidmap` on a host of ten thousand processes, compared with the usual ways: grep over /proc,
//! and sed for a log.

use super::{Limit, Part, Work, starts::compile, time::Rounds};
use crate::{Outcome, tree};
use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The number of processes in the namespace.
const PROCESSES: usize = 10_000;

/// The number of ids that the library translates, and of lines in a log.
const MANY: usize = 500_000;

/// The expression that sed and nsx look for in a log.
const EXPRESSION: &str = "pid=([0-9]+)";

/// A PID namespace with many processes, which end with this value.
struct Crowd {
    child: Child,
    /// The PID of its first process here.
    first: String,
}

impl Crowd {
    fn start(helper: &Path) -> Outcome<Self> {
        let mut crowd = Command::new(helper);
        crowd
            .arg("crowd")
            .arg(PROCESSES.to_string())
            .stdout(Stdio::piped());
        let mut child = crowd.spawn()?;
        let mut first = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut first)?;
        let crowd = Self {
            child,
            first: first.trim().to_owned(),
        };
        let start = Instant::now();
        let children = format!("/proc/{0}/task/{0}/children", crowd.first);
        while fs::read_to_string(&children)?.split_whitespace().count() + 1 < PROCESSES {
            if start.elapsed() > Duration::from_secs(60) {
                return Err("the processes are not there after a minute".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Its first process, and with it all others, is killed when it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compares, and returns the figures with limits.
pub(super) fn compare(nsx: &Path, directory: &Path) -> Outcome<Part> {
    let helper = compile(
        &tree::root().join("xtask/src/bench/pidmap.c"),
        &directory.join("pidmap"),
    )?;
    let library = library(directory)?;
    let log = |name: &str, text: &str| -> Outcome<PathBuf> {
        let path = directory.join(name);
        let line = |index: usize| {
            format!(
                "2026-11-22T05:00:00 host web: worker {text} took {} ms\n",
                index % 97
            )
        };
        fs::write(&path, (0..MANY).map(line).collect::<String>())?;
        Ok(path)
    };
    let (none, all) = (log("log-without", "17")?, log("log-with", "pid=1")?);
    let numbers = directory.join("numbers");
    let mut text = String::new();
    for number in 1..=PROCESSES {
        writeln!(text, "{number}")?;
    }
    fs::write(&numbers, text)?;
    let crowd = Crowd::start(&helper)?;
    let (nsx, helper, first) = (nsx.display(), helper.display(), &crowd.first);
    let one = format!("exec {nsx} pidmap -q --from {first} 9000");
    let filter = format!("exec {nsx} pidmap --from {first} --filter '{EXPRESSION}'");
    let sed = format!("exec sed -E 's/{EXPRESSION}/pid=<\\1>/g'");
    // Processes end between the glob and the reading.
    let grep = "grep -s NSpid /proc/[0-9]*/status; exit 0".to_owned();
    let cases = [
        (
            "one id",
            one.clone(),
            "of grep NSpid",
            grep.clone(),
            1.0 / 30.0,
        ),
        (
            "one id without the ioctls",
            format!("exec {helper} without {nsx} pidmap -q --from {first} 9000"),
            "of a bare scan",
            format!("exec {helper} scan"),
            1.2,
        ),
        (
            "ten thousand ids",
            format!(
                "exec {nsx} pidmap -q --from {first} - <{}",
                numbers.display()
            ),
            "of grep NSpid",
            grep.clone(),
            1.0,
        ),
        (
            "ten thousand chains",
            format!("exec {nsx} pidmap --from {first} - <{}", numbers.display()),
            "of grep NSpid",
            grep,
            f64::INFINITY,
        ),
        (
            "the library",
            format!("exec {} {first} {MANY}", library.display()),
            "of the bare ioctl",
            format!("exec {helper} ask {first} {MANY}"),
            3.0,
        ),
        (
            "a log without a match",
            format!("{filter} <{}", none.display()),
            "of sed",
            format!("{sed} <{}", none.display()),
            1.0,
        ),
        (
            "a log of matches",
            format!("{filter} <{}", all.display()),
            "of sed",
            format!("{sed} <{}", all.display()),
            2.0,
        ),
    ];
    let (mut text, mut limits) = (String::new(), Vec::new());
    for (of, ours, unit, theirs, most) in cases {
        let ratio = Rounds::run(&[shell(&ours), shell(&theirs)])?.ratio(0, 1);
        text += &format!("nsx pidmap, {of}: {ratio} {unit}\n");
        // A row per process with its command line is more than grep prints.
        if most == f64::INFINITY {
            continue;
        }
        limits.push(Limit::time(
            format!("nsx pidmap, {of}"),
            ratio.median,
            most,
            unit,
        ));
    }
    Ok(Part {
        title: "Translating ids",
        text,
        limits,
    })
}

fn shell(script: &str) -> Work {
    Work::new("sh", ["-c", script])
}

/// Returns the program that calls the library.
fn library(directory: &Path) -> Outcome<PathBuf> {
    let mut cargo = tree::cargo();
    cargo.args([
        "build",
        "--quiet",
        "--profile",
        "dist",
        "--package",
        "nsx-core",
        "--example",
        "translate_many",
        "--target-dir",
    ]);
    if !cargo.arg(directory).status()?.success() {
        return Err("failed to build the example of nsx-core".into());
    }
    Ok(directory.join("dist/examples/translate_many"))
}
