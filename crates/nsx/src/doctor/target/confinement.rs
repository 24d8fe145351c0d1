//! The confinement of the target beside its namespaces: no_new_privs, a filter of system calls, the label of
//! a security module.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::proc::ProcError;

/// No label of a security module is longer.
const LONGEST_LABEL: usize = 4096;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let own = &facts.credentials;
    let no_new_privs = match own.no_new_privs {
        true => Finding::ok(
            "no_new_privs",
            "no_new_privs is set: no program in it gains privilege by its file",
        ),
        false => Finding::bad(
            "no_new_privs",
            "no_new_privs is not set: set-user-ID programs and file capabilities work in it",
        )
        .remedy(
            "--security-opt no-new-privileges, NoNewPrivileges=yes, nsx unshare --no-new-privs",
        ),
    };
    let seccomp = match own.filtered {
        true => Finding::ok(
            "seccomp",
            "a filter of system calls is on it (--syscalls shows what it lets through)",
        ),
        false => Finding::bad(
            "seccomp",
            "no filter of system calls is on it: it may make every call that the kernel has",
        )
        .remedy("run it with its engine's seccomp profile, not unconfined or privileged"),
    };
    vec![no_new_privs, seccomp, label(facts)]
}

fn label(facts: &Facts) -> Finding {
    const CHECK: &str = "label";
    match facts.read("attr/current", LONGEST_LABEL) {
        Ok(label) => {
            let label = label.trim_ascii_end();
            let label = label.strip_suffix(b"\0").unwrap_or(label);
            let shown = text::escape(label);
            if label.is_empty() || label.starts_with(b"unconfined") {
                Finding::bad(
                    CHECK,
                    "no security module confines it: its label is unconfined",
                )
                .remedy("run it with its engine's AppArmor or SELinux profile")
            } else {
                Finding::ok(CHECK, format!("a security module confines it: {shown}"))
            }
        }
        // Without AppArmor, SELinux or Smack there is no label.
        Err(ProcError::Vanished | ProcError::Os(_)) => {
            Finding::info(CHECK, "no security module labels it")
        }
        Err(error) => Finding::unknown(CHECK, format!("its label cannot be read: {error}")),
    }
}
