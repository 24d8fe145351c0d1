//! The cost of starting a program in new namespaces: nsx as `unshare` and `nsx unshare`, compared
//! with util-linux and with a floor, a program in C that only does this work.

use super::{Limit, Part, Programs, Work, count, time::Rounds};
use crate::{Outcome, tree};
use nsx::{
    style::Styles,
    table::{Align, Table},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Work that is the same for all programs.
struct Case {
    /// The floor's name for the work.
    floor: &'static str,
    options: &'static [&'static str],
    /// The instructions that nsx-compat and nsx were brought to, with room for new options of nsx,
    /// each of which costs two thousand.
    kept: [u64; 2],
}

const CASES: [Case; 3] = [
    Case {
        floor: "uts",
        options: &["--uts"],
        kept: [62_000, 300_000],
    },
    Case {
        floor: "root",
        options: &["-r"],
        kept: [67_000, 305_000],
    },
    Case {
        floor: "pid",
        options: &["-r", "-m", "-p", "-f", "--mount-proc"],
        kept: [72_000, 370_000],
    },
];

/// The compared programs, in the order of the table's rows.
const WHO: [&str; 4] = ["the floor", "nsx-compat", "nsx unshare", "util-linux"];
const FLOOR: usize = 0;
const STRICT: usize = 1;
const NSX: usize = 2;
const UTIL_LINUX: usize = 3;

const LEGEND: &str = "
INSTRUCTIONS  in user space up to the exec of the program, which does nothing; counted by callgrind
CALLS         system calls of the same, and of who waits for the program; counted by strace
TO FLOOR      median of the times of runs that took turns, with the quartiles: to those of a \
static C program that
              makes the system calls of the work alone
TO THEIRS     the same to util-linux's; both differ from one bench to the next
";

/// Compares, and returns the figures with limits. Without `timed` there are counts alone.
pub(super) fn compare(programs: &Programs, directory: &Path, timed: bool) -> Outcome<Part> {
    let floor = build_floor(directory)?;
    let strict = link(&programs.compat, directory, "unshare")?;
    let idle = idle(directory)?;
    let counts = directory.join("counts");
    let idle_calls = count::system_calls(&Work::new(&idle, [""; 0]), &counts)?;
    let mut limits = Vec::new();
    let mut table = Table::new(&[
        ("COMMAND", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("CALLS", Align::Right),
        ("TO FLOOR", Align::Right),
        ("TO THEIRS", Align::Right),
    ]);
    for case in &CASES {
        let words = |first: &[&'static str]| [first, case.options].concat();
        let works = [
            Work::new(&floor, [case.floor]),
            Work::new(&strict, case.options),
            Work::new(&programs.nsx, words(&["unshare"])),
            Work::new("unshare", case.options),
        ]
        .map(|work| work.and(&idle));
        let rounds = timed.then(|| Rounds::run(&works)).transpose()?;
        let mut floor_calls = 0;
        for (who, work) in works.iter().enumerate() {
            let instructions = count::instructions(work, &counts)?;
            let calls = count::system_calls(work, &counts)?.saturating_sub(idle_calls);
            if who == FLOOR {
                floor_calls = calls;
            }
            let of = format!("{}: {}", case.options.join(" "), WHO[who]);
            let ratio = |other| {
                let ratio = rounds.as_ref().map(|rounds| rounds.ratio(who, other));
                ratio.map_or_else(String::new, |ratio| ratio.to_string())
            };
            table.row(vec![
                of.clone(),
                instructions.to_string(),
                calls.to_string(),
                ratio(FLOOR),
                ratio(UTIL_LINUX),
            ]);
            let [kept_strict, kept_nsx] = case.kept;
            let (goal, kept, goal_of_time) = match who {
                STRICT => (45_000, kept_strict, 0.85),
                NSX => (150_000, kept_nsx, 0.9),
                _ => continue,
            };
            limits.push(Limit::count(
                of.clone(),
                instructions,
                goal,
                kept,
                "instructions",
            ));
            if who == STRICT {
                let more = calls.saturating_sub(floor_calls);
                limits.push(Limit::count(
                    of.clone(),
                    more,
                    20,
                    20,
                    "system calls more than the floor",
                ));
            }
            if let Some(rounds) = &rounds {
                let to_theirs = rounds.ratio(who, UTIL_LINUX).median;
                limits.push(Limit::time(
                    of.clone(),
                    to_theirs,
                    goal_of_time,
                    "of util-linux's time",
                ));
                if who == STRICT {
                    let to_floor = rounds.ratio(who, FLOOR).median;
                    limits.push(Limit::time(of, to_floor, 1.08, "of the floor's time"));
                }
            }
        }
    }
    let mut locale = Vec::new();
    for program in [Path::new("unshare"), &strict] {
        let work = Work::new(program, CASES[0].options).and(&idle);
        locale.push(count::instructions_with(&["LANG=C.UTF-8"], &work, &counts)?);
    }
    let locale = format!(
        "With LANG=C.UTF-8 instead of no locale, {} takes util-linux {} instructions and nsx-compat {}.\n",
        CASES[0].options.join(" "),
        locale[0],
        locale[1],
    );
    Ok(Part {
        title: "Starts",
        text: table.render(&Styles::default(), None) + LEGEND + &locale,
        limits,
    })
}

/// Returns a link with a name under which nsx is strict.
pub(super) fn link(nsx: &Path, directory: &Path, name: &str) -> Outcome<PathBuf> {
    let link = directory.join(name);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => std::os::unix::fs::symlink(nsx, &link)?,
    }
    Ok(link)
}

fn build_floor(directory: &Path) -> Outcome<PathBuf> {
    compile(
        &tree::root().join("xtask/src/bench/floor.c"),
        &directory.join("floor"),
    )
}

/// Returns the program that is started: as cheap as possible, so that it hides nothing.
pub(super) fn idle(directory: &Path) -> Outcome<PathBuf> {
    let source = directory.join("idle.c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    compile(&source, &directory.join("idle"))
}

pub(super) fn compile(source: &Path, program: &Path) -> Outcome<PathBuf> {
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O2", "-Wall", "-Wextra", "-o"])
        .arg(program)
        .arg(source);
    let status = cc
        .status()
        .map_err(|error| format!("failed to run cc: {error}"))?;
    if status.success() {
        Ok(program.to_owned())
    } else {
        Err("failed to compile what to compare with".into())
    }
}
