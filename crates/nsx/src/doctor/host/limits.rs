//! Limits of the number of namespaces, and the number that is seen of each user.

use super::Facts;
use crate::{
    doctor::report::Finding,
    query::system::{Procfs, System},
    text,
};
use nsx_core::{
    accounts,
    census::{Census, Sources},
    ns::{NsKind, NsSet},
};
use std::collections::BTreeMap;

/// The part of a limit, in percent, from which on the limit is reported.
const NEAR: u64 = 90;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let sources = Sources::PINS.with(Sources::RELATIONS);
    let census = System::open(&Procfs::Own).and_then(|system| system.census(NsSet::ALL, sources));
    let census = match census {
        Ok(census) => census,
        Err(error) => return vec![Finding::unknown("count", text::chain(&error))],
    };
    let counts = counts(&census);
    let names = accounts::user_names().unwrap_or_default();
    let name = |uid: &Option<u32>| match uid {
        Some(uid) => text::named(names.get(uid).map(Vec::as_slice), Some(*uid)),
        None => "users that you cannot see".to_owned(),
    };
    let mut findings = Vec::new();
    // Most limits are the same.
    let mut limits: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for kind in facts.caller.kinds.iter() {
        match limit(facts, kind, &counts, name) {
            Ok(most) => limits.entry(most).or_default().push(kind.name()),
            Err(finding) => findings.push(finding),
        }
    }
    for (most, kinds) in limits {
        let finding = format!(
            "a user may have {most} {} namespaces (user.max_*_namespaces)",
            text::listed(&kinds)
        );
        findings.push(Finding::ok("limits", finding));
    }
    for (uid, counts) in &counts {
        let words: Vec<_> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let finding = format!("seen of {}: {}", name(uid), text::listed(&words));
        findings.push(Finding::info("seen", finding));
    }
    match census.hidden.len() {
        0 => {}
        hidden => {
            let finding = format!("{hidden} processes hide their namespaces from you");
            findings.push(Finding::info("hidden", finding));
        }
    }
    findings
}

/// The namespaces of each kind, by user: the creator of the user namespace that owns them. The
/// kernel counts for the user who created them, and tells nobody who that was.
type Counts = BTreeMap<Option<u32>, BTreeMap<NsKind, u64>>;

fn counts(census: &Census) -> Counts {
    let mut counts = Counts::new();
    for entry in &census.namespaces {
        let uid = entry.relation.and_then(|relation| relation.owner_uid);
        let of_user = counts.entry(uid).or_default();
        *of_user.entry(entry.ns.kind).or_default() += 1;
    }
    counts
}

/// Returns a limit that leaves room, or a finding.
fn limit(
    facts: &Facts,
    kind: NsKind,
    counts: &Counts,
    name: impl Fn(&Option<u32>) -> String,
) -> Result<u64, Finding> {
    let sysctl = format!("user.max_{kind}_namespaces");
    let most = facts.proc.sysctl_number(&sysctl).map_err(|error| {
        Finding::unknown(
            kind.name(),
            format!("the sysctl {sysctl} cannot be read: {error}"),
        )
    })?;
    if most == 0 {
        let finding = format!("nobody may create {kind} namespaces here: the sysctl {sysctl} is 0");
        return Err(Finding::bad(kind.name(), finding)
            .remedy(format!("as root on the host: sysctl {sysctl}=10000")));
    }
    let of_kind = counts
        .iter()
        .filter_map(|(uid, counts)| Some((uid, *counts.get(&kind)?)));
    match of_kind.max_by_key(|(_, count)| *count) {
        Some((uid, count)) if count.saturating_mul(100) >= most.saturating_mul(NEAR) => {
            let finding = format!(
                "{count} of the {most} {kind} namespaces that the sysctl {sysctl} allows a user \
                are seen of {}",
                name(uid)
            );
            Err(Finding::bad(kind.name(), finding).remedy(format!(
                "end some of them (nsx ls -k {kind}), or as root on the host raise {sysctl}"
            )))
        }
        _ => Ok(most),
    }
}
