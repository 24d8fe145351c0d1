//! `ENOSPC`: the limit on namespaces that is used up, and the user whose limit it is.
//!
//! The kernel counts the namespaces of each kind that a user has created, in the user namespace of
//! their creator and in every one further out, and holds each count against `user.max_*_namespaces`
//! there. It also ends nesting at 32 levels. All of this is `ENOSPC`, so each kind is tried again
//! alone, by a child that ends at once.

use super::{Administrator, Facts, Refusal, Remedy};
use crate::{
    accounts, attempt,
    ns::{NsId, NsKind, NsSet, Related},
    proc::NsLink,
};
use rustix::io::Errno;
use std::collections::BTreeSet;

/// The levels to which user and PID namespaces nest, see `user_namespaces(7)` and
/// `pid_namespaces(7)`.
const LEVELS: usize = 32;

/// The facts about a limit that is used up.
struct Limit {
    kind: NsKind,
    /// The limit in the caller's user namespace.
    most: Option<u64>,
    /// The namespaces that it counts there, as far as they can be seen.
    seen: u64,
    /// `true` in the initial user namespace.
    outermost: bool,
    /// `true` if the caller is nested as deeply as possible; unknown if what is further out cannot
    /// be seen.
    nested: Option<bool>,
    /// The user whose namespaces are counted.
    user: String,
}

impl Facts<'_> {
    pub(super) fn limit_reached(&self, kinds: NsSet) -> Option<Refusal> {
        let Some(kind) = exhausted(kinds) else {
            return Refusal::without_remedy(
                "a limit of this user namespace or of one further out is reached: \
                user.max_*_namespaces",
            );
        };
        let uid = rustix::process::geteuid().as_raw();
        let user = accounts::user_or_number(uid).map_or_else(
            |_| uid.to_string(),
            |user| format!("{} ({uid})", String::from_utf8_lossy(&user.name)),
        );
        let outermost = |kind| {
            self.proc
                .own_ns(NsLink::Own(kind))
                .is_ok_and(NsId::is_initial)
        };
        let nested = match kind {
            NsKind::Pid if self.level() > LEVELS => Some(true),
            NsKind::Pid | NsKind::User => outermost(kind).then_some(false),
            _ => Some(false),
        };
        let most = self
            .proc
            .sysctl_number(&format!("user.max_{kind}_namespaces"))
            .ok();
        Limit {
            kind,
            most,
            seen: self.count(kind),
            outermost: outermost(NsKind::User),
            nested,
            user,
        }
        .refusal()
    }

    /// Returns the number of PID namespaces that the caller's /proc shows the caller in.
    fn level(&self) -> usize {
        let status = self.own_file("status").unwrap_or_default();
        let chain = status
            .split(|byte| *byte == b'\n')
            .find_map(|line| line.strip_prefix(b"NSpid:"));
        chain.map_or(0, |chain| {
            chain
                .split(u8::is_ascii_whitespace)
                .filter(|id| !id.is_empty())
                .count()
        })
    }

    /// Counts the namespaces of a kind that have processes and were created in the caller's user
    /// namespace or below it.
    fn count(&self, kind: NsKind) -> u64 {
        let mut counted = BTreeSet::new();
        for pid in self.proc.pids().unwrap_or_default() {
            let Ok(namespace) = self.proc.open_ns(pid, NsLink::Own(kind)) else {
                continue;
            };
            if matches!(namespace.owner(), Ok(Related::Is(_))) {
                counted.insert(namespace.id().inode);
            }
        }
        counted.len() as u64
    }
}

impl Limit {
    fn refusal(self) -> Option<Refusal> {
        let Self {
            kind,
            most,
            seen,
            outermost,
            nested,
            user,
        } = self;
        let sysctl = format!("user.max_{kind}_namespaces");
        let raise = |by| [Remedy::EndNamespaces(kind), Remedy::RaiseSysctl(by)];
        match most {
            Some(0) => Refusal::new(
                format!("the sysctl {sysctl} is 0"),
                [Remedy::RaiseSysctl(Administrator::Host)],
            ),
            _ if nested == Some(true) => Refusal::without_remedy(format!(
                "{kind} namespaces nest to {LEVELS} levels, and you are in the last"
            )),
            Some(most) if outermost && nested == Some(false) => Refusal::new(
                format!(
                    "user {user} has all the {most} {kind} namespaces that the sysctl {sysctl} \
                    allows a user"
                ),
                raise(Administrator::Host),
            ),
            Some(most) if !outermost && seen >= most => Refusal::new(
                format!(
                    "the sysctl {sysctl} allows a user {most} in this user namespace: {seen} can \
                    be seen, and user \
                     {user} gets no more"
                ),
                raise(Administrator::UserNamespace),
            ),
            _ => {
                let depth = if nested.is_none() {
                    format!(", or {kind} namespaces are nested {LEVELS} levels deep")
                } else {
                    String::new()
                };
                let here = most.map_or_else(String::new, |most| {
                    format!("; in this one it is {most}, and {seen} can be seen")
                });
                Refusal::without_remedy(format!(
                    "the sysctl {sysctl} of a user namespace further out is reached by the user \
                    who created this one{here}{depth}"
                ))
            }
        }
    }
}

/// Finds which of these kinds the kernel creates no more of, by trying each in a child.
fn exhausted(kinds: NsSet) -> Option<NsKind> {
    // An ordinary user may create the others only together with a user namespace.
    let user = kinds.intersection(NsSet::EMPTY.with(NsKind::User));
    let mut order: Vec<NsKind> = kinds.iter().collect();
    order.sort_by_key(|kind| *kind != NsKind::User);
    order.into_iter().find(|kind| {
        let created = attempt::create(&[user.with(*kind)]);
        matches!(created, Err(Errno::NOSPC | Errno::USERS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_certain_only_if_no_other_is_left() {
        let cause = |most, seen, outermost, nested| {
            let user = "ada (1000)".to_owned();
            Limit {
                kind: NsKind::Pid,
                most,
                seen,
                outermost,
                nested,
                user,
            }
            .refusal()
            .unwrap()
            .cause
        };
        assert!(cause(Some(0), 0, false, None).ends_with("user.max_pid_namespaces is 0"));
        assert!(cause(Some(9), 2, true, Some(true)).contains("nest to 32 levels"));
        assert!(
            cause(Some(9), 2, true, Some(false))
                .starts_with("user ada (1000) has all the 9 pid namespaces")
        );
        assert!(cause(Some(9), 9, false, None).contains("allows a user 9 in this user namespace"));
        for (most, outermost) in [(Some(9), true), (Some(9), false), (None, true)] {
            let cause = cause(most, 2, outermost, None);
            assert!(
                cause.contains("further out") && cause.contains("32 levels"),
                "{cause}"
            );
        }
        assert!(!cause(Some(9), 2, false, Some(false)).contains("32 levels"));
    }
}
