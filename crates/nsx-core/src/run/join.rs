//! Joining the namespaces of a process: at once, or one by one if the kernel is too old for that
//! (before 5.8).

use crate::{
    ns::{Namespace, NsKind, NsSet, Related},
    pid::Process,
    proc::{NsLink, ProcError, ProcRoot},
};
use rustix::{fd::AsFd, fs::CWD, io::Errno, thread::ThreadNameSpaceType};

/// Joins namespaces of a process, all or, but for older kernels, none. `one_by_one` is the order
/// for those.
pub(super) fn process(
    target: &Process,
    kinds: NsSet,
    one_by_one: &[NsKind],
    proc: Option<&ProcRoot>,
) -> Result<(), Errno> {
    let flags = ThreadNameSpaceType::from_bits_retain(kinds.flags());
    match rustix::thread::move_into_thread_name_spaces(target.as_fd(), flags) {
        // What a kernel before 5.8 says of a pidfd. Nothing is joined yet.
        Err(Errno::INVAL) => in_turn(target, one_by_one, proc.ok_or(Errno::NOENT)?),
        outcome => outcome,
    }
}

/// Puts later children of this process into the PID and time namespaces that it is in itself, after
/// a failure. The kernel lets a process do so that has CAP_SYS_ADMIN over them, and that has not
/// left its user namespace.
pub(super) fn own_for_children(proc: Option<&ProcRoot>) {
    for kind in [NsKind::Pid, NsKind::Time] {
        let own = match proc {
            Some(proc) => proc.open_own_ns(NsLink::Own(kind)).ok(),
            None => Namespace::open(CWD, format!("/proc/self/ns/{kind}")).ok(),
        };
        let _ = own.map(|own| join(&own));
    }
}

fn in_turn(target: &Process, kinds: &[NsKind], proc: &ProcRoot) -> Result<(), Errno> {
    let open = |kind: &NsKind| {
        proc.open_ns(target.pid(), NsLink::Own(*kind))
            .map_err(errno)
    };
    let mut files = kinds.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    if target.ended() {
        return Err(Errno::SRCH);
    }
    if kinds.first() == Some(&NsKind::User) && files.len() > 1 {
        let own = proc.own_ns(NsLink::Own(NsKind::User)).map_err(errno)?;
        let mut users = vec![files.remove(0)];
        while let Some(Ok(Related::Is(parent))) = users.last().map(Namespace::parent)
            && parent.id() != own
        {
            users.push(parent);
        }
        // A process that joins a user namespace has every right there and none above, so the
        // namespaces that it owns are joined from within it.
        while let Some(user) = users.pop() {
            join(&user)?;
            let is_its = |file: &Namespace| matches!(file.owner(), Ok(Related::Is(owner)) if owner.id() == user.id());
            let (its, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_its);
            its.iter().try_for_each(join)?;
            files = others;
        }
    }
    files.iter().try_for_each(join)
}

fn join(namespace: &Namespace) -> Result<(), Errno> {
    rustix::thread::move_into_link_name_space(namespace.as_fd(), None)
}

fn errno(error: ProcError) -> Errno {
    match error {
        ProcError::Os(errno) => errno,
        ProcError::Denied => Errno::ACCESS,
        _ => Errno::SRCH,
    }
}
