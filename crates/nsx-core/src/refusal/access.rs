//! The rule by which the kernel forbids reading a process.
//!
//! The rules are those of `ptrace(2)`, "Ptrace access mode checking", for
//! `PTRACE_MODE_READ_FSCREDS`: what is in `/proc/PID/ns` and the links beside it are guarded by
//! that. What the rules ask about can be read of any process.

use super::{Refusal, Remedy, facts::gain};
use crate::{
    accounts,
    capability::few_names,
    idmap::{IdKind, IdMap},
    pid::{Pid, Process},
    proc::{Credentials, ProcRoot},
};
use rustix::thread::CapabilitySet;

/// A process as the rules see it. Ids are those of the caller's user namespace.
#[derive(Clone, Debug)]
struct Side {
    /// Real, effective, saved and file system id.
    uids: [u32; 4],
    gids: [u32; 4],
    permitted: CapabilitySet,
    effective: CapabilitySet,
    bounding: CapabilitySet,
    /// See [`ProcRoot::hides`]; unknown of the caller.
    hides: Option<bool>,
}

/// A relation of the target's user namespace to the caller's, as far as the id maps tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    Below,
    Elsewhere,
}

/// Returns the rule by which the kernel does not let the caller look at a process, and the way out;
/// none if the process has ended.
pub fn access(process: &Process, proc: &ProcRoot) -> Option<Refusal> {
    let pid = process.pid();
    let (caller, target) = (Side::of(None, proc)?, Side::of(Some(pid), proc)?);
    let relation = relation(proc, pid)?;
    (!process.ended()).then(|| explain(&caller, &target, relation))
}

fn explain(caller: &Side, target: &Side, relation: Relation) -> Refusal {
    const NEEDED: CapabilitySet = CapabilitySet::SYS_PTRACE;
    let has_capability = caller.effective.contains(NEEDED);
    if has_capability && relation == Relation::Elsewhere {
        return Refusal {
            cause: "it is in a user namespace that is neither yours nor below yours, and your \
            CAP_SYS_PTRACE does not hold there"
                .to_owned(),
            remedies: vec![Remedy::RunInThatUserNamespace],
        };
    }
    if has_capability {
        let cause = "you have CAP_SYS_PTRACE in its user namespace, so a security module guards it"
            .to_owned();
        return Refusal {
            cause,
            remedies: Vec::new(),
        };
    }
    let Some(rule) = broken(caller, target, relation) else {
        let cause =
            "the rules of ptrace(2) let you look at it, so a security module guards it".to_owned();
        return Refusal {
            cause,
            remedies: Vec::new(),
        };
    };
    let needs = match relation {
        Relation::Same => "to look at it requires CAP_SYS_PTRACE, which you lack",
        _ => "to look at it requires CAP_SYS_PTRACE in its user namespace, which you lack",
    };
    Refusal {
        cause: format!("{rule}: {needs}"),
        remedies: vec![gain(caller.uids[1], NEEDED, caller.bounding)],
    }
}

/// Returns the first rule that forbids it to a caller without CAP_SYS_PTRACE, in words; none if no
/// rule does.
fn broken(caller: &Side, target: &Side, relation: Relation) -> Option<String> {
    let another = |own: u32, ids: [u32; 4]| ids.into_iter().take(3).find(|id| *id != own);
    if let Some(uid) = another(caller.uids[3], target.uids) {
        return Some(format!("it is user {}'s", name(IdKind::User, uid)));
    }
    if let Some(gid) = another(caller.gids[3], target.gids) {
        return Some(format!("it is in group {}", name(IdKind::Group, gid)));
    }
    if target.hides == Some(true) {
        return Some("it hides (PR_SET_DUMPABLE in prctl(2))".to_owned());
    }
    if relation != Relation::Same {
        return Some("it is in another user namespace".to_owned());
    }
    let more = target.permitted - caller.effective;
    if !more.is_empty() {
        return Some(format!("it has {}, which you lack", few_names(more)));
    }
    target.hides.is_none().then(|| {
        "it hides (PR_SET_DUMPABLE in prctl(2)), or a security module guards it".to_owned()
    })
}

impl Side {
    /// Reads a process, or the caller.
    fn of(pid: Option<Pid>, proc: &ProcRoot) -> Option<Self> {
        let credentials = match pid {
            Some(pid) => proc.credentials(pid),
            None => proc.own_credentials(),
        };
        let credentials = credentials.ok()?;
        let hides = pid.and_then(|pid| proc.hides(pid, &credentials).ok()?);
        let Credentials {
            uids,
            gids,
            permitted,
            effective,
            bounding,
            ..
        } = credentials;
        Some(Self {
            uids,
            gids,
            permitted,
            effective,
            bounding,
            hides,
        })
    }
}

/// Returns how a process's user namespace relates to the caller's, by its id map, which shows the
/// caller's ids: the map of a namespace that is not below the caller's has other ids.
fn relation(proc: &ProcRoot, pid: Pid) -> Option<Relation> {
    let own = IdMap::read_own(IdKind::User, proc).ok()?;
    let text = proc.read(pid, "uid_map").ok()?;
    // Ids that are none of the caller's are all written as the last number, which no map that was
    // written has.
    let Ok(theirs) = IdMap::parse(&text) else {
        return Some(Relation::Elsewhere);
    };
    if own == theirs {
        return Some(Relation::Same);
    }
    let is_ours = |first: u32, count: u32| {
        own.to_outside(first).is_some()
            && first
                .checked_add(count - 1)
                .is_some_and(|last| own.to_outside(last).is_some())
    };
    let below = theirs
        .extents()
        .iter()
        .all(|extent| is_ours(extent.outside(), extent.count()));
    Some(if below {
        Relation::Below
    } else {
        Relation::Elsewhere
    })
}

fn name(ids: IdKind, id: u32) -> String {
    let names = match ids {
        IdKind::User => accounts::user_names(),
        IdKind::Group => accounts::group_names(),
    };
    let name = names.ok().and_then(|mut names| names.remove(&id));
    name.map_or_else(
        || id.to_string(),
        |name| String::from_utf8_lossy(&name).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(id: u32, capabilities: CapabilitySet) -> Side {
        Side {
            uids: [id; 4],
            gids: [id; 4],
            permitted: capabilities,
            effective: capabilities,
            bounding: CapabilitySet::all(),
            hides: Some(false),
        }
    }

    /// The rules are in ptrace(2), in this order.
    #[test]
    fn each_rule_is_named_with_its_requirement() {
        let none = CapabilitySet::empty();
        let user = side(4242, none);
        let said = |caller: &Side, target: &Side, relation| {
            let Refusal { cause, remedies } = explain(caller, target, relation);
            (cause, remedies)
        };
        let needs = "to look at it requires CAP_SYS_PTRACE";
        for (target, relation, words) in [
            (
                side(4_000_000, none),
                Relation::Same,
                "it is user 4000000's",
            ),
            (
                Side {
                    gids: [4242, 4242, 4_000_000, 4242],
                    ..user.clone()
                },
                Relation::Same,
                "it is in group 4000000",
            ),
            (
                Side {
                    hides: Some(true),
                    ..user.clone()
                },
                Relation::Same,
                "it hides",
            ),
            (
                user.clone(),
                Relation::Below,
                "it is in another user namespace",
            ),
            (
                side(4242, CapabilitySet::NET_RAW),
                Relation::Same,
                "it has CAP_NET_RAW, which you lack",
            ),
            (
                side(4242, CapabilitySet::all()),
                Relation::Same,
                "it has CAP_",
            ),
        ] {
            let (cause, remedies) = said(&user, &target, relation);
            assert!(cause.starts_with(words) && cause.contains(needs), "{cause}");
            assert_eq!(
                cause.contains("in its user namespace"),
                relation != Relation::Same,
                "{cause}"
            );
            assert_eq!(remedies, [Remedy::BecomeRoot]);
        }
        // root is told what is missing.
        let mut root = side(0, CapabilitySet::all() - CapabilitySet::SYS_PTRACE);
        let (cause, remedies) = said(&root, &side(1, none), Relation::Same);
        assert!(cause.contains(needs), "{cause}");
        assert_eq!(remedies, [Remedy::RunWith(CapabilitySet::SYS_PTRACE)]);
        root.bounding = root.effective;
        let (_, remedies) = said(&root, &side(0, CapabilitySet::all()), Relation::Same);
        assert_eq!(
            remedies,
            [Remedy::AddToBoundingSet(CapabilitySet::SYS_PTRACE)]
        );
        // A caller with every capability is told of the other causes.
        root.effective = CapabilitySet::all();
        assert!(
            said(&root, &side(1, none), Relation::Elsewhere)
                .0
                .contains("does not hold there")
        );
        assert!(
            said(&root, &side(1, none), Relation::Below)
                .0
                .contains("a security module")
        );
        assert!(
            said(&user, &user, Relation::Same)
                .0
                .contains("a security module")
        );
        let (unknown, bare) = (
            Side {
                hides: None,
                ..side(0, none)
            },
            side(0, none),
        );
        assert!(
            said(&bare, &unknown, Relation::Same)
                .0
                .starts_with("it hides")
        );
    }
}
