//! The processes and namespaces about which a user is believed: those in user namespaces that the
//! user created.
//!
//! The creator of a user namespace has every right in it, in those below, and over the other
//! namespaces that belong to them, see `user_namespaces(7)`. A user who names a process there gains
//! nothing if root enters it. No other claim of a user about a process is believed.

use crate::{
    container::{Owner, Unbelieved},
    host::Host,
};
use nsx_core::{
    idmap::{IdKind, IdMap},
    ns::{Namespace, NsId, NsKind, Related},
    pid::Pid,
    proc::NsLink,
};
use rustix::io::Errno;

/// The user namespace of a user that is nearest to the caller's.
struct UserNamespace {
    id: NsId,
    /// The user namespace that the search began with, which keeps those above alive.
    _below: Namespace,
}

/// The reason why a user is not believed.
enum Disbelief {
    /// The user namespace is the caller's own.
    Yours,
    /// The user created no user namespace on the way to the caller's.
    Anothers,
    /// The kernel does not show the user namespaces on the way.
    Unseen,
}

impl From<Errno> for Disbelief {
    fn from(_: Errno) -> Self {
        Self::Unseen
    }
}

/// Checks that `owner` is believed about a process. The result holds only if the process still
/// exists afterwards.
pub(crate) fn check(host: &Host, pid: Pid, owner: &Owner) -> Result<(), Unbelieved> {
    check_below(host, pid, owner, |user| own(host, user, owner.uid))
}

/// Checks that `owner` may decide how a program runs in the user namespace of this process. Besides
/// its creator that can be the user whom it maps to root: Podman, run by root, gives the files of a
/// container with an id mapping to that user.
pub(crate) fn check_inside(host: &Host, pid: Pid, owner: &Owner) -> Result<(), Unbelieved> {
    let is_root = || {
        let map = IdMap::read(pid, IdKind::User, host.proc());
        map.ok()?.to_outside(0)
    };
    check_below(host, pid, owner, |user| {
        let is_root = is_root() == Some(owner.uid);
        if is_root && is_below(host, user.parent()?, callers(host)?)? {
            return Ok(UserNamespace {
                id: user.id(),
                _below: user,
            });
        }
        own(host, user, owner.uid)
    })
}

fn check_below(
    host: &Host,
    pid: Pid,
    owner: &Owner,
    own: impl FnOnce(Namespace) -> Result<UserNamespace, Disbelief>,
) -> Result<(), Unbelieved> {
    let (number, proc) = (pid.as_raw_pid(), host.proc());
    let unseen = || Unbelieved::Unseen(number);
    let user = proc
        .open_ns(pid, NsLink::Own(NsKind::User))
        .map_err(|_| unseen())?;
    let own = own(user).map_err(|disbelief| match disbelief {
        Disbelief::Yours => Unbelieved::Yours(number, owner.word.clone()),
        Disbelief::Anothers => Unbelieved::Anothers(number, owner.word.clone()),
        Disbelief::Unseen => unseen(),
    })?;
    let kinds = proc.kinds().map_err(|_| unseen())?;
    let mut links = proc.ns_links(pid);
    for kind in kinds.iter().filter(|kind| *kind != NsKind::User) {
        let callers = proc.own_ns(NsLink::Own(kind)).map_err(|_| unseen())?;
        if links.id(NsLink::Own(kind)) == Ok(callers) {
            continue;
        }
        let theirs = links.open(NsLink::Own(kind)).map_err(|_| unseen())?;
        let belongs = match theirs.owner() {
            Ok(user) => is_below(host, user, own.id),
            Err(_) => Err(Disbelief::Unseen),
        };
        match belongs {
            Ok(true) => {}
            Ok(false) => return Err(Unbelieved::Namespace(number, kind, owner.word.clone())),
            Err(_) => return Err(unseen()),
        }
    }
    Ok(())
}

/// Returns whether a namespace belongs to a user namespace that the user `uid` created.
pub(crate) fn is_users(host: &Host, namespace: &Namespace, uid: u32) -> bool {
    let itself = || {
        rustix::io::fcntl_dupfd_cloexec(namespace, 0)
            .and_then(Namespace::from_fd)
            .ok()
    };
    let user = match namespace.id().kind {
        NsKind::User => itself(),
        _ => match namespace.owner() {
            Ok(Related::Is(user)) => Some(user),
            _ => None,
        },
    };
    user.is_some_and(|user| own(host, user, uid).is_ok())
}

/// Returns the highest user namespace that `uid` created, from `user` up to the caller's.
fn own(host: &Host, user: Namespace, uid: u32) -> Result<UserNamespace, Disbelief> {
    let callers = callers(host)?;
    if user.id() == callers {
        return Err(Disbelief::Yours);
    }
    let mut highest = None;
    let mut next: Option<Namespace> = None;
    loop {
        let at = next.as_ref().unwrap_or(&user);
        if at.id() == callers {
            break;
        }
        if at.owner_uid()? == uid {
            highest = Some(at.id());
        }
        next = match at.parent()? {
            Related::Is(parent) => Some(parent),
            // The caller's user namespace is not above this one.
            Related::Hidden => return Err(Disbelief::Unseen),
        };
    }
    highest
        .map(|id| UserNamespace { id, _below: user })
        .ok_or(Disbelief::Anothers)
}

/// Returns whether a user namespace is `above` or below it.
fn is_below(host: &Host, user: Related, above: NsId) -> Result<bool, Disbelief> {
    let callers = callers(host)?;
    let mut next = user;
    loop {
        let Related::Is(user) = next else {
            return Err(Disbelief::Unseen);
        };
        if user.id() == above {
            return Ok(true);
        }
        if user.id() == callers {
            return Ok(false);
        }
        next = user.parent()?;
    }
}

/// Returns the caller's own user namespace.
fn callers(host: &Host) -> Result<NsId, Disbelief> {
    host.proc()
        .own_ns(NsLink::Own(NsKind::User))
        .map_err(|_| Disbelief::Unseen)
}
