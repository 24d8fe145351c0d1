//! The cost of listing: nsx compared with lsns and with a floor, on hosts that the bench creates.
//!
//! Each host is a PID namespace with its own procfs, in which this program starts again, creates a
//! load (see `load.c`) and measures. Nothing is left when it ends.

use super::{
    Limit, Part, Programs, Work, count,
    guard::Guard,
    starts::{compile, link},
    time::Rounds,
};
use crate::{Outcome, tree};
use nsx::{
    style::Styles,
    table::{Align, Table},
};
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

/// The default loads.
pub(super) const USUAL: [&str; 9] = [
    "processes:80",
    "processes:1000",
    "processes:4000",
    "processes:8000",
    "processes:16000",
    "processes:64000",
    "sockets:1000",
    "nets:2000",
    "cgroups:200",
];

/// lsns is stopped after this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// This many more ids than a load has processes are enough for other processes.
const SPARE_IDS: usize = 8192;

const LEGEND: &str = "
ONE, TWO      nsx ls --all on one processor and on two: median of the times of runs that took \
turns, with the quartiles, to
              those of the floor, a bare loop of getdents64 and eight readlinkat a process on one \
thread
LSNS          how many seconds lsns takes: the processes are a list to it that it walks for each \
of them, so that this
              depends on what else is in the processor's caches
FASTER        how many times as fast nsx ls --all is
STRICT        how many times as fast nsx as lsns is
A PROCESS     nsx ls PID, to a static program that does nothing
DEEP          nsx ls --deep, to the floor
PEAK          memory of nsx ls --all, in KiB
INSTRUCTIONS  of nsx ls --all in user space, for each process; counted by callgrind
";

/// Processes or namespaces to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    kind: Kind,
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Processes,
    Sockets,
    Nets,
    Cgroups,
}

impl FromStr for Load {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (kind, count) = word
            .split_once(':')
            .ok_or("a load is named as processes:1000")?;
        let kind = match kind {
            "processes" => Kind::Processes,
            "sockets" => Kind::Sockets,
            "nets" => Kind::Nets,
            "cgroups" => Kind::Cgroups,
            _ => return Err("loads are of processes, sockets, nets and cgroups".to_owned()),
        };
        Ok(Self {
            kind,
            count: count.parse().map_err(|_| "after the colon is a number")?,
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Processes => "processes",
            Kind::Sockets => "sockets",
            Kind::Nets => "nets",
            Kind::Cgroups => "cgroups",
        };
        write!(formatter, "{kind}:{}", self.count)
    }
}

/// The measured figures, by name.
type Figures = BTreeMap<String, f64>;

/// Prints the table and returns the figures with limits.
pub(super) fn compare(programs: &Programs, directory: &Path, loads: &[Load]) -> Outcome<Part> {
    compile(
        &tree::root().join("xtask/src/bench/load.c"),
        &directory.join("load"),
    )?;
    let mut limits = Vec::new();
    let mut table = Table::new(&[
        ("LOAD", Align::Left),
        ("ONE", Align::Right),
        ("TWO", Align::Right),
        ("LSNS", Align::Right),
        ("FASTER", Align::Right),
        ("STRICT", Align::Right),
        ("A PROCESS", Align::Right),
        ("DEEP", Align::Right),
        ("PEAK", Align::Right),
        ("INSTRUCTIONS", Align::Right),
    ]);
    let mut first_ratio = None;
    for load in loads {
        let figures = outside(*load, programs, directory)?;
        let figure = |name: &str| figures.get(name).copied();
        let cell = |name: &str, decimals: usize| {
            figure(name).map_or_else(String::new, |figure| format!("{figure:.decimals$}"))
        };
        let spread = |name: &str| match (
            figure(name),
            figure(&format!("{name}-")),
            figure(&format!("{name}+")),
        ) {
            (Some(median), Some(lower), Some(upper)) => {
                format!("{median:.2} ({lower:.2}–{upper:.2})")
            }
            _ => String::new(),
        };
        // If lsns was stopped, it would have taken longer.
        let more = if figure("lsns-stopped").is_some() {
            "over "
        } else {
            ""
        };
        let faster = |name: &str| {
            figure(name).map_or_else(String::new, |ratio| format!("{more}{:.1}", 1.0 / ratio))
        };
        table.row(vec![
            load.to_string(),
            spread("one"),
            spread("two"),
            format!("{more}{}", cell("lsns", 3)),
            faster("to lsns"),
            faster("strict to lsns"),
            spread("task"),
            spread("deep"),
            cell("peak", 0),
            cell("instructions", 0),
        ]);
        let mut limit = |name: &str, most: f64, unit| {
            limits.extend(
                figure(name)
                    .map(|figure| Limit::time(format!("{load}: {name}"), figure, most, unit)),
            );
        };
        limit("task", 3.0, "of the time of a program that does nothing");
        limit("instructions", 6000.0, "instructions a process");
        let mut to_lsns = None;
        match (load.kind, load.count) {
            (Kind::Processes, 80) => to_lsns = Some(0.4),
            (Kind::Processes, 1000) => to_lsns = Some(1.0 / 5.0),
            (Kind::Processes, 8000) => to_lsns = Some(1.0 / 80.0),
            (Kind::Processes, 16_000) => {
                limit("one", 1.15, "of the floor's time");
                limit("two", 0.6, "of the floor's time");
                limit("peak", 24.0 * 1024.0, "KiB");
            }
            _ => {}
        }
        for name in ["to lsns", "strict to lsns"] {
            if let Some(most) = to_lsns {
                limit(name, most, "of the time of lsns");
            }
        }
        if load.kind == Kind::Processes {
            match (load.count, figure("one"), first_ratio) {
                (1000, ratio, _) => first_ratio = ratio,
                (64_000, Some(ratio), Some(first)) => limits.push(Limit::time(
                    format!("{load}: one"),
                    ratio / first,
                    1.1,
                    "of the ratio at 1000 processes",
                )),
                _ => {}
            }
        }
    }
    Ok(Part {
        title: "Lists",
        text: table.render(&Styles::default(), None) + LEGEND,
        limits,
    })
}

/// Measures a load in its own PID namespace.
fn outside(load: Load, programs: &Programs, directory: &Path) -> Outcome<Figures> {
    let _pid_max = raise_pid_max(load)?;
    let cgroups = if load.kind == Kind::Cgroups {
        Some(Cgroups::new(load.count)?)
    } else {
        None
    };
    let mut host = Command::new("unshare");
    host.args([
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    host.arg(std::env::current_exe()?)
        .args(["bench", "--inside", &load.to_string(), "--nsx"])
        .arg(&programs.nsx);
    host.arg("--directory").arg(directory);
    if let Some(cgroups) = &cgroups {
        host.arg("--cgroups").arg(&cgroups.directory);
    }
    let output = host
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{load} could not be measured (it takes root)").into());
    }
    let text = String::from_utf8(output.stdout)?;
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ').ok_or("no figure")?;
        Ok((name.to_owned(), value.parse::<f64>()?))
    };
    text.lines().map(figure).collect()
}

/// Raises the limit of PIDs for a load, and restores it later.
fn raise_pid_max(load: Load) -> Outcome<Option<Guard>> {
    const FILE: &str = "/proc/sys/kernel/pid_max";
    let old = fs::read_to_string(FILE)?;
    let wanted = load.count + SPARE_IDS;
    if old.trim().parse::<usize>()? >= wanted {
        return Ok(None);
    }
    let guard = Guard::new(&format!("echo {} >{FILE}", old.trim()))?;
    fs::write(FILE, wanted.to_string())?;
    Ok(Some(guard))
}

/// Cgroups as Docker makes them, which are removed when this value is dropped.
struct Cgroups {
    directory: PathBuf,
    _guard: Guard,
}

impl Cgroups {
    fn new(count: usize) -> Outcome<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let point = mounts
            .lines()
            .find(|line| line.contains(" - cgroup2 "))
            .and_then(|line| line.split(' ').nth(4));
        let point = point.ok_or("there is no cgroup2 hierarchy")?;
        let directory = Path::new(point).join(format!("nsx-bench.{}", std::process::id()));
        let path = directory.display();
        // The kernel needs a moment to remove the last process.
        let guard = Guard::new(&format!(
            "for try in $(seq 100); do rmdir {path}/* {path} 2>/dev/null && break; [ -d {path} ] \
            || break; sleep 0.1; done"
        ))?;
        fs::create_dir(&directory)?;
        for number in 0..count {
            fs::create_dir(directory.join(format!("docker-{number:064x}.scope")))?;
        }
        Ok(Self {
            directory,
            _guard: guard,
        })
    }
}

/// In the PID namespace: creates the load and prints the figures.
pub(super) fn inside(load: Load, nsx: &Path, directory: &Path, cgroups: Option<&Path>) -> Outcome {
    let standing = Standing::new(load, directory, cgroups)?;
    let scan = || Work::new(directory.join("load"), ["scan"]);
    let ours = || Work::new(nsx, ["ls", "--all", "--quiet"]);
    let one = || {
        Work::new("taskset", ["-c", "0"])
            .and(nsx)
            .and(Path::new("ls"))
            .and(Path::new("--all"))
            .and(Path::new("-q"))
    };
    let mut figures = Figures::new();
    let rounds = Rounds::run(&[scan(), one(), ours()])?;
    note(&mut figures, "one", &rounds, 1, 0);
    note(&mut figures, "two", &rounds, 2, 0);
    let deep = Rounds::run(&[scan(), Work::new(nsx, ["ls", "--deep", "--quiet"])])?;
    note(&mut figures, "deep", &deep, 1, 0);
    // PID 1 exists on every host; here it is this program.
    let task = Rounds::run(&[
        Work::new(directory.join("idle"), [""; 0]),
        Work::new(nsx, ["ls", "1"]),
    ])?;
    note(&mut figures, "task", &task, 1, 0);
    let strict = link(&nsx.with_file_name("nsx-compat"), directory, "lsns")?;
    let strict = || Work::new(&strict, ["-n", "-l"]);
    let theirs = patiently(&["lsns", "-n", "-l"])?;
    if theirs.is_none() {
        figures.insert("lsns-stopped".to_owned(), 1.0);
    }
    let theirs = theirs.unwrap_or(PATIENCE).as_secs_f64();
    // If both are fast, one run is not enough.
    let (ratio, strict_ratio) = if theirs < 1.0 {
        let rounds = Rounds::run(&[ours(), strict(), Work::new("lsns", ["-n", "-l"])])?;
        figures.insert("lsns".to_owned(), rounds.median(2));
        (rounds.ratio(0, 2).median, rounds.ratio(1, 2).median)
    } else {
        figures.insert("lsns".to_owned(), theirs);
        (
            rounds.median(2) / theirs,
            Rounds::run(&[strict()])?.median(0) / theirs,
        )
    };
    figures.insert("to lsns".to_owned(), ratio);
    figures.insert("strict to lsns".to_owned(), strict_ratio);
    let peak = Command::new(directory.join("load"))
        .arg("peak")
        .arg(nsx)
        .args(["ls", "--all", "-q"])
        .output()?;
    figures.insert(
        "peak".to_owned(),
        String::from_utf8(peak.stdout)?.trim().parse()?,
    );
    if (1000..=16_000).contains(&load.count) && load.kind == Kind::Processes {
        let counted = count::instructions(&ours(), &directory.join("counts"))?;
        let processes = fs::read_dir("/proc")?
            .filter(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
            })
            .count();
        figures.insert("instructions".to_owned(), counted as f64 / processes as f64);
    }
    drop(standing);
    figures
        .iter()
        .try_for_each(|(name, value)| crate::say(&format!("{name} {value}\n")))
}

/// A ratio with its quartiles.
fn note<const N: usize>(
    figures: &mut Figures,
    name: &str,
    rounds: &Rounds<N>,
    ours: usize,
    theirs: usize,
) {
    let ratio = rounds.ratio(ours, theirs);
    figures.insert(name.to_owned(), ratio.median);
    figures.insert(format!("{name}-"), ratio.lower_quartile);
    figures.insert(format!("{name}+"), ratio.upper_quartile);
}

/// Returns the time of a command, or none if the command takes too long and is stopped.
fn patiently(words: &[&str]) -> Outcome<Option<Duration>> {
    let start = Instant::now();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    while start.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(Some(start.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// A load that is ready. Its processes end with this value.
struct Standing {
    load: Child,
    _input: Option<ChildStdin>,
}

impl Standing {
    fn new(load: Load, directory: &Path, cgroups: Option<&Path>) -> Outcome<Self> {
        let mut command = Command::new(directory.join("load"));
        match load.kind {
            Kind::Processes => command.args(["processes", &load.count.to_string()]),
            Kind::Sockets => command.args(["sockets", &load.count.to_string(), "100"]),
            Kind::Nets => {
                let mounts = directory.join("nets");
                fs::create_dir_all(&mounts)?;
                command.args(["nets", &load.count.to_string()]).arg(mounts)
            }
            Kind::Cgroups => {
                let all = fs::read_dir(cgroups.ok_or("no cgroups")?)?
                    .filter_map(|entry| Some(entry.ok()?.path()));
                command
                    .arg("cgroups")
                    .args(all.filter(|path| path.is_dir()))
            }
        };
        let mut load = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = load.stdin.take();
        let mut line = String::new();
        if let Some(output) = load.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        if line == "ready\n" {
            Ok(Self {
                load,
                _input: input,
            })
        } else {
            Err("the load could not be made".into())
        }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.load.kill();
        let _ = self.load.wait();
    }
}
