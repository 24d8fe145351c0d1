//! The mounts of the target that lead to the host: what propagates, host directories that it may
//! write to, sockets of engines, and what of /proc and /sys is not masked.
//!
//! All of this is in the tables of mounts. No file of the target is opened: a file system in user
//! space could keep nsx waiting.

use super::Facts;
use crate::{
    doctor::{host::SOCKETS, report::Finding},
    text,
};
use nsx_core::{
    ns::NsKind,
    proc::{Mount, MountEntry},
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// No table of mounts is longer: the kernel allows 100,000 mounts in a namespace.
const LONGEST: usize = 64 << 20;

/// The most findings of one sort.
const MOST: usize = 8;

/// File systems that are made anew for each container, or are the kernel's.
const OF_KERNEL: [&[u8]; 9] = [
    b"proc",
    b"sysfs",
    b"cgroup",
    b"cgroup2",
    b"devpts",
    b"mqueue",
    b"securityfs",
    b"debugfs",
    b"nsfs",
];

/// Files that engines put into each container.
const OF_ENGINE: [&[u8]; 5] = [
    b"/etc/hosts",
    b"/etc/hostname",
    b"/etc/resolv.conf",
    b"/run/.containerenv",
    b"/dev/shm",
];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    if !facts.own.contains(NsKind::Mnt) {
        return vec![Finding::bad("mounts", "it has the host's mounts")];
    }
    let own = facts.system.proc.read_own("mountinfo");
    let own = own.and_then(|text| MountEntry::parse_all(&text));
    let theirs = facts
        .read("mountinfo", LONGEST)
        .and_then(|text| MountEntry::parse_all(&text));
    let (own, theirs) = match (own, theirs) {
        (Ok(own), Ok(theirs)) => (own, theirs),
        (Err(error), _) | (_, Err(error)) => {
            let finding = format!("its mounts cannot be compared: {error}");
            return vec![Finding::unknown("mounts", finding)];
        }
    };
    let mut findings = propagation(&own, &theirs);
    findings.extend(host_paths(&own, &theirs));
    findings.extend(kernel_files(facts, &theirs));
    findings
}

/// Finds the mounts that appear on both sides: those of a peer group of the host.
fn propagation(own: &[MountEntry], theirs: &[MountEntry]) -> Vec<Finding> {
    let groups: std::collections::BTreeSet<u64> = own.iter().filter_map(|it| it.shared).collect();
    let is_hosts = |group: Option<u64>| group.is_some_and(|group| groups.contains(&group));
    let points = |which: fn(&MountEntry) -> Option<u64>| {
        let points = theirs.iter().filter(|it| is_hosts(which(it)));
        some(
            &points
                .map(|it| text::escape(&it.mount.point))
                .collect::<Vec<_>>(),
        )
    };
    let mut findings = Vec::new();
    match points(|it| it.shared) {
        Some(points) => findings.push(
            Finding::bad(
                "shared",
                format!("what is mounted in it below {points} appears on the host, and the other way round"),
            )
            .remedy("mount it with the propagation private or rslave"),
        ),
        None => findings.push(Finding::ok("shared", "no mount made in it appears on the host")),
    }
    if let Some(points) = points(|it| it.master) {
        let finding = format!("what the host mounts below {points} appears in it");
        findings.push(Finding::info("slave", finding));
    }
    findings
}

/// Finds the directories and files of the host that are mounted in the target.
fn host_paths(own: &[MountEntry], theirs: &[MountEntry]) -> Vec<Finding> {
    let mut writable = Vec::new();
    let mut readable = Vec::new();
    let mut sockets = Vec::new();
    for it in theirs {
        let is_usual = OF_KERNEL.contains(&it.kind.as_slice())
            || OF_ENGINE.contains(&it.mount.point.as_slice());
        let Some(path) = path_on_host(own, &it.mount).filter(|_| !is_usual) else {
            continue;
        };
        // The host sees the root directories of containers, too, and mounts them elsewhere.
        if it.mount.point == b"/" && path != Path::new("/") {
            continue;
        }
        let words = format!(
            "{} (there {})",
            text::shown(path.as_os_str()),
            text::escape(&it.mount.point)
        );
        // A root directory has more than sockets.
        let held = SOCKETS.iter().find(|socket| {
            let socket = Path::new(socket);
            path != Path::new("/")
                && socket.starts_with(&path)
                && device_of(own, socket) == Some(it.mount.device)
        });
        match held {
            Some(socket) => sockets.push(format!(
                "{socket} (there in {})",
                text::escape(&it.mount.point)
            )),
            None if it.is_read_only() => readable.push(words),
            None => writable.push(words),
        }
    }
    let mut findings = Vec::new();
    if let Some(sockets) = some(&sockets) {
        findings.push(
            Finding::bad(
                "socket",
                format!(
                    "it has the socket of an engine, and with that root on the host: {sockets}"
                ),
            )
            .remedy("do not mount it, or put a proxy between them that allows single requests"),
        );
    }
    if let Some(paths) = some(&writable) {
        findings.push(
            Finding::bad("writable", format!("it may write to the host's {paths}"))
                .remedy("mount them read-only (:ro), or use a volume"),
        );
    }
    if let Some(paths) = some(&readable) {
        findings.push(Finding::info(
            "readable",
            format!("it may read the host's {paths}"),
        ));
    }
    if findings.is_empty() {
        let nothing = "no directory or socket of the host is mounted in it";
        findings.push(Finding::ok("host", nothing));
    }
    findings
}

/// Returns the path that the caller has for what is mounted: on the same device, the mount that
/// shows it.
fn path_on_host(own: &[MountEntry], mount: &Mount) -> Option<PathBuf> {
    let wanted = Path::new(OsStr::from_bytes(&mount.root));
    own.iter()
        .filter(|it| it.mount.device == mount.device)
        .find_map(|it| {
            let root = OsStr::from_bytes(&it.mount.root);
            let below = wanted.strip_prefix(root).ok()?;
            let path = Path::new(OsStr::from_bytes(&it.mount.point)).join(below);
            // Without a slash at its end.
            Some(path.components().collect())
        })
}

/// Returns the device of the file system that a path of the caller's is on.
fn device_of(own: &[MountEntry], path: &Path) -> Option<(u32, u32)> {
    let point = |it: &&MountEntry| it.mount.point.len();
    own.iter()
        .filter(|it| path.starts_with(OsStr::from_bytes(&it.mount.point)))
        .max_by_key(point)
        .map(|it| it.mount.device)
}

/// Finds the files of /proc and /sys by which the target may change the kernel.
fn kernel_files(facts: &Facts, theirs: &[MountEntry]) -> Vec<Finding> {
    let at = |point: &str| {
        theirs
            .iter()
            .rev()
            .find(|it| it.mount.point == point.as_bytes())
    };
    let mut findings = Vec::new();
    // Another user may not write what is root's.
    let is_root_here = facts.has_root_here();
    if let Some(proc) = at("/proc").filter(|it| it.kind == b"proc") {
        let masks = theirs
            .iter()
            .filter(|it| it.mount.point.starts_with(b"/proc/"))
            .count();
        findings.push(if masks > 0 || proc.is_read_only() {
            Finding::ok("proc", format!("{masks} files and directories of /proc are masked or read-only"))
        } else if is_root_here {
            Finding::bad(
                "proc",
                "nothing of /proc is masked: it may write to /proc/sys and /proc/sysrq-trigger, and \
                read /proc/kcore as far as its capabilities allow",
            )
            .remedy("run it without --privileged and --security-opt systempaths=unconfined")
        } else {
            Finding::info("proc", "nothing of /proc is masked, and its root is not root here")
        });
    }
    if let Some(sys) = at("/sys").filter(|it| it.kind == b"sysfs") {
        findings.push(match (sys.is_read_only(), is_root_here) {
            (true, _) => Finding::ok("sys", "/sys is read-only"),
            (false, true) => Finding::bad(
                "sys",
                "it may write to /sys: settings of devices and the kernel",
            )
            .remedy("run it without --privileged"),
            (false, false) => {
                Finding::info("sys", "/sys is writable, and its root is not root here")
            }
        });
    }
    let cgroups = theirs.iter().filter(|it| {
        it.kind.starts_with(b"cgroup") && !it.is_read_only() && !it.mount.root.starts_with(b"/..")
    });
    if let Some(cgroup) = cgroups.into_iter().next().filter(|_| is_root_here) {
        let point = text::escape(&cgroup.mount.point);
        findings.push(Finding::bad(
            "cgroup",
            format!("it may write to cgroups at {point}, and change its own limits"),
        ));
    }
    findings
}

/// Returns words as a list, and of many how many there are; `None` for an empty list.
fn some(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| text::listed_up_to(words, MOST, "more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(lines: &str) -> Vec<MountEntry> {
        MountEntry::parse_all(lines.as_bytes()).unwrap()
    }

    fn words(findings: &[Finding]) -> String {
        format!("{findings:?}")
    }

    #[test]
    fn host_paths_are_found_by_their_devices() {
        let own = mounts(
            "1 0 8:1 / / rw shared:1 - ext4 /dev/a rw\n2 1 0:5 / /run rw shared:2 - tmpfs tmpfs rw\n",
        );
        let theirs = mounts(
            "9 8 0:77 / / rw - overlay overlay rw\n\
            10 9 8:1 /srv/data /data rw - ext4 /dev/a rw\n\
            11 9 8:1 /srv/ro /ro ro - ext4 /dev/a rw\n\
            12 9 8:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/a rw\n\
            13 9 0:5 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw\n",
        );
        let said = words(&host_paths(&own, &theirs));
        assert!(
            said.contains("/srv/data (there /data)") && said.contains("/srv/ro"),
            "{said}"
        );
        assert!(
            said.contains("/run/docker.sock (there in /var/run/docker.sock)"),
            "{said}"
        );
        assert!(!said.contains("/etc/hosts"), "{said}");
        let root = words(&host_paths(&own, &own[..1]));
        assert!(
            root.contains("may write to the host's / (there /)"),
            "{root}"
        );
        let nothing = words(&host_paths(&own, &theirs[..1]));
        assert!(nothing.contains("no directory or socket"), "{nothing}");
    }

    #[test]
    fn only_groups_of_the_host_propagate() {
        let own = mounts("1 0 8:1 / / rw shared:1 - ext4 /dev/a rw\n");
        let shared = mounts("9 8 8:1 /a /a rw shared:1 - ext4 /dev/a rw\n");
        assert!(words(&propagation(&own, &shared)).contains("below /a appears on the host"));
        let others = mounts("9 8 8:1 /a /a rw shared:3 master:1 - ext4 /dev/a rw\n");
        let said = words(&propagation(&own, &others));
        assert!(said.contains("no mount made in it") && said.contains("below /a appears in it"));
    }
}
