//! The features of the kernel that nsx uses, and what nsx does without the others.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::feature;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let name = rustix::system::uname();
    let release = text::escape(name.release().to_bytes());
    let (present, missing): (Vec<_>, Vec<_>) = feature::all(&facts.proc, facts.caller.kinds)
        .into_iter()
        .partition(|feature| feature.present);
    let mut findings = Vec::new();
    if !present.is_empty() {
        let words: Vec<_> = present
            .iter()
            .map(|feature| format!("{} ({})", feature.name, feature.since))
            .collect();
        let finding = format!("Linux {release} has {}", text::listed(&words));
        findings.push(Finding::ok("features", finding));
    }
    findings.extend(missing.iter().map(|feature| {
        let finding = format!(
            "it lacks {} ({}), which nsx uses for {}",
            feature.name, feature.since, feature.purpose
        );
        Finding::info(feature.name, finding)
    }));
    findings
}
