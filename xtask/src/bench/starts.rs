//! The cost of starting a program in new namespaces: nsx as `unshare` and `nsx unshare`, compared
//! with util-linux and with a floor, a program in C that only does this work.

use super::{Limit, Work, count, say, time::Rounds};
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
}

const CASES: [Case; 3] = [
    Case {
        floor: "uts",
        options: &["--uts"],
    },
    Case {
        floor: "root",
        options: &["-r"],
    },
    Case {
        floor: "pid",
        options: &["-r", "-m", "-p", "-f", "--mount-proc"],
    },
];

/// The compared programs, in the order of the table's rows.
const WHO: [&str; 4] = ["the floor", "nsx as unshare", "nsx unshare", "util-linux"];
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

/// Prints the table and the cost of a locale, and returns the figures with limits.
pub(super) fn compare(nsx: &Path, directory: &Path) -> Outcome<Vec<Limit>> {
    let floor = build_floor(directory)?;
    let strict = link(nsx, directory, "unshare")?;
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
            Work::new(nsx, words(&["unshare"])),
            Work::new("unshare", case.options),
        ]
        .map(|work| work.and(&idle));
        let name = case.options.join(" ");
        let rounds = Rounds::run(&works)?;
        let mut floor_calls = 0;
        for (who, work) in works.iter().enumerate() {
            let instructions = count::instructions(work, &counts)?;
            let calls = count::system_calls(work, &counts)?.saturating_sub(idle_calls);
            if who == FLOOR {
                floor_calls = calls;
            }
            let (to_floor, to_theirs) = (rounds.ratio(who, FLOOR), rounds.ratio(who, UTIL_LINUX));
            table.row(vec![
                format!("{name}: {}", WHO[who]),
                instructions.to_string(),
                calls.to_string(),
                if who == FLOOR {
                    "1".to_owned()
                } else {
                    to_floor.to_string()
                },
                if who == UTIL_LINUX {
                    "1".to_owned()
                } else {
                    to_theirs.to_string()
                },
            ]);
            let mut limit = |figure: f64, most: f64, unit| {
                limits.push(Limit {
                    of: format!("{name}: {}", WHO[who]),
                    figure,
                    most,
                    unit,
                });
            };
            match who {
                STRICT => {
                    limit(instructions as f64, 80_000.0, "instructions");
                    limit(
                        calls.saturating_sub(floor_calls) as f64,
                        20.0,
                        "system calls more than the floor",
                    );
                    limit(to_floor.median, 1.1, "of the floor's time");
                    limit(to_theirs.median, 0.85, "of util-linux's time");
                }
                NSX => {
                    limit(instructions as f64, 600_000.0, "instructions");
                    limit(to_theirs.median, 0.95, "of util-linux's time");
                }
                _ => {}
            }
        }
    }
    say(&table.render(&Styles::default(), None))?;
    say(LEGEND)?;
    let mut locale = Vec::new();
    for program in [Path::new("unshare"), &strict] {
        let work = Work::new(program, CASES[0].options).and(&idle);
        locale.push(count::instructions_with(&["LANG=C.UTF-8"], &work, &counts)?);
    }
    say(&format!(
        "With LANG=C.UTF-8 instead of no locale, {} takes util-linux {} instructions and nsx {}.\n",
        CASES[0].options.join(" "),
        locale[0],
        locale[1],
    ))?;
    Ok(limits)
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
