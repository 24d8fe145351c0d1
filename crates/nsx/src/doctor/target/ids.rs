//! The users that the target runs as, here and in its user namespace.

use super::Facts;
use crate::{
    doctor::report::Finding,
    query::maps::{Maps, known_as},
    text,
};
use nsx_core::{
    accounts,
    idmap::{IdChain, IdKind, IdMap},
};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let names = accounts::user_names().unwrap_or_default();
    let uid = facts.credentials.uid();
    let name = |uid: u32| match names.get(&uid) {
        Some(name) => format!("{uid} ({})", text::escape(name)),
        None => uid.to_string(),
    };
    if facts.is_in_hosts_user_namespace() {
        return vec![match uid {
            0 => Finding::bad("user", "it runs as root of the host")
                .remedy("run it as another user (--user), or in a user namespace"),
            uid => Finding::ok("user", format!("it runs as user {} of the host", name(uid))),
        }];
    }
    let chain = match IdChain::of(&facts.process, &facts.system.proc) {
        Ok(chain) => chain,
        Err(error) => {
            let finding = format!("its id mapping cannot be read: {}", text::chain(&error));
            return vec![Finding::unknown("map", finding)];
        }
    };
    let mut findings = Vec::new();
    findings.push(match chain.to_own(IdKind::User, 0) {
        Some(0) => Finding::bad("root", "root in its user namespace is root here"),
        Some(own) => Finding::ok(
            "root",
            format!("root in its user namespace is user {} here", name(own)),
        ),
        None => Finding::ok("root", "its user namespace has no root"),
    });
    if uid == 0 {
        findings.push(Finding::bad("user", "it runs as root here"));
    }
    if let Some((_, Some([users, groups]))) = chain.namespaces().last() {
        findings.push(map(users, groups, |uid| {
            known_as(names.get(&uid), uid == rustix::process::geteuid().as_raw())
        }));
    }
    findings
}

fn map(users: &IdMap, groups: &IdMap, name: impl Fn(u32) -> Option<String>) -> Finding {
    let maps = Maps {
        users: users.clone(),
        groups: groups.clone(),
    };
    Finding::info("map", maps.words(name).join("; "))
}
