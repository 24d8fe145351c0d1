//! What it takes to start a program in new namespaces or in those of a process: nsx under util-linux's names and by its own
//! commands, beside util-linux's and beside a floor, a program in C that does this work and nothing else.

use super::{Limit, Work, count, say, time::Rounds};
use crate::{Outcome, tree};
use nsx::{
    out::Styles,
    table::{Align, Table},
};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::Duration,
};

/// What programs of one kind do, each with the same work.
struct Contest {
    name: String,
    /// In the order of the table's rows: the floor, nsx as util-linux's program, nsx, util-linux.
    works: [Work; 4],
    who: [&'static str; 4],
    /// Whose instructions can be counted.
    counted: [bool; 4],
    strict: Most,
    own: Option<Most>,
}

/// The limits of one who does the work.
struct Most {
    instructions: f64,
    to_theirs: f64,
    /// System calls more than the floor, and its time.
    beside_floor: Option<(f64, f64)>,
}

/// Options of unshare, and what the floor calls them.
const UNSHARES: [(&str, &[&str]); 3] =
    [("uts", &["--uts"]), ("root", &["-r"]), ("pid", &["-r", "-m", "-p", "-f", "--mount-proc"])];

const FLOOR: usize = 0;
const STRICT: usize = 1;
const NSX: usize = 2;
const UTIL_LINUX: usize = 3;

const LEGEND: &str = "
INSTRUCTIONS  in user space up to the exec of the program, which does nothing; counted by callgrind
CALLS         system calls of the same, and of who waits for the program; counted by strace
TO FLOOR      median of the times of runs that took turns, with the quartiles: to those of a static C program that
              makes the system calls of the work alone
TO THEIRS     the same to util-linux's; both differ from one bench to the next
Instructions of nsenter are those of joining file by file, for callgrind has no pidfd; of who needs one they are not counted.
";

/// Prints the table and what a locale costs; returns what there are limits for.
pub(super) fn compare(nsx: &Path, directory: &Path) -> Outcome<Vec<Limit>> {
    let floor = build_floor(directory)?;
    let unshare = link("unshare", nsx, directory)?;
    let idle = idle(directory)?;
    let counts = directory.join("counts");
    let idle_calls = count::system_calls(&Work::new(&idle, [""; 0]), &counts)?;
    let mut table = Table::new(&[
        ("COMMAND", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("CALLS", Align::Right),
        ("TO FLOOR", Align::Right),
        ("TO THEIRS", Align::Right),
    ]);
    let mut contests: Vec<_> =
        UNSHARES.iter().map(|(case, options)| unshares(case, options, [&floor, &unshare, nsx], &idle)).collect();
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    let target = is_root.then(Target::start).transpose()?;
    if let Some(target) = &target {
        let nsenter = link("nsenter", nsx, directory)?;
        contests.push(nsenters(target, [&floor, &nsenter, nsx], &idle));
    }
    let mut limits = Vec::new();
    for contest in &contests {
        limits.extend(contest.hold(&mut table, &counts, idle_calls)?);
    }
    say(&table.render(&Styles::default(), None))?;
    say(LEGEND)?;
    if target.is_none() {
        say("Not compared, for that needs root: nsenter.\n")?;
    }
    let options = UNSHARES[0].1;
    let mut locale = Vec::new();
    for program in [Path::new("unshare"), &unshare] {
        let work = Work::new(program, options).and(&idle);
        locale.push(count::instructions_with(&["LANG=C.UTF-8"], &work, &counts)?);
    }
    say(&format!(
        "With LANG=C.UTF-8 instead of no locale, {} takes util-linux {} instructions and nsx {}.\n",
        options.join(" "),
        locale[0],
        locale[1],
    ))?;
    Ok(limits)
}

fn unshares(case: &str, options: &[&str], [floor, strict, nsx]: [&Path; 3], idle: &Path) -> Contest {
    let works = [
        Work::new(floor, [case]),
        Work::new(strict, options),
        Work::new(nsx, [&["unshare"], options].concat()),
        Work::new("unshare", options),
    ];
    Contest {
        name: options.join(" "),
        works: works.map(|work| work.and(idle)),
        who: ["the floor", "nsx as unshare", "nsx unshare", "util-linux"],
        counted: [true; 4],
        strict: Most { instructions: 80_000.0, to_theirs: 0.85, beside_floor: Some((20.0, 1.1)) },
        own: Some(Most { instructions: 600_000.0, to_theirs: 0.95, beside_floor: None }),
    }
}

fn nsenters(target: &Target, [floor, strict, nsx]: [&Path; 3], idle: &Path) -> Contest {
    let pid = target.pid.as_str();
    let works = [
        Work::new(floor, ["enter", pid]),
        Work::new(strict, ["-t", pid, "-a"]),
        Work::new(nsx, ["enter", pid]),
        Work::new("nsenter", ["-t", pid, "-a"]),
    ];
    Contest {
        name: "-t PID -a".to_owned(),
        works: works.map(|work| work.and(idle)),
        who: ["the floor", "nsx as nsenter", "nsx enter", "util-linux"],
        counted: [false, true, false, true],
        strict: Most { instructions: 110_000.0, to_theirs: 0.75, beside_floor: None },
        own: None,
    }
}

impl Contest {
    /// A row for each, and what there are limits for.
    fn hold(&self, table: &mut Table, counts: &Path, idle_calls: u64) -> Outcome<Vec<Limit>> {
        let rounds = Rounds::run(&self.works)?;
        let mut limits = Vec::new();
        let mut floor_calls = 0;
        for (who, work) in self.works.iter().enumerate() {
            let of = format!("{}: {}", self.name, self.who[who]);
            let instructions = if self.counted[who] { Some(count::instructions(work, counts)?) } else { None };
            let calls = count::system_calls(work, counts)?.saturating_sub(idle_calls);
            if who == FLOOR {
                floor_calls = calls;
            }
            let (to_floor, to_theirs) = (rounds.ratio(who, FLOOR), rounds.ratio(who, UTIL_LINUX));
            table.row(vec![
                of.clone(),
                instructions.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                calls.to_string(),
                if who == FLOOR { "1".to_owned() } else { to_floor.to_string() },
                if who == UTIL_LINUX { "1".to_owned() } else { to_theirs.to_string() },
            ]);
            let most = match who {
                STRICT => Some(&self.strict),
                NSX => self.own.as_ref(),
                _ => None,
            };
            let Some(most) = most else { continue };
            let mut limit = |figure: f64, most: f64, unit| limits.push(Limit { of: of.clone(), figure, most, unit });
            if let Some(instructions) = instructions {
                limit(instructions as f64, most.instructions, "instructions");
            }
            if let Some((more, time)) = most.beside_floor {
                limit(calls.saturating_sub(floor_calls) as f64, more, "system calls more than the floor");
                limit(to_floor.median, time, "of the floor's time");
            }
            limit(to_theirs.median, most.to_theirs, "of util-linux's time");
        }
        Ok(limits)
    }
}

/// A process in namespaces of its own, all of them.
struct Target {
    pid: String,
    parent: Child,
}

impl Target {
    fn start() -> Outcome<Self> {
        let options = ["-r", "-muinpCT", "--fork", "--kill-child", "sleep", "infinity"];
        let parent = Command::new("unshare").args(options).spawn()?;
        let children = format!("/proc/{0}/task/{0}/children", parent.id());
        let mut target = Self { pid: String::new(), parent };
        while fs::read_to_string(format!("/proc/{}/comm", target.pid)).unwrap_or_default() != "sleep\n" {
            thread::sleep(Duration::from_millis(5));
            fs::read_to_string(&children)?.trim().clone_into(&mut target.pid);
        }
        Ok(target)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The program goes with it.
        let _ = self.parent.kill().and_then(|()| self.parent.wait());
    }
}

/// A link of the name under which nsx is strict.
fn link(name: &str, nsx: &Path, directory: &Path) -> Outcome<PathBuf> {
    let link = directory.join(name);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => std::os::unix::fs::symlink(nsx, &link)?,
    }
    Ok(link)
}

fn build_floor(directory: &Path) -> Outcome<PathBuf> {
    compile(&tree::root().join("xtask/src/bench/floor.c"), &directory.join("floor"))
}

/// The program that is started: one that costs as little as one can, so that it hides nothing.
pub(super) fn idle(directory: &Path) -> Outcome<PathBuf> {
    let source = directory.join("idle.c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    compile(&source, &directory.join("idle"))
}

pub(super) fn compile(source: &Path, program: &Path) -> Outcome<PathBuf> {
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O2", "-Wall", "-Wextra", "-o"]).arg(program).arg(source);
    let status = cc.status().map_err(|error| format!("failed to run cc: {error}"))?;
    if status.success() { Ok(program.to_owned()) } else { Err("failed to compile what to compare with".into()) }
}
