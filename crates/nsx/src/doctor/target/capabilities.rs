//! The capabilities of the target, and what they reach from its namespaces.

use super::Facts;
use crate::{doctor::report::Finding, text::listed};
use nsx_core::{
    capability::{each, names, reach},
    ns::NsSet,
    rustix::thread::CapabilitySet,
};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let own = &facts.credentials;
    if !facts.is_in_hosts_user_namespace() {
        let finding = match own.effective.is_empty() {
            true => "it has no capabilities".to_owned(),
            false => format!(
                "it has {} in its own user namespace, and none on the host",
                in_words(own.effective)
            ),
        };
        return vec![Finding::ok("effective", finding)];
    }
    let mut findings = vec![match own.effective.is_empty() {
        true => Finding::ok("effective", "it has no capabilities"),
        false => Finding::info(
            "effective",
            format!("it has {} on the host", in_words(own.effective)),
        ),
    }];
    findings.extend(far(own.effective, facts.own).map(|(name, reach)| {
        let option = name.trim_start_matches("CAP_").to_owned();
        Finding::bad(name.clone(), format!("it has {name}: {reach}"))
            .remedy(format!("--cap-drop {option}, and not --privileged"))
    }));
    // A set-user-ID program gives what the bounding set has.
    let gained = own.bounding - own.effective;
    let far: Vec<_> = far(gained, facts.own).map(|(name, _)| name).collect();
    if !far.is_empty() && !own.no_new_privs {
        let finding = format!(
            "a set-user-ID program in it could gain {}: they are in its bounding set",
            listed(&far)
        );
        findings.push(
            Finding::info("bounding", finding)
                .remedy("--cap-drop ALL, or --security-opt no-new-privileges"),
        );
    }
    findings
}

/// Returns the capabilities that lead out of the target's namespaces, with what they reach.
fn far(set: CapabilitySet, own: NsSet) -> impl Iterator<Item = (String, &'static str)> {
    each(set).filter_map(move |(capability, name)| Some((name, reach(capability, own)?)))
}

/// Returns the capabilities in words; many, by what is missing.
fn in_words(set: CapabilitySet) -> String {
    match names(CapabilitySet::all() - set).as_slice() {
        [] => "all capabilities".to_owned(),
        few if few.len() <= 5 => format!("all capabilities but {}", listed(few)),
        _ => listed(&names(set)),
    }
}
