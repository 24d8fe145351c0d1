//! Namespaces that the caller may not join, and filters that it may not read.

use super::{Facts, Refusal, Remedy, access};
use crate::{
    ns::{NsKind, NsSet, Related},
    pid::Process,
    plan::NamespaceFile,
    proc::NsLink,
};
use rustix::thread::CapabilitySet;

impl Facts<'_> {
    /// Returns the cause of `EPERM` from `setns(2)`. `owner` looks up the user namespace that owns
    /// the namespace of a kind.
    pub(super) fn join_denied(
        &self,
        kinds: NsSet,
        owner: impl Fn(NsKind) -> Option<Related>,
    ) -> Option<Refusal> {
        let needed = CapabilitySet::SYS_ADMIN;
        if !self.caller.can(needed) {
            let cause = "joining requires CAP_SYS_ADMIN in the user namespaces that own them, \
            which you lack";
            let mut remedies = vec![self.gain(needed)];
            if self.caller.uid != 0 {
                remedies.insert(0, Remedy::RunAsCreator);
            }
            return Refusal::new(cause, remedies);
        }
        if kinds.contains(NsKind::Mnt) && !self.caller.can(CapabilitySet::SYS_CHROOT) {
            let cause = "joining a mnt namespace requires CAP_SYS_CHROOT, which you lack";
            return Refusal::new(cause, [self.gain(CapabilitySet::SYS_CHROOT)]);
        }
        let hidden = |kind: &NsKind| matches!(owner(*kind), Some(Related::Hidden));
        let kind = kinds.iter().find(hidden)?;
        Refusal::new(
            format!(
                "the user namespace that owns its {kind} namespace is neither yours nor below \
                yours, and your CAP_SYS_ADMIN does not hold there"
            ),
            [Remedy::RunInThatUserNamespace],
        )
    }

    /// Returns the cause of a failure to read the filters of a process, see `ptrace(2)`,
    /// "PTRACE_SECCOMP_GET_FILTER" and "/proc/sys/kernel/yama/ptrace_scope".
    pub(super) fn filters_unread(&self, target: &Process) -> Option<Refusal> {
        let lacks = !self.caller.can(CapabilitySet::SYS_PTRACE);
        let cause = match self.proc.sysctl_number("kernel.yama.ptrace_scope") {
            Ok(3) => "nobody may trace a process here: the sysctl kernel.yama.ptrace_scope is 3"
                .to_owned(),
            Ok(2) if lacks => "tracing requires CAP_SYS_PTRACE, which you lack: the sysctl \
                kernel.yama.ptrace_scope is 2"
                .to_owned(),
            _ if lacks => access(target, self.proc)?.cause,
            _ => return None,
        };
        Refusal::new(cause, [Remedy::LeaveFiltersOut])
    }

    /// Returns whether the file holds the user namespace that the caller is in.
    pub(super) fn is_own_user(&self, file: &NamespaceFile) -> bool {
        file.kind() == NsKind::User
            && self
                .proc
                .own_ns(NsLink::Own(NsKind::User))
                .is_ok_and(|own| own == file.ns.id())
    }
}
