//! Features of the kernel that nsx uses if they are there: each is tried, whatever the release says.

use crate::{
    ns::{NsKind, NsSet},
    pid::Process,
    proc::{NsLink, ProcRoot},
    sys::{listns, mount, nsfs},
};
use rustix::{fd::AsFd, io::Errno, mount::MountAttrFlags, thread::ThreadNameSpaceType};

/// A feature of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The feature, in the words of manual pages.
    pub name: &'static str,
    /// The release that first had it.
    pub since: &'static str,
    /// The use that nsx has for it.
    pub purpose: &'static str,
    /// `true` if the kernel has it, and no filter of system calls hides it.
    pub present: bool,
}

/// Tries each feature. `kinds` are the kinds of namespace that the kernel has.
pub fn all(proc: &ProcRoot, kinds: NsSet) -> Vec<Feature> {
    let own = rustix::process::getpid();
    let process = Process::hold(own).ok();
    let open = |kind| proc.open_own_ns(NsLink::Own(kind));
    let is_there = |errno: Errno| !matches!(errno, Errno::NOSYS | Errno::NOTTY);
    let none = MountAttrFlags::empty();
    let feature = |name, since, purpose, present| Feature {
        name,
        since,
        purpose,
        present,
    };
    vec![
        feature(
            "time namespaces",
            "5.6",
            "other clocks for a program",
            kinds.contains(NsKind::Time),
        ),
        feature(
            "setns(2) by pidfd",
            "5.8",
            "joining all namespaces of a process at once",
            process.as_ref().is_some_and(joins_by_pidfd),
        ),
        feature(
            "mount_setattr(2)",
            "5.12",
            "read-only mounts with all that is below them",
            // A directory that is not a mount point is refused, and the call is known.
            mount::set_attributes(proc, none, none, false).map_or_else(is_there, |()| true),
        ),
        feature(
            "pidfs",
            "6.9",
            "PID:INODE, which never means another process",
            process.as_ref().is_some_and(|it| it.inode().is_ok()),
        ),
        feature(
            "translation of process ids",
            "6.11",
            "ids of another PID namespace without a look at every process",
            open(NsKind::Pid)
                .is_ok_and(|ns| nsfs::pid_in_pidns(&ns, own).map_or_else(is_there, |_| true)),
        ),
        feature(
            "listmount(2) of other namespaces",
            "6.11",
            "files that hold namespaces, in every mount namespace",
            open(NsKind::Mnt).is_ok_and(|ns| nsfs::mounts_id(&ns).is_ok()),
        ),
        feature(
            "ids of namespaces that are never used again",
            "6.18",
            "id:NUMBER",
            open(NsKind::Mnt).is_ok_and(|ns| ns.id64().is_ok()),
        ),
        feature(
            "listns(2)",
            "6.19",
            "namespaces that nothing else shows",
            listns::list(0, &mut [0]).map_or_else(is_there, |_| true),
        ),
    ]
}

/// Joins the caller's own UTS namespace, which changes nothing; without privilege the call is
/// refused, but not as wrong.
fn joins_by_pidfd(process: &Process) -> bool {
    let uts = ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
    let outcome = rustix::thread::move_into_thread_name_spaces(process.as_fd(), uts);
    !matches!(outcome, Err(Errno::INVAL | Errno::NOSYS | Errno::BADF))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feature that is in the release is found, unless a filter hides it.
    #[test]
    fn features_agree_with_the_release() {
        let release = rustix::system::uname();
        let release = crate::plan::release(release.release().to_bytes());
        let proc = ProcRoot::system().unwrap();
        for feature in all(&proc, proc.kinds().unwrap()) {
            let since = crate::plan::release(feature.since.as_bytes());
            // Distributions take features to older releases, not away from newer ones.
            if release >= since && feature.since != "5.6" {
                assert!(feature.present, "{feature:?} in {release:?}");
            }
        }
    }
}
