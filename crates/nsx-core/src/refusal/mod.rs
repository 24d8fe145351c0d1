//! From a refused step to its cause and the way out.
//!
//! A refusal states only facts that were checked, because an errno alone has too many causes. If
//! no known cause applies, the refusal has no explanation.

mod access;
mod create;
mod facts;
mod filter;
mod ids;
mod join;
mod limits;
mod maps;
mod mounts;
mod pin;
mod remedy;

pub use access::access;
pub use remedy::{Administrator, Remedy};

use self::filter::Call;
use crate::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    plan::{ABOVE_ROOT, Caller, Helper, Link, LinkKind, Pin, Plan, Step},
    proc::{NsLink, ProcRoot},
    run::Failure,
};
use rustix::{io::Errno, thread::CapabilitySet};
use std::path::Path;

/// The cause of a refusal, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The cause.
    pub cause: String,
    /// The ways out, any of which will do; none are known if it is empty.
    pub remedies: Vec<Remedy>,
}

impl Refusal {
    fn new(cause: impl Into<String>, remedies: impl Into<Vec<Remedy>>) -> Option<Self> {
        Some(Self {
            cause: cause.into(),
            remedies: remedies.into(),
        })
    }

    fn without_remedy(cause: impl Into<String>) -> Option<Self> {
        Self::new(cause, [])
    }
}

/// Explains the refusal of a link.
fn link_refused(link: &Link, errno: Errno) -> Option<Refusal> {
    match (&link.kind, errno) {
        (LinkKind::Upper { .. }, Errno::OPNOTSUPP) => Refusal::without_remedy(format!(
            "this kernel has no driver for {} links, or its module is not loaded",
            link.kind
        )),
        (LinkKind::Upper { parent, .. }, Errno::INVAL | Errno::BUSY) => {
            Refusal::without_remedy(format!(
                "{parent} cannot carry {} links: it is a loopback device or a port, or carries \
                links of another kind",
                link.kind
            ))
        }
        (LinkKind::Moved { from, .. }, Errno::INVAL) => Refusal::without_remedy(format!(
            "the driver of {from} binds it to its network namespace"
        )),
        _ => None,
    }
}

/// Returns the cause of a failure in carrying out `plan`, if it can be found. `caller` and `proc`
/// are those that it was made and run with.
pub fn explain(
    failure: &Failure,
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
) -> Option<Refusal> {
    let joins = plan
        .steps()
        .iter()
        .any(|planned| matches!(planned.step(), Step::Join { .. } | Step::JoinFile(_)));
    let facts = Facts {
        joins,
        ..Facts::new(caller, proc)
    };
    // Ids are changed before that for another owner alone.
    let before_unshare = plan
        .steps()
        .iter()
        .position(|planned| matches!(planned.step(), Step::Unshare(_)));
    let becomes_owner = before_unshare.is_some_and(|unshare| {
        plan.steps()[..unshare]
            .iter()
            .any(|planned| std::ptr::eq(planned.step(), failure.step()))
    });
    let filter = facts.filter_of_step(failure.step(), failure.errno);
    if filter.is_some() {
        return filter;
    }
    match (failure.step(), failure.errno) {
        (Step::Unshare(kinds), errno) => facts.unshare_refused(*kinds, errno),
        (Step::WriteIdMap { ids, map }, Errno::PERM | Errno::ACCESS) => {
            facts.map_refused(*ids, map)
        }
        (Step::RunIdMapHelper { ids, helper, .. }, errno) => {
            facts.helper_refused(*ids, helper.as_ref(), errno)
        }
        (Step::SetClock(offset), Errno::RANGE) => Refusal::new(
            match offset.seconds < 0 {
                true => "the clock would stand before the start of the machine",
                false => {
                    "the clock would stand beyond 4611686018 seconds, some 146 years, and the \
                    kernel draws the line"
                }
            },
            [Remedy::SmallerClockOffset],
        ),
        (Step::RegisterBinfmt { .. }, Errno::INVAL) => Refusal::new(
            "the kernel takes :NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS, where TYPE is M or \
            E, and this is not of that form",
            [Remedy::BinfmtForm],
        ),
        (Step::Join { target, kinds, .. }, Errno::PERM) => facts.join_denied(*kinds, |kind| {
            proc.open_ns(target.pid(), NsLink::Own(kind))
                .ok()
                .and_then(|ns| ns.owner().ok())
        }),
        (Step::JoinFile(file), Errno::PERM) => {
            facts.join_denied(NsSet::from_iter([file.kind()]), |_| file.ns.owner().ok())
        }
        (Step::ReadFilters(target), Errno::PERM) => facts.filters_unread(target),
        (Step::Join { kinds, .. }, Errno::INVAL) if kinds.contains(NsKind::Pid) => {
            Refusal::without_remedy(
                "its PID namespace is not below yours, and the kernel lets nobody enter another",
            )
        }
        (Step::Join { target, .. }, Errno::SRCH) => {
            Refusal::without_remedy(format!("process {} has ended", target.pid()))
        }
        (Step::JoinFile(file), Errno::INVAL) if facts.is_own_user(file) => Refusal::without_remedy(
            "it is your own user namespace already, so there is nothing to enter",
        ),
        (Step::Fork { .. } | Step::ForkSibling, Errno::NOMEM) => Refusal::without_remedy(
            "PID 1 of that PID namespace has ended, so it accepts no new processes",
        ),
        (Step::MountProc { .. } | Step::MountJoinedProc, Errno::PERM) => facts.proc_masked(),
        (
            Step::MountProc { .. } | Step::MountJoinedProc,
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP,
        ) => Refusal::new("there is no such directory", facts.without_proc_directory()),
        (Step::InstallFilters, _) if failure.forbidden.is_some() => Refusal::new(
            format!(
                "they do not allow {}, without which nsx could not go on under them",
                failure.forbidden.unwrap_or_default()
            ),
            [Remedy::LeaveFiltersOut],
        ),
        (Step::MakeLink(link), errno) => link_refused(link, errno),
        (Step::Pin(pin), errno) => facts.pin_refused(pin, errno),
        (Step::Propagate { at, .. }, Errno::INVAL) if at == Path::new("/") => Refusal::new(
            "your root directory is not a mount point, as in a chroot, and only a mount has a \
            propagation",
            [Remedy::LeavePropagation],
        ),
        (Step::Propagate { at, .. }, Errno::INVAL) => Refusal::new(
            format!(
                "{} is not a mount point, and what is mounted there would be seen outside",
                at.display()
            ),
            [Remedy::PrivatePropagation],
        ),
        (Step::Mount { root, mount, .. }, errno) => facts.mount(root.as_deref(), mount, errno),
        (Step::SetDirectory(directory), Errno::NOENT | Errno::ACCESS)
            if facts.stands_in(directory) =>
        {
            Refusal::new(
                match failure.errno {
                    Errno::NOENT => "a mount inside hides the directory that you stand in",
                    _ => {
                        "you stand in a directory that you could not enter, and with mounts inside \
                        the program has to"
                    }
                },
                [Remedy::NameWorkingDirectory],
            )
        }
        (Step::SetDirectory(directory), Errno::NOENT) if covers_root(plan) => Refusal::new(
            "what is mounted on / has no such directory",
            [Remedy::BindWorkingDirectory(directory.clone())],
        ),
        (Step::SetUser(_) | Step::SetGroup(_) | Step::SetGroups(_), Errno::PERM)
            if becomes_owner =>
        {
            Refusal::new(
                "nsx becomes the owner that is named before it creates the namespaces, for which \
                you lack CAP_SETUID and CAP_SETGID",
                [
                    Remedy::OwnUserNamespace,
                    facts.gain(CapabilitySet::SETUID | CapabilitySet::SETGID),
                ],
            )
        }
        (Step::LeaveGroups { .. }, Errno::PERM) => facts.groups_kept(plan),
        (Step::SetUser(id), Errno::INVAL) => facts.not_mapped(IdKind::User, *id),
        (Step::SetGroup(id), Errno::INVAL) => facts.not_mapped(IdKind::Group, *id),
        (
            Step::SetUser(_)
            | Step::SetGroup(_)
            | Step::SetGroups(_)
            | Step::ChangeRoot { .. }
            | Step::BindRoot(_),
            Errno::PERM,
        ) => facts.unprivileged(),
        _ => None,
    }
}

/// Returns whether the plan's new root directory is what the plan mounts on `/`.
fn covers_root(plan: &Plan) -> bool {
    plan.steps().iter().any(
        |planned| matches!(planned.step(), Step::PivotRoot(root) if root == Path::new(ABOVE_ROOT)),
    )
}

/// Returns the cause of a failure to pin a namespace, if it can be found.
pub fn of_pin(pin: &Pin, errno: Errno, caller: &Caller, proc: &ProcRoot) -> Option<Refusal> {
    Facts::new(caller, proc).pin_refused(pin, errno)
}

/// Returns the cause of a failure to create namespaces of these kinds, if it can be found.
pub fn of_unshare(kinds: NsSet, errno: Errno, caller: &Caller, proc: &ProcRoot) -> Option<Refusal> {
    let facts = Facts::new(caller, proc);
    let filter = facts.filter(Call::Unshare(kinds), errno);
    filter.or_else(|| facts.unshare_refused(kinds, errno))
}

/// Returns the reason why newuidmap or newgidmap, as PATH has it, would not get its privilege if the
/// caller ran it; none if it would.
pub fn of_helper(
    ids: IdKind,
    found: Option<&Helper>,
    caller: &Caller,
    proc: &ProcRoot,
) -> Option<Refusal> {
    let errno = found.map_or(Errno::NOENT, |_| Errno::PERM);
    Facts::new(caller, proc).helper_refused(ids, found, errno)
}

struct Facts<'a> {
    caller: &'a Caller,
    proc: &'a ProcRoot,
    /// `true` if the plan joins namespaces.
    joins: bool,
}

impl<'a> Facts<'a> {
    /// Returns the facts about a caller who has joined no namespace.
    fn new(caller: &'a Caller, proc: &'a ProcRoot) -> Self {
        Self {
            caller,
            proc,
            joins: false,
        }
    }

    /// Returns the cause of a failure of `unshare(2)`, if it can be found.
    fn unshare_refused(&self, kinds: NsSet, errno: Errno) -> Option<Refusal> {
        match errno {
            Errno::PERM => self.unshare_denied(kinds),
            Errno::NOSPC | Errno::USERS => self.limit_reached(kinds),
            _ => None,
        }
    }
}
