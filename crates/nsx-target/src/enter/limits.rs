//! The resource limits of a program.

use crate::engine::Engine;
use nsx_core::plan::{Caller, Limit, enter::TargetProcess};
use rustix::{process::Resource, thread::CapabilitySet};

/// Returns the limits of the process that starts all programs of a container, if the engine has
/// one. They hold for a program if the configuration says nothing. The container's own process may
/// have lowered its limits since.
pub(super) fn of_starter(target: &TargetProcess<'_>, engine: Engine) -> Option<Vec<Limit>> {
    if !matches!(
        engine,
        Engine::Docker | Engine::Containerd | Engine::Nerdctl | Engine::Cri
    ) {
        return None;
    }
    let (pid, proc) = (target.process.pid(), target.proc);
    let parent = proc.status(pid).ok()?.ppid?;
    let is_shim = |name: &[u8]| name.starts_with(b"containerd-shim");
    if proc.read_with(parent, "comm", is_shim) != Ok(true) {
        return None;
    }
    let limits = proc.read_with(parent, "limits", Limit::parse_all).ok()?;
    // A parent's PID is not reused while its child names it as the parent.
    (proc.status(pid).ok()?.ppid == Some(parent)).then_some(limits)
}

/// Replaces the limits of a container's own process by those of the process that starts the
/// container's programs.
///
/// The starter is written in Go. It raises its soft limit of open files as far as it may, and gives
/// its programs the former limit. So only the hard limit of open files shows a change.
pub(super) fn start_from(limits: &mut [Limit], starter: &[Limit]) {
    for limit in limits {
        let Some(start) = starter
            .iter()
            .find(|start| start.resource == limit.resource)
        else {
            continue;
        };
        if limit.resource != Resource::Nofile || limit.hard != start.hard {
            *limit = *start;
        }
    }
}

/// Removes the limits that the caller has already, and lowers those that the caller may not set.
pub(super) fn reduce(limits: &mut Vec<Limit>, own: &[Limit], caller: &Caller) {
    let unlimited = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    for limit in limits.iter_mut() {
        let Some(own) = own.iter().find(|own| own.resource == limit.resource) else {
            continue;
        };
        if !caller.can(CapabilitySet::SYS_RESOURCE) && unlimited(limit.hard) > unlimited(own.hard) {
            limit.hard = own.hard;
        }
        if unlimited(limit.soft) > unlimited(limit.hard) {
            limit.soft = limit.hard;
        }
    }
    limits.retain(|limit| !own.contains(limit));
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsx_core::ns::NsSet;

    #[test]
    fn a_limit_that_the_first_process_lowered_is_the_starters() {
        let limits = |text: &[u8]| Limit::parse_all(text);
        let starter =
            limits(b"Max open files 9000 9000 files\nMax core file size unlimited unlimited bytes");
        for (own, expected) in [
            (
                &b"Max open files 1024 9000 files"[..],
                &b"Max open files 1024 9000 files"[..],
            ),
            (
                b"Max open files 300 300 files",
                b"Max open files 9000 9000 files",
            ),
            (
                b"Max core file size 0 unlimited bytes",
                b"Max core file size unlimited unlimited bytes",
            ),
            (b"Max cpu time 1 2 seconds", b"Max cpu time 1 2 seconds"),
        ] {
            let mut own = limits(own);
            start_from(&mut own, &starter);
            assert_eq!(own, limits(expected));
        }
    }

    #[test]
    fn a_caller_who_may_not_raise_a_limit_keeps_the_own_hard_limit() {
        let limit = |soft, hard| Limit {
            resource: Resource::Nofile,
            soft,
            hard,
        };
        let mut caller = Caller {
            uid: 1,
            gid: 1,
            capabilities: CapabilitySet::empty(),
            kinds: NsSet::ALL,
            exec_enters_time: true,
        };
        let own = [limit(Some(10), Some(20))];
        let reduced = |caller: &Caller, wanted| {
            let mut limits = vec![wanted];
            reduce(&mut limits, &own, caller);
            limits
        };
        assert_eq!(
            reduced(&caller, limit(Some(50), None)),
            [limit(Some(20), Some(20))]
        );
        assert_eq!(
            reduced(&caller, limit(Some(5), Some(6))),
            [limit(Some(5), Some(6))]
        );
        assert_eq!(reduced(&caller, limit(Some(10), Some(30))), []);
        caller.capabilities = CapabilitySet::SYS_RESOURCE;
        assert_eq!(
            reduced(&caller, limit(Some(50), None)),
            [limit(Some(50), None)]
        );
    }
}
