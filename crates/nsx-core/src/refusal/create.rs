//! Namespaces that the kernel does not create for the caller.

use super::{Facts, Refusal, Remedy};
use crate::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
};
use rustix::thread::CapabilitySet;

impl Facts<'_> {
    /// Returns the cause of `EPERM` from `unshare(2)`.
    pub(super) fn unshare_denied(&self, kinds: NsSet) -> Option<Refusal> {
        if !kinds.contains(NsKind::User) && !self.caller.is_privileged() {
            return Refusal::new(
                format!(
                    "without a user namespace of its own, only a process with CAP_SYS_ADMIN \
                    creates {}",
                    kinds.noun_with_article()
                ),
                [self.more_rights(), self.gain(CapabilitySet::SYS_ADMIN)],
            );
        }
        if !kinds.contains(NsKind::User) {
            return None;
        }
        if !self.caller.is_privileged()
            && self.proc.sysctl_number("kernel.unprivileged_userns_clone") == Ok(0)
        {
            return Refusal::new(
                "ordinary users may not create user namespaces here: the sysctl \
                kernel.unprivileged_userns_clone is 0",
                [Remedy::SetSysctl(1), self.gain(CapabilitySet::SYS_ADMIN)],
            );
        }
        if self
            .own_map(IdKind::User)
            .is_some_and(|map| map.to_outside(self.caller.uid).is_none())
        {
            return Refusal::without_remedy(format!(
                "user {} is not mapped in the user namespace that you are in",
                self.caller.uid
            ));
        }
        if self
            .own_map(IdKind::Group)
            .is_some_and(|map| map.to_outside(self.caller.gid).is_none())
        {
            return Refusal::without_remedy(format!(
                "group {} is not mapped in the user namespace that you are in",
                self.caller.gid
            ));
        }
        match self.is_chrooted() {
            Some(true) => Refusal::without_remedy(
                "the kernel creates no user namespace for a process in a chroot",
            ),
            Some(false) => self.apparmor(),
            None => self.apparmor().or_else(|| {
                Refusal::without_remedy(
                    "the kernel creates no user namespace for a process in a chroot, or a \
                    security module forbids it: nothing else that nsx knows forbids it here",
                )
            }),
        }
    }
}
