//! The devices that the target's cgroup allows.

use super::{Facts, limits::read_file};
use crate::{doctor::report::Finding, text};
use nsx_core::cgroup::Mounts;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "devices";
    let Ok(memberships) = facts.memberships() else {
        return vec![Finding::unknown(CHECK, "its cgroups cannot be read")];
    };
    let of_devices = memberships.iter().find(|it| it.has_controller(CHECK));
    let Some(membership) = of_devices else {
        let finding =
            "a BPF program of its cgroup may limit its devices: the program cannot be read";
        return vec![Finding::info(CHECK, finding)];
    };
    let mounts = Mounts::read(&facts.system.proc).ok();
    let list = mounts
        .and_then(|mounts| membership.directory(&mounts))
        .and_then(|directory| read_file(&directory, "devices.list"));
    vec![match list {
        Some(list) => allowed(&list),
        None => Finding::unknown(CHECK, "the devices of its cgroup cannot be read"),
    }]
}

/// Reads lines such as `c 1:3 rwm`, see the kernel's documentation of the device controller.
fn allowed(list: &[u8]) -> Finding {
    const CHECK: &str = "devices";
    if list
        .split(|byte| *byte == b'\n')
        .any(|line| line == b"a *:* rwm")
    {
        return Finding::bad(
            CHECK,
            "its cgroup allows every device: with a device node it reads and writes the host's disks",
        )
        .remedy("run it without --privileged, or with --device for single devices");
    }
    // To make a node is not to use it.
    let used: Vec<_> = list
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !line.ends_with(b" m"))
        .map(text::escape)
        .collect();
    let blocks = used.iter().any(|line| line.starts_with("b "));
    let finding = format!(
        "its cgroup allows {} devices: {}",
        used.len(),
        used.join(", ")
    );
    match blocks {
        true => Finding::bad(CHECK, format!("{finding}; among them disks")),
        false => Finding::ok(CHECK, finding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_devices_and_disks_are_bad() {
        let verdict = |list: &str| format!("{:?}", allowed(list.as_bytes()));
        assert!(verdict("a *:* rwm\n").contains("every device"));
        assert!(verdict("b 8:0 rw\nc 1:3 rwm\n").contains("among them disks"));
        let usual = verdict("c *:* m\nb *:* m\nc 1:3 rwm\nc 136:* rwm\n");
        assert!(
            usual.contains("allows 2 devices: c 1:3 rwm, c 136:* rwm"),
            "{usual}"
        );
        assert!(verdict("c 1:3\x1b rwm\n").contains(r"\\x1b"));
    }
}
