//! The limits of the target's cgroups: memory, processes, processor time.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::cgroup::{Membership, Mounts};
use std::{io::Read, path::Path};

/// No file of a cgroup that nsx reads is longer.
const LONGEST: u64 = 1 << 16;

/// A limit in both versions of cgroups.
struct Limit {
    check: &'static str,
    noun: &'static str,
    controller: &'static str,
    files: [&'static str; 2],
    /// The part of the host that the target may take without the limit.
    all: &'static str,
    option: &'static str,
}

const LIMITS: [Limit; 3] = [
    Limit {
        check: "memory",
        noun: "memory",
        controller: "memory",
        files: ["memory.limit_in_bytes", "memory.max"],
        all: "the host's memory",
        option: "--memory 512m, MemoryMax=",
    },
    Limit {
        check: "pids",
        noun: "the number of processes",
        controller: "pids",
        files: ["pids.max", "pids.max"],
        all: "the host's process ids",
        option: "--pids-limit 500, TasksMax=",
    },
    Limit {
        check: "cpu",
        noun: "processor time",
        controller: "cpu",
        files: ["cpu.cfs_quota_us", "cpu.max"],
        all: "the host's processors",
        option: "--cpus 2, CPUQuota=",
    },
];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let (Ok(memberships), Ok(mounts)) = (facts.memberships(), Mounts::read(&facts.system.proc))
    else {
        return vec![Finding::unknown("cgroups", "its cgroups cannot be read")];
    };
    LIMITS
        .iter()
        .map(|limit| finding(limit, &memberships, &mounts))
        .collect()
}

fn finding(limit: &Limit, memberships: &[Membership], mounts: &Mounts) -> Finding {
    let of_first = memberships
        .iter()
        .find(|it| it.has_controller(limit.controller));
    let membership = of_first.or_else(|| memberships.iter().find(|it| it.is_v2()));
    let Some(membership) = membership else {
        return unlimited(limit);
    };
    let file = limit.files[usize::from(membership.is_v2())];
    let Some(directory) = membership.directory(mounts) else {
        let finding = format!(
            "its limit of {} cannot be read: its cgroup is not mounted",
            limit.noun
        );
        return Finding::unknown(limit.check, finding);
    };
    // A limit of a cgroup further out holds, too.
    let least = directory
        .ancestors()
        .take_while(|it| it.starts_with(nsx_core::cgroup::STANDARD))
        .filter_map(|directory| read(directory, file))
        .min_by(|one, other| one.0.total_cmp(&other.0));
    match least {
        Some((_, words)) => Finding::ok(limit.check, format!("{} is limited: {words}", limit.noun)),
        None => unlimited(limit),
    }
}

fn unlimited(limit: &Limit) -> Finding {
    let finding = format!(
        "{} is not limited: it can take all of {}",
        limit.noun, limit.all
    );
    Finding::bad(limit.check, finding).remedy(limit.option)
}

/// Reads the start of a file of a cgroup.
pub(super) fn read_file(directory: &Path, file: &str) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(directory.join(file)).ok()?;
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Returns a limit, as a number to compare and in words; none if there is none.
fn read(directory: &Path, file: &str) -> Option<(f64, String)> {
    let text = read_file(directory, file)?;
    let shown = text::escape(text.trim_ascii());
    let value: f64 = shown.split(' ').next()?.parse().ok()?;
    // Version 1 writes the largest number of pages, or -1; version 2 "max".
    const UNLIMITED: f64 = 9e18;
    (0.0..UNLIMITED)
        .contains(&value)
        .then(|| (value, format!("{file} is {shown}")))
}
