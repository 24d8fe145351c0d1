//! The modules, settings and filters that refuse what capabilities would allow.

use super::Facts;
use crate::{doctor::report::Finding, text};
use std::path::Path;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![modules()];
    findings.extend(own(facts));
    findings.extend(settings(facts));
    findings
}

/// The security modules of the kernel.
fn modules() -> Finding {
    if let Some(list) = read("/sys/kernel/security/lsm") {
        return Finding::info("lsm", format!("security modules: {list}"));
    }
    let present: Vec<_> = [
        ("apparmor", "/sys/module/apparmor/parameters/enabled"),
        ("selinux", "/sys/fs/selinux/enforce"),
        ("yama", "/proc/sys/kernel/yama"),
    ]
    .into_iter()
    .filter(|(_, path)| Path::new(path).exists())
    .filter(|(name, path)| *name != "apparmor" || read(path).as_deref() == Some("Y"))
    .map(|(name, _)| name)
    .collect();
    let finding = match present.is_empty() {
        true => "neither AppArmor nor SELinux nor Yama is seen".to_owned(),
        false => format!("security modules that are seen: {}", text::listed(&present)),
    };
    Finding::info("lsm", finding)
}

/// The restrictions that nsx itself is under.
fn own(facts: &Facts) -> Vec<Finding> {
    let Ok(own) = facts.proc.own_credentials() else {
        return vec![Finding::unknown("own", "the status of nsx cannot be read")];
    };
    let seccomp = match own.filtered {
        true => Finding::bad(
            "seccomp",
            "nsx is under a filter of system calls (seccomp mode 2), as in a container or a \
            systemd unit: it may refuse what the kernel would allow",
        )
        .remedy("start it outside, or with another profile: --security-opt seccomp=FILE"),
        false => Finding::ok("seccomp", "no filter of system calls is on nsx"),
    };
    let no_new_privs = match own.no_new_privs {
        true => Finding::bad(
            "no_new_privs",
            "no_new_privs is set: newuidmap, newgidmap and sudo get no privilege",
        )
        .remedy("start it from a shell without that: setpriv, systemd and engines set it"),
        false => Finding::ok(
            "no_new_privs",
            "no_new_privs is not set: newuidmap, newgidmap and sudo get their privilege",
        ),
    };
    vec![seccomp, no_new_privs]
}

fn settings(facts: &Facts) -> Vec<Finding> {
    let number = |name: &str| facts.proc.sysctl_number(name).ok();
    let mut findings = Vec::new();
    if let Some(value) = number("kernel.unprivileged_userns_clone") {
        const CHECK: &str = "unprivileged_userns_clone";
        findings.push(match value {
            0 => Finding::bad(
                CHECK,
                "ordinary users may not create user namespaces: kernel.unprivileged_userns_clone \
                is 0",
            )
            .remedy("as root: sysctl kernel.unprivileged_userns_clone=1"),
            _ => Finding::ok(CHECK, "ordinary users may create user namespaces"),
        });
    }
    if let Some(value) = number("kernel.apparmor_restrict_unprivileged_userns") {
        const CHECK: &str = "apparmor_userns";
        findings.push(match value {
            0 => Finding::ok(CHECK, "AppArmor leaves capabilities to user namespaces"),
            _ => Finding::bad(
                CHECK,
                "AppArmor takes the capabilities away from user namespaces of programs without a \
                profile: kernel.apparmor_restrict_unprivileged_userns is 1",
            )
            .remedy("install an AppArmor profile for nsx that has the rule userns"),
        });
    }
    if let Some(value) = number("kernel.yama.ptrace_scope") {
        const CHECK: &str = "ptrace_scope";
        findings.push(match value {
            0 | 1 => Finding::ok(
                CHECK,
                format!(
                    "kernel.yama.ptrace_scope is {value}: {}",
                    match value {
                        0 => "you may trace any process of yours",
                        _ => "you may trace your descendants",
                    }
                ),
            ),
            2 => Finding::info(
                CHECK,
                "kernel.yama.ptrace_scope is 2: tracing requires CAP_SYS_PTRACE",
            ),
            _ => Finding::info(
                CHECK,
                "kernel.yama.ptrace_scope is 3: nobody may trace a process",
            ),
        });
    }
    findings
}

/// Reads a small file of the system as text.
fn read(path: &str) -> Option<String> {
    let text = std::fs::read(path).ok()?;
    Some(text::escape(text.trim_ascii()))
}
