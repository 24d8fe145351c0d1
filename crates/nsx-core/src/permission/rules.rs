//! The checks of each action, in the order in which the kernel makes them.

use super::subject::{Chain, Subject};
use crate::{
    capability::{few_names, names},
    ns::{NsId, NsKind},
    plan::release,
    proc::ProcRoot,
};
use rustix::thread::CapabilitySet;

/// An action of one process on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Joining its namespaces, `setns(2)`.
    Enter,
    /// Sending it a signal, `kill(2)`.
    Signal,
    /// Attaching to it, `ptrace(2)`.
    Trace,
    /// Reading its environment or memory maps in /proc.
    ReadEnvironment,
    /// Reaching its files through `/proc/PID/root`.
    Files,
}

/// A check of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule, in a few words.
    pub rule: &'static str,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason for the outcome.
    pub why: String,
    /// The capability that would help, and the user namespace in which it is missing.
    pub missing: Option<(CapabilitySet, NsId)>,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel goes on to the next check.
    Passes,
    /// The kernel refuses.
    Fails,
    /// Facts are hidden.
    Unknown,
}

/// Makes the checks of an action, up to the first that fails. `proc` shows the settings of Yama.
pub fn checks(who: &Subject, action: Action, target: &Subject, proc: &ProcRoot) -> Vec<Check> {
    let pair = Pair { who, target };
    let mut checks = match action {
        Action::Signal => vec![pair.sees(), pair.signals()],
        Action::Trace => {
            let mut checks = pair.looks(Ids::Real);
            checks.extend([pair.yama(proc), pair.is_untraced()]);
            checks
        }
        Action::ReadEnvironment => match pair.by_perfmon() {
            Some(check) => vec![check],
            None => pair.looks(Ids::FileSystem),
        },
        Action::Files => pair.looks(Ids::FileSystem),
        Action::Enter => [pair.looks(Ids::FileSystem), pair.joins()].concat(),
    };
    let first = checks
        .iter()
        .position(|check| check.outcome == Outcome::Fails);
    if let Some(first) = first {
        checks.truncate(first + 1);
    }
    checks
}

/// The namespace over which a capability is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The initial user namespace: the host.
    Host,
    /// The user namespace that the process is in.
    Own,
    /// The user namespace that owns the namespace of this kind that the process is in.
    Owner(NsKind),
}

/// Checks whether a process has the capability that a system call of it requires.
pub fn requires(who: &Subject, needed: CapabilitySet, over: Over) -> Check {
    const RULE: &str = "a capability that is enough";
    let host = || Chain {
        levels: who.user.levels.last().copied().into_iter().collect(),
        is_whole: who.user.is_whole,
    };
    let owners = |kind| who.namespaces.iter().find(|(ns, _)| ns.kind == kind);
    let chain = match over {
        Over::Host if who.user.is_whole => host(),
        Over::Own => who.user.clone(),
        Over::Owner(kind) => owners(kind).map_or_else(host, |(_, owners)| owners.clone()),
        Over::Host => Chain {
            levels: Vec::new(),
            is_whole: false,
        },
    };
    let pair = Pair { who, target: who };
    pair.by_capability(RULE, "", needed, &chain)
}

/// The ids and capabilities that a look at a process is judged by, see `ptrace(2)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// `PTRACE_MODE_FSCREDS`: file system ids, effective capabilities.
    FileSystem,
    /// `PTRACE_MODE_REALCREDS`: real ids, permitted capabilities.
    Real,
}

/// An answer to whether a process has a capability over a user namespace.
enum Holding {
    /// It has, and why.
    Yes(String),
    /// It lacks the capability in this user namespace.
    Lacks(NsId),
    /// It is not in a user namespace above that one.
    Below(NsId),
    Unknown,
}

#[derive(Clone, Copy)]
struct Pair<'s> {
    who: &'s Subject,
    target: &'s Subject,
}

impl Pair<'_> {
    /// The first namespace in which both are to be seen is the target's own or one above.
    fn sees(self) -> Check {
        const RULE: &str = "it sees the process";
        let own = self.who.pid_namespaces.first();
        match self.target.pid_namespaces.iter().any(|ns| Some(ns) == own) {
            true => passes(RULE, "the process is in its PID namespace or below"),
            false => fails(
                RULE,
                "the process is in a PID namespace that is not below its own",
            ),
        }
    }

    fn signals(self) -> Check {
        const RULE: &str = "the same user, or CAP_KILL";
        let [real, effective, ..] = self.who.uids;
        let [target, _, saved, _] = self.target.uids;
        if [real, effective]
            .iter()
            .any(|uid| [target, saved].contains(uid))
        {
            return passes(RULE, &format!("both are user {target}'s"));
        }
        let differ = format!("its user is {effective}, and the target's {target}");
        self.by_capability(RULE, &differ, CapabilitySet::KILL, &self.target.user)
    }

    /// The checks of `__ptrace_may_access`.
    fn looks(self, ids: Ids) -> Vec<Check> {
        if self.who.pid == self.target.pid {
            return vec![passes(
                "a process may look at itself",
                "it is the same process",
            )];
        }
        vec![
            self.has_ids(ids),
            self.is_shown(),
            self.has_capabilities(ids),
        ]
    }

    /// Since 6.15, the memory of any process may be read with a capability on the host.
    fn by_perfmon(self) -> Option<Check> {
        if release(rustix::system::uname().release().to_bytes()) < (6, 15) {
            return None;
        }
        [CapabilitySet::PERFMON, CapabilitySet::SYS_ADMIN]
            .into_iter()
            .map(|needed| requires(self.who, needed, Over::Host))
            .find(|check| check.outcome == Outcome::Passes)
    }

    fn has_ids(self, ids: Ids) -> Check {
        const RULE: &str = "the same user and group, or CAP_SYS_PTRACE";
        let (uid, gid) = match ids {
            Ids::FileSystem => (self.who.uids[3], self.who.gids[3]),
            Ids::Real => (self.who.uids[0], self.who.gids[0]),
        };
        let other = |own: u32, ids: [u32; 4]| ids[..3].iter().copied().find(|id| *id != own);
        let differ = match (other(uid, self.target.uids), other(gid, self.target.gids)) {
            (None, None) => return passes(RULE, &format!("both are user {uid}'s")),
            (Some(other), _) => format!("its user is {uid}, and the target's {other}"),
            (None, Some(other)) => format!("its group is {gid}, and the target's {other}"),
        };
        self.by_ptrace(RULE, &differ)
    }

    fn is_shown(self) -> Check {
        const RULE: &str = "it does not hide, or CAP_SYS_PTRACE";
        match self.target.hides {
            Some(false) => passes(RULE, "the target does not hide"),
            Some(true) => self.by_ptrace(RULE, "the target hides (PR_SET_DUMPABLE in prctl(2))"),
            None => match self.by_ptrace(RULE, "the target may hide, as root's may") {
                Check {
                    outcome: Outcome::Fails,
                    ..
                } => unknown(RULE, "whether a process of root hides is not shown"),
                check => check,
            },
        }
    }

    fn has_capabilities(self, ids: Ids) -> Check {
        const RULE: &str = "all capabilities of the target, or CAP_SYS_PTRACE";
        let own = match ids {
            Ids::FileSystem => self.who.effective,
            Ids::Real => self.who.permitted,
        };
        let more = self.target.permitted - own;
        let is_same = self.who.user.levels.first() == self.target.user.levels.first();
        if is_same && more.is_empty() {
            return passes(
                RULE,
                "it has all that the target has, in the same user namespace",
            );
        }
        let differ = match is_same {
            false => "the target is in another user namespace".to_owned(),
            true => format!("the target has {}", few_names(more)),
        };
        self.by_ptrace(RULE, &differ)
    }

    /// See "/proc/sys/kernel/yama/ptrace_scope" in `ptrace(2)`.
    fn yama(self, proc: &ProcRoot) -> Check {
        const RULE: &str = "Yama's ptrace_scope";
        match proc.sysctl_number("kernel.yama.ptrace_scope") {
            Ok(0) => passes(RULE, "kernel.yama.ptrace_scope is 0"),
            Ok(1) if self.target.parent == Some(self.who.pid) => {
                passes(RULE, "the target is its child")
            }
            Ok(3) => fails(RULE, "kernel.yama.ptrace_scope is 3: nobody may trace"),
            Ok(scope @ (1 | 2)) => {
                let differ = format!("kernel.yama.ptrace_scope is {scope}");
                match self.by_ptrace(RULE, &differ) {
                    // The target may be a grandchild, or allow it by prctl(2).
                    Check {
                        outcome: Outcome::Fails,
                        ..
                    } if scope == 1 => unknown(
                        RULE,
                        "kernel.yama.ptrace_scope is 1: only descendants may be traced, and those \
                        who allow it by PR_SET_PTRACER",
                    ),
                    check => check,
                }
            }
            _ => passes(RULE, "Yama is not in this kernel"),
        }
    }

    fn is_untraced(self) -> Check {
        const RULE: &str = "nobody else traces it";
        match self.target.tracer {
            None => passes(RULE, "it is not traced"),
            Some(tracer) => fails(RULE, &format!("process {tracer} traces it already")),
        }
    }

    /// The checks of `setns(2)`, the user namespace first, as nsx joins them.
    fn joins(self) -> Vec<Check> {
        const RULE: &str = "CAP_SYS_ADMIN in its user namespace";
        let differing = self.target.differing(self.who);
        let joins_user = differing.contains(NsKind::User);
        let user = self.by_capability(RULE, "", CapabilitySet::SYS_ADMIN, &self.target.user);
        let others = self
            .target
            .namespaces
            .iter()
            .filter(|(ns, _)| ns.kind != NsKind::User && differing.contains(ns.kind))
            .map(|(ns, owners)| self.joins_one(*ns, owners, joins_user));
        joins_user
            .then_some(user)
            .into_iter()
            .chain(others)
            .collect()
    }

    fn joins_one(self, ns: NsId, owners: &Chain, joins_user: bool) -> Check {
        let rule = match ns.kind {
            NsKind::Cgroup => "CAP_SYS_ADMIN over its cgroup namespace",
            NsKind::Ipc => "CAP_SYS_ADMIN over its ipc namespace",
            NsKind::Mnt => "CAP_SYS_ADMIN and CAP_SYS_CHROOT over its mnt namespace",
            NsKind::Net => "CAP_SYS_ADMIN over its net namespace",
            NsKind::Pid => "CAP_SYS_ADMIN over its pid namespace, below its own",
            NsKind::Time => "CAP_SYS_ADMIN over its time namespace",
            NsKind::Uts => "CAP_SYS_ADMIN over its uts namespace",
            NsKind::User => "CAP_SYS_ADMIN in its user namespace",
        };
        if ns.kind == NsKind::Pid && self.sees().outcome == Outcome::Fails {
            return fails(
                rule,
                "its PID namespace is not below, and nobody may enter another",
            );
        }
        let joined = self.target.user.levels.first();
        if joins_user && owners.levels.iter().any(|level| Some(level) == joined) {
            return passes(rule, "it belongs to the user namespace that was joined");
        }
        let mut needed = CapabilitySet::SYS_ADMIN;
        if ns.kind == NsKind::Mnt && !joins_user {
            needed |= CapabilitySet::SYS_CHROOT;
        }
        self.by_capability(rule, "", needed, owners)
    }

    fn by_ptrace(self, rule: &'static str, differ: &str) -> Check {
        self.by_capability(rule, differ, CapabilitySet::SYS_PTRACE, &self.target.user)
    }

    /// A check that passes by a capability alone, for the reason `differ`.
    fn by_capability(
        self,
        rule: &'static str,
        differ: &str,
        needed: CapabilitySet,
        over: &Chain,
    ) -> Check {
        let name = names(needed).join(" and ");
        let so = match differ {
            "" => String::new(),
            differ => format!("{differ}: "),
        };
        match self.holds(needed, over) {
            Holding::Yes(why) => passes(rule, &format!("{so}{why} {name}")),
            Holding::Lacks(ns) => Check {
                missing: Some((needed - self.who.effective, ns)),
                ..fails(
                    rule,
                    &format!("{so}it lacks {name} in {ns}, its own user namespace"),
                )
            },
            Holding::Below(ns) => Check {
                missing: Some((needed, ns)),
                ..fails(
                    rule,
                    &format!(
                        "{so}it requires {name} in {ns}, which is neither its own user namespace \
                        nor below that"
                    ),
                )
            },
            Holding::Unknown => unknown(
                rule,
                &format!("{so}it requires {name}, and the user namespaces above yours are hidden"),
            ),
        }
    }

    /// See "Capabilities" in `user_namespaces(7)`.
    fn holds(self, needed: CapabilitySet, over: &Chain) -> Holding {
        let Some(own) = self.who.user.levels.first() else {
            return Holding::Unknown;
        };
        let Some(first) = over.levels.first() else {
            return Holding::Unknown;
        };
        for (index, level) in over.levels.iter().enumerate() {
            if level.ns == own.ns {
                return match self.who.effective.contains(needed) {
                    true => Holding::Yes(format!("in {} it has", own.ns)),
                    false => Holding::Lacks(own.ns),
                };
            }
            let above = over.levels.get(index + 1);
            if above.is_some_and(|it| it.ns == own.ns) && level.owner == Some(self.who.uids[1]) {
                return Holding::Yes(format!("its user created {}, and so has", level.ns));
            }
        }
        match over.is_whole {
            true => Holding::Below(first.ns),
            false => Holding::Unknown,
        }
    }
}

fn check(rule: &'static str, outcome: Outcome, why: &str) -> Check {
    Check {
        rule,
        outcome,
        why: why.to_owned(),
        missing: None,
    }
}

fn passes(rule: &'static str, why: &str) -> Check {
    check(rule, Outcome::Passes, why)
}

fn fails(rule: &'static str, why: &str) -> Check {
    check(rule, Outcome::Fails, why)
}

fn unknown(rule: &'static str, why: &str) -> Check {
    check(rule, Outcome::Unknown, why)
}
