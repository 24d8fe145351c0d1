//! The cost of entering all namespaces of a process with a known PID: nsx as `nsenter` and `nsx
//! enter`, compared with util-linux's `nsenter`.

use super::{Limit, Part, Programs, Work, count, starts, time::Rounds};
use crate::Outcome;
use nsx::{
    style::Styles,
    table::{Align, Table},
};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The compared commands, in the order of the table's rows.
const WHO: [&str; 3] = [
    "nsx-compat nsenter -t PID -a",
    "nsx enter PID",
    "nsenter -t PID -a",
];
const STRICT: usize = 0;
const NSX: usize = 1;
const UTIL_LINUX: usize = 2;

/// The counts that were reached.
const INSTRUCTIONS_STRICT: u64 = 106_000;
const CALLS_STRICT: u64 = 92;
const CALLS_NSX: u64 = 190;

/// A `sleep` in its own namespaces, started by root.
struct Target {
    unshare: Child,
    pid: String,
}

impl Target {
    fn start() -> Outcome<Self> {
        let words = [
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "sleep",
            "1000",
        ];
        let unshare = Command::new("unshare")
            .args(words)
            .stdin(Stdio::null())
            .spawn()?;
        let mut target = Self {
            unshare,
            pid: String::new(),
        };
        let children = format!("/proc/{0}/task/{0}/children", target.unshare.id());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let child = fs::read_to_string(&children)?.trim().to_owned();
            if fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "sleep\n")
            {
                target.pid = child;
                return Ok(target);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("unshare made no namespaces to enter".into())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// Compares, and returns the figures with limits. Without `timed` there are counts alone. Only root
/// can create the target.
pub(super) fn compare(programs: &Programs, directory: &Path, timed: bool) -> Outcome<Part> {
    let (strict, idle, counts) = (
        starts::link(&programs.compat, directory, "nsenter")?,
        starts::idle(directory)?,
        directory.join("counts"),
    );
    let target = Target::start()?;
    let pid = target.pid.as_str();
    let works = [
        Work::new(strict, ["-t", pid, "-a"]),
        Work::new(&programs.nsx, ["enter", pid, "--"]),
        Work::new("nsenter", ["-t", pid, "-a"]),
    ]
    .map(|work| work.and(&idle));
    let rounds = timed.then(|| Rounds::run(&works)).transpose()?;
    let idle_calls = count::system_calls(&Work::new(&idle, [""; 0]), &counts)?;
    let mut table = Table::new(&[
        ("COMMAND", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("CALLS", Align::Right),
        ("TO THEIRS", Align::Right),
    ]);
    let mut limits = Vec::new();
    for (who, work) in works.iter().enumerate() {
        // `nsx enter` needs pidfd_open, which valgrind lacks in Debian 12.
        let instructions = (who != NSX)
            .then(|| count::instructions(work, &counts))
            .transpose()?;
        let calls = count::system_calls(work, &counts)?.saturating_sub(idle_calls);
        let ratio = rounds.as_ref().map(|rounds| rounds.ratio(who, UTIL_LINUX));
        table.row(vec![
            WHO[who].to_owned(),
            instructions.map_or_else(String::new, |count| count.to_string()),
            calls.to_string(),
            ratio
                .as_ref()
                .map_or_else(String::new, |ratio| ratio.to_string()),
        ]);
        // `nsx enter` also reads the target's ids and privileges.
        let (calls_kept, goal_of_time) = match who {
            STRICT => (CALLS_STRICT, 0.72),
            NSX => (CALLS_NSX, 1.05),
            _ => continue,
        };
        let of = || WHO[who].to_owned();
        if let Some(instructions) = instructions {
            limits.push(Limit::count(
                of(),
                instructions,
                110_000,
                INSTRUCTIONS_STRICT,
                "instructions",
            ));
        }
        limits.push(Limit::count(
            of(),
            calls,
            calls_kept,
            calls_kept,
            "system calls",
        ));
        limits
            .extend(ratio.map(|ratio| {
                Limit::time(of(), ratio.median, goal_of_time, "of util-linux's time")
            }));
    }
    Ok(Part {
        title: "Entering a process",
        text: table.render(&Styles::default(), None),
        limits,
    })
}
