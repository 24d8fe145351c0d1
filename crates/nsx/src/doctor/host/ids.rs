//! The ranges of user and group ids that the caller may map, and the programs that map them.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::{accounts, idmap::IdKind, plan::Helper, refusal};
use rustix::thread::CapabilitySet;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    if facts.caller.can(needed) {
        let finding = "you can map any ids of your user namespace: you have CAP_SETUID and \
            CAP_SETGID";
        return vec![Finding::ok("ranges", finding)];
    }
    [IdKind::User, IdKind::Group]
        .into_iter()
        .flat_map(|ids| [range(facts, ids), helper(facts, ids)])
        .collect()
}

fn range(facts: &Facts, ids: IdKind) -> Finding {
    let (uid, file) = (facts.caller.uid, ids.ranges_file());
    let check = format!("{ids}_range");
    let given = accounts::user_or_number(uid)
        .and_then(|user| Ok((accounts::given_ranges(ids, &user)?, user)));
    let (given, user) = match given {
        Ok(given) => given,
        Err(error) => {
            let finding = format!("{file} cannot be read: {}", text::reason(&error));
            return Finding::unknown(check, finding);
        }
    };
    let name = text::escape(&user.name);
    let ranges: Vec<_> = given
        .iter()
        .map(|(first, count)| format!("{count} {ids} ids from {first}"))
        .collect();
    if ranges.is_empty() {
        let option = match ids {
            IdKind::User => "--add-subuids",
            IdKind::Group => "--add-subgids",
        };
        let free = accounts::ungiven_range(ids, 65536).ok().flatten();
        let finding = Finding::bad(
            check,
            format!(
                "{file} has no range of {ids} ids for {name}, so that you can map only your own"
            ),
        );
        return match free {
            Some(first) => finding.remedy(format!(
                "as root: usermod {option} {first}-{} {name}",
                first.saturating_add(65535)
            )),
            None => finding,
        };
    }
    Finding::ok(check, format!("you can map {}", text::listed(&ranges)))
}

fn helper(facts: &Facts, ids: IdKind) -> Finding {
    let found = Helper::find(ids);
    let name = ids.helper();
    match refusal::of_helper(ids, found.as_ref(), &facts.caller, &facts.proc) {
        Some(refusal) => Finding::refused(name, &format!("{name} does not work"), &refusal),
        None => Finding::ok(
            name,
            format!("{name} works: its file has the privilege it needs"),
        ),
    }
}
