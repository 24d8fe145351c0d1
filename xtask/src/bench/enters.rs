//! The cost of entering all namespaces of a process with a known PID: nsx as `nsenter` and `nsx
//! enter`, compared with util-linux's `nsenter`.

use super::{Limit, Work, count, say, starts, time::Rounds};
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
    "nsx as nsenter -t PID -a",
    "nsx enter PID",
    "nsenter -t PID -a",
];
const STRICT: usize = 0;
const NSX: usize = 1;
const UTIL_LINUX: usize = 2;

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

/// Prints the table and returns the figures with limits. Only root can create the target.
pub(super) fn compare(nsx: &Path, directory: &Path) -> Outcome<Vec<Limit>> {
    let (strict, idle, counts) = (
        starts::link(nsx, directory, "nsenter")?,
        starts::idle(directory)?,
        directory.join("counts"),
    );
    let target = Target::start()?;
    let pid = target.pid.as_str();
    let works = [
        Work::new(strict, ["-t", pid, "-a"]),
        Work::new(nsx, ["enter", pid, "--"]),
        Work::new("nsenter", ["-t", pid, "-a"]),
    ]
    .map(|work| work.and(&idle));
    let rounds = Rounds::run(&works)?;
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
        let instructions = if who == STRICT || who == UTIL_LINUX {
            count::instructions(work, &counts)?
        } else {
            0
        };
        let calls = count::system_calls(work, &counts)?.saturating_sub(idle_calls);
        let ratio = rounds.ratio(who, UTIL_LINUX);
        table.row(vec![
            WHO[who].to_owned(),
            if instructions == 0 {
                String::new()
            } else {
                instructions.to_string()
            },
            calls.to_string(),
            if who == UTIL_LINUX {
                "1".to_owned()
            } else {
                ratio.to_string()
            },
        ]);
        let mut limit = |figure: f64, most: f64, unit| {
            limits.push(Limit {
                of: WHO[who].to_owned(),
                figure,
                most,
                unit,
            })
        };
        match who {
            STRICT => {
                limit(instructions as f64, 110_000.0, "instructions");
                limit(ratio.median, 0.75, "of util-linux's time");
            }
            // It reads the target's ids and privileges.
            NSX => limit(ratio.median, 1.3, "of util-linux's time"),
            _ => {}
        }
    }
    say(&table.render(&Styles::default(), None))?;
    Ok(limits)
}
