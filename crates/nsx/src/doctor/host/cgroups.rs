//! The hierarchies of cgroups, and whether the caller may make cgroups below its own.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::cgroup::{Membership, Mounts};
use rustix::fs::{Access, AtFlags, CWD};
use std::path::PathBuf;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mounts = Mounts::read(&facts.proc);
    let (mounts, memberships) = match (mounts, facts.proc.read_own("cgroup")) {
        (Ok(mounts), Ok(text)) => (mounts, Membership::parse_all(&text)),
        (Err(error), _) | (_, Err(error)) => {
            let finding = format!("your cgroups cannot be read: {error}");
            return vec![Finding::unknown("cgroups", finding)];
        }
    };
    let hierarchies = mounts.hierarchies();
    let first = hierarchies.iter().filter(|it| !it.is_v2()).count();
    let version = match (first, hierarchies.len() - first) {
        (0, 0) => "no hierarchy of cgroups is mounted on /sys/fs/cgroup",
        (0, _) => "cgroups are of version 2",
        (_, 0) => "cgroups are of version 1",
        (_, _) => "cgroups are of both versions: the controllers are those of version 1",
    };
    let mut findings = vec![Finding::info("version", version)];
    let own = memberships
        .iter()
        // Without a slash at the end.
        .filter_map(|it| Some((it, it.directory(&mounts)?.components().collect::<PathBuf>())))
        .filter(|(it, _)| first > 0 || it.is_v2());
    let (writable, others): (Vec<_>, Vec<_>) = own.partition(|(_, directory)| {
        let may = |path| rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS);
        may(directory.clone()).is_ok() && may(directory.join("cgroup.procs")).is_ok()
    });
    let shown = |it: &(&Membership, PathBuf)| text::shown(it.1.as_os_str());
    if let Some(one) = writable.first() {
        let finding = format!(
            "you may make cgroups below your own: {}{}",
            shown(one),
            match writable.len() {
                1 => String::new(),
                count => format!(" and {} more hierarchies", count - 1),
            }
        );
        findings.push(Finding::ok("delegation", finding));
    } else if let Some(one) = others.first() {
        let finding = format!(
            "you may not make cgroups below your own, {}: it is not delegated to you",
            shown(one)
        );
        findings.push(
            Finding::info("delegation", finding)
                .remedy("start it in a unit of yours: systemd-run --user --scope -p Delegate=yes"),
        );
    }
    findings
}
