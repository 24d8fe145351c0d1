//! `cargo xtask torture churn`: lists while 500 processes a second create, join and leave
//! namespaces, and PIDs are reused.
//!
//! `churn.pl` records the namespaces of each process, and its earliest and latest time. Each row of
//! each list is compared with that afterwards: a row is wrong if its process did not exist while
//! nsx ran, had another command, or was never in the namespace. Bystanders, whose namespaces are in
//! /proc, must be in every list unchanged.

use super::say;
use crate::{Outcome, tree};
use nix::libc;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const SCRIPT: &str = include_str!("churn.pl");
/// Processes per second.
const RATE: u32 = 500;
/// PIDs that are reused all the time, and that `pidmap` is given.
const REUSED: std::ops::Range<u32> = 301..331;
const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// Creates a PID namespace with its own procfs and starts again there.
pub(super) fn run(nsx: &Path, long: bool) -> Outcome {
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe()?);
    unshare
        .args(["torture", "churn", "--inside", "--nsx"])
        .arg(nsx)
        .args(long.then_some("--long"));
    if unshare.status()?.success() {
        Ok(())
    } else {
        Err("lists are wrong".into())
    }
}

/// A process that came and went, as the script recorded it.
#[derive(Default)]
struct Life {
    serial: u64,
    /// The time when it existed, at the earliest and the latest, in seconds since 1970.
    span: (f64, f64),
    /// The namespace it was in besides those of the script.
    own: Option<(String, u64)>,
}

/// A process that stays.
struct Bystander {
    child: Child,
    pid: u32,
    /// Its ids, from this PID namespace downwards.
    chain: Value,
    /// Its namespaces, by kind.
    namespaces: BTreeMap<&'static str, u64>,
    /// `true` if other processes join its namespaces.
    visited: bool,
}

/// The output of a command.
struct List {
    command: usize,
    span: (f64, f64),
    document: Value,
    /// The process that wrote it.
    lister: u32,
}

/// Everything that lists are compared with.
struct Truth {
    lives: BTreeMap<u64, Vec<Life>>,
    bystanders: Vec<Bystander>,
    /// The namespaces of this program and the script.
    home: BTreeMap<&'static str, u64>,
    /// Namespaces of the host that are bound to files.
    mounted: Vec<(String, u64)>,
    /// This program and the script.
    standing: [u64; 2],
}

/// The findings in the lists of one command.
#[derive(Default)]
struct Tally {
    runs: usize,
    rows: usize,
    /// Rows of processes that come and go.
    passing: usize,
    doubled: usize,
    wrong: Vec<String>,
}

/// Runs in the PID namespace.
pub(super) fn inside(nsx: &Path, long: bool) -> Outcome {
    let seconds = if long { 60 } else { 10 };
    let directory = tree::root().join("target/torture");
    fs::create_dir_all(&directory)?;
    let (script, log) = (directory.join("churn.pl"), directory.join("churn.log"));
    fs::write(&script, SCRIPT)?;
    fs::write(&log, "")?;
    let visited = Bystander::start(&["--uts"], true)?;
    let mut perl = Command::new("perl");
    perl.arg(&script)
        .arg(&log)
        .args([seconds, RATE].map(|number| number.to_string()));
    perl.arg(format!("/proc/{}/ns/uts", visited.pid));
    perl.args([libc::SYS_unshare, libc::SYS_setns].map(|number| number.to_string()));
    // They can only become fewer: removing such a file on the host also removes the mount here.
    let mounted = mounted()?;
    let mut bystanders = vec![visited];
    for kind in ["--uts", "--ipc", "--mount", "--net", "--cgroup", "--user"] {
        bystanders.push(Bystander::start(&[kind], false)?);
    }
    bystanders.push(Bystander::start(
        &["--pid", "--fork", "--kill-child"],
        false,
    )?);

    let ids: Vec<String> = bystanders
        .iter()
        .map(|one| one.pid)
        .chain(REUSED)
        .map(|id| id.to_string())
        .collect();
    let mut pidmap = vec!["pidmap", "--json"];
    pidmap.extend(ids.iter().map(String::as_str));
    let commands = [
        vec!["ls", "--all", "--json"],
        vec!["ls", "--pids", "--all", "--json"],
        vec!["pidmap", "--namespace-of", "1", "--json"],
        pidmap,
    ];
    let mut script = perl.stdout(Stdio::piped()).spawn()?;
    let mut lists = Vec::new();
    while script.try_wait()?.is_none() {
        for (command, words) in commands.iter().enumerate() {
            lists.push(list(nsx, command, words)?);
        }
    }
    let standing = [std::process::id(), script.id()].map(u64::from);
    let made = script.wait_with_output()?;
    if !made.status.success() {
        return Err("the processes could not be made".into());
    }
    let made = String::from_utf8(made.stdout)?;
    let (made, took) = made.trim().split_once(' ').ok_or("no figure")?;
    say(&format!("{made} processes in {took} seconds\n"))?;

    let truth = Truth {
        lives: lives(&log)?,
        bystanders,
        home: namespaces("self")?,
        mounted,
        standing,
    };
    say("COMMAND                     RUNS     ROWS  PASSING  DOUBLED    WRONG\n")?;
    let mut problems = Vec::new();
    for (number, words) in commands.iter().enumerate() {
        let mut tally = Tally::default();
        for list in lists.iter().filter(|list| list.command == number) {
            tally.check(&truth, list);
        }
        let name = words.iter().filter(|word| {
            !word.starts_with(|first: char| first.is_ascii_digit()) && **word != "--json"
        });
        let name = name.copied().collect::<Vec<_>>().join(" ");
        let Tally {
            runs,
            rows,
            passing,
            doubled,
            wrong,
        } = tally;
        say(&format!(
            "{name:24}  {runs:6}  {rows:7}  {passing:7}  {doubled:7}  {:7}\n",
            wrong.len()
        ))?;
        if passing == 0 {
            problems.push(format!(
                "{name}: none of the processes that come and go was seen"
            ));
        }
        problems.extend(wrong.iter().take(9).map(|row| format!("{name}: {row}")));
        if doubled > 0 {
            problems.push(format!("{name}: {doubled} doubled rows"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\nxtask: ").into())
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Runs nsx and reads what it prints.
fn list(nsx: &Path, command: usize, words: &[&str]) -> Outcome<List> {
    let from = now();
    let child = Command::new(nsx)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lister = child.id();
    let output = child.wait_with_output()?;
    let span = (from, now());
    // Status 1 is allowed: a PID that is reused all the time may be unused.
    if !matches!(output.status.code(), Some(0 | 1)) {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "nsx {}: {}: {}",
            words.join(" "),
            output.status,
            said.trim()
        )
        .into());
    }
    Ok(List {
        command,
        span,
        document: serde_json::from_slice(&output.stdout)?,
        lister,
    })
}

/// Reads the script's log.
fn lives(log: &Path) -> Outcome<BTreeMap<u64, Vec<Life>>> {
    let mut lives = BTreeMap::<u64, Vec<Life>>::new();
    for line in fs::read_to_string(log)?.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, serial, pid, time, own @ ..] = &words[..] else {
            return Err("the log is cut off".into());
        };
        let (serial, pid, time) = (serial.parse()?, pid.parse()?, time.parse()?);
        let of_pid = lives.entry(pid).or_default();
        match (*what, own) {
            ("life", [kind, ns]) => {
                let own = Some(((*kind).to_owned(), ns.parse()?));
                of_pid.push(Life {
                    serial,
                    span: (time, f64::INFINITY),
                    own,
                });
            }
            ("life", _) => of_pid.push(Life {
                serial,
                span: (time, f64::INFINITY),
                own: None,
            }),
            _ => {
                let life = of_pid
                    .iter_mut()
                    .find(|life| life.serial == serial)
                    .ok_or("an end without a life")?;
                life.span.1 = time;
            }
        }
    }
    Ok(lives)
}

/// Returns the inode numbers of the namespaces of a process, by kind.
fn namespaces(pid: &str) -> Outcome<BTreeMap<&'static str, u64>> {
    let read = |kind| -> Outcome<_> {
        let link = fs::read_link(format!("/proc/{pid}/ns/{kind}"))?
            .display()
            .to_string();
        let inode = link
            .split(['[', ']'])
            .nth(1)
            .ok_or("not a namespace")?
            .parse()?;
        Ok((kind, inode))
    };
    KINDS.into_iter().map(read).collect()
}

/// Returns the namespaces that are bound to files.
fn mounted() -> Outcome<Vec<(String, u64)>> {
    let read = |line: &str| {
        let (kind, rest) = line.split(' ').nth(3)?.split_once(":[")?;
        Some((kind.to_owned(), rest.trim_end_matches(']').parse().ok()?))
    };
    Ok(fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .filter_map(read)
        .collect())
}

impl Bystander {
    fn start(options: &[&str], visited: bool) -> Outcome<Self> {
        let child = Command::new("unshare")
            .args(options)
            .args(["sleep", "1000"])
            .spawn()?;
        let mut pid = child.id();
        while fs::read_to_string(format!("/proc/{pid}/comm"))? != "sleep\n" {
            thread::sleep(Duration::from_millis(1));
            // unshare waits for a child in a PID namespace.
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
            pid = children.trim().parse().unwrap_or(pid);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let chain = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))
            .unwrap_or_default();
        let chain = chain
            .split_whitespace()
            .map(str::parse::<u32>)
            .collect::<Result<Vec<_>, _>>()?
            .into();
        Ok(Self {
            child,
            pid,
            chain,
            namespaces: namespaces(&pid.to_string())?,
            visited,
        })
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tally {
    fn check(&mut self, truth: &Truth, list: &List) {
        self.runs += 1;
        let rows = |name: &str| list.document[name].as_array().cloned().unwrap_or_default();
        let (namespaces, processes) = (rows("namespaces"), rows("processes"));
        let mut seen = BTreeSet::new();
        for row in namespaces.iter().chain(&processes) {
            self.rows += 1;
            // A namespace is known by kind and inode number, which a namespace of another kind may
            // get meanwhile; a process by its PID.
            let key = if row["type"].is_null() {
                &row["pid"]
            } else {
                &row["ns"]
            };
            self.doubled += usize::from(!seen.insert((row["type"].as_str(), key.as_u64())));
            match truth.judge(row, list) {
                Ok(passing) => self.passing += usize::from(passing),
                Err(why) => self.wrong.push(format!("{why}: {row}")),
            }
        }
        for one in &truth.bystanders {
            let own = one
                .namespaces
                .iter()
                .filter(|(kind, ns)| truth.home[*kind] != **ns);
            for (kind, ns) in own.filter(|_| !namespaces.is_empty()) {
                let is_it = |row: &&Value| {
                    let alone = row["seen"] == 1 || one.visited;
                    row["ns"] == *ns
                        && row["type"] == *kind
                        && row["pid"] == one.pid
                        && row["command"] == "sleep 1000"
                        && alone
                };
                if namespaces.iter().filter(is_it).count() != 1 {
                    self.wrong
                        .push(format!("{kind}:[{ns}] of {} is not as it is", one.pid));
                }
            }
            let is_it = |row: &&Value| {
                row["pid"] == one.pid
                    && row["chain"] == one.chain
                    && pid_ns(row).is_none_or(|ns| ns == one.namespaces["pid"])
                    && row["command"] == "sleep 1000"
            };
            if !processes.is_empty() && processes.iter().filter(is_it).count() != 1 {
                self.wrong.push(format!("{} is not as it is", one.pid));
            }
        }
    }
}

/// Returns the PID namespace of a process in a list.
fn pid_ns(row: &Value) -> Option<u64> {
    row["namespaces"]
        .as_array()
        .and_then(|all| all.last())
        .unwrap_or(&row["ns"])
        .as_u64()
}

impl Truth {
    /// Returns whether the row shows a process or a namespace that comes and goes, or the reason
    /// why it is wrong.
    fn judge(&self, row: &Value, list: &List) -> Result<bool, &'static str> {
        let (kind, ns) = match row["type"].as_str() {
            Some(kind) => (kind, row["ns"].as_u64()),
            None => ("pid", pid_ns(row)),
        };
        // pidmap names the namespace only once if all rows share it.
        let is = |other: Option<&u64>| ns.is_none() || ns.as_ref() == other;
        let is_home = is(self.home.get(kind));
        let visited = |life: &Life| {
            life.own
                .as_ref()
                .is_some_and(|(of, own)| of == kind && is(Some(own)))
        };
        let overlaps = |life: &&Life| life.span.0 <= list.span.1 && list.span.0 <= life.span.1;
        let Some(pid) = row["pid"].as_u64() else {
            if self
                .mounted
                .iter()
                .any(|(of, mounted)| of == kind && is(Some(mounted)))
            {
                return Ok(false);
            }
            // It has no process any more, or none yet.
            let mut alive = self.lives.values().flatten().filter(overlaps);
            return if alive.any(visited) {
                Ok(true)
            } else {
                Err("there was no such namespace")
            };
        };
        if self.standing.contains(&pid) || pid == u64::from(list.lister) {
            return if is_home {
                Ok(false)
            } else {
                Err("it is of this program")
            };
        }
        if let Some(one) = self
            .bystanders
            .iter()
            .find(|one| u64::from(one.pid) == pid || u64::from(one.child.id()) == pid)
        {
            let in_it = is(one.namespaces.get(kind)) || is_home && pid != u64::from(one.pid);
            return if in_it {
                Ok(false)
            } else {
                Err("a bystander is not in it")
            };
        }
        let mut lives = self
            .lives
            .get(&pid)
            .into_iter()
            .flatten()
            .filter(overlaps)
            .peekable();
        lives.peek().ok_or("there was no such process")?;
        let is_of = |life: &&Life| match row["command"].as_str() {
            Some(command) => command
                .strip_prefix("life ")
                .is_some_and(|serial| serial == life.serial.to_string()),
            None => true,
        };
        let mut lives = lives.filter(is_of).peekable();
        lives.peek().ok_or("the command is not the process's")?;
        let life = lives
            .find(|life| is_home || visited(life))
            .ok_or("the process was never in it")?;
        let own = visited(life);
        let shared = self
            .bystanders
            .iter()
            .any(|one| one.visited && is(one.namespaces.get(kind)));
        if own && !shared && row["seen"].as_u64().is_some_and(|count| count > 1) {
            return Err("it had one process");
        }
        let ids = row["chain"].as_array();
        if ids.is_some_and(|ids| {
            ids.first() != Some(&row["pid"]) || ids.len() != if own { 2 } else { 1 }
        }) {
            return Err("its ids are others");
        }
        Ok(true)
    }
}
