//! The kinds of namespace that the caller may create: each is tried in a child.

use super::Facts;
use crate::{
    doctor::report::Finding,
    text::{self, listed},
};
use nsx_core::{
    attempt,
    ns::{NsKind, NsSet},
    refusal,
};
use rustix::io::Errno;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let user = attempt(facts, NsKind::User);
    let mut findings = Vec::new();
    let mut created = Vec::new();
    let mut needs_user = Vec::new();
    for kind in NsKind::ALL {
        if !facts.caller.kinds.contains(kind) {
            let lacks = format!("this kernel has no {kind} namespaces");
            findings.push(Finding::bad(kind.name(), lacks));
            continue;
        }
        let outcome = match kind {
            NsKind::User => user,
            _ if user.is_err() && !facts.caller.is_privileged() => {
                needs_user.push(kind.name());
                continue;
            }
            kind => attempt(facts, kind),
        };
        match outcome {
            Ok(()) => created.push(kind.name()),
            Err(errno) => findings.push(refused(facts, kind, errno)),
        }
    }
    if !created.is_empty() {
        let with = match facts.caller.is_privileged() {
            true => "",
            false => ", with a user namespace of your own (nsx unshare -r)",
        };
        let finding = format!("you can create {} namespaces{with}", listed(&created));
        findings.insert(0, Finding::ok("created", finding));
    }
    if !needs_user.is_empty() {
        let finding = format!(
            "you cannot create {} namespaces either: without CAP_SYS_ADMIN that requires a user \
            namespace of your own",
            listed(&needs_user)
        );
        findings.push(Finding::bad("others", finding));
    }
    findings
}

/// Tries to create a namespace as the caller would: without CAP_SYS_ADMIN, in a new user namespace.
fn attempt(facts: &Facts, kind: NsKind) -> Result<(), Errno> {
    let set = |kind| NsSet::EMPTY.with(kind);
    if kind == NsKind::User || facts.caller.is_privileged() {
        attempt::create(&[set(kind)])
    } else {
        attempt::create(&[set(NsKind::User), set(kind)])
    }
}

fn refused(facts: &Facts, kind: NsKind, errno: Errno) -> Finding {
    let kinds = match facts.caller.is_privileged() {
        true => NsSet::EMPTY.with(kind),
        false => NsSet::EMPTY.with(NsKind::User).with(kind),
    };
    let what = format!("you cannot create {kind} namespaces");
    match refusal::of_unshare(kinds, errno, &facts.caller, &facts.proc) {
        Some(refusal) => Finding::refused(kind.name(), &what, &refusal),
        None => Finding::bad(kind.name(), format!("{what}: {}", text::reason(&errno))),
    }
}
