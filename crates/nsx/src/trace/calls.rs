//! The system calls that need a capability, and over which user namespace, see `capabilities(7)`.

use nsx_core::{ns::NsKind, permission::Over};
use rustix::thread::CapabilitySet;

/// Returns the capability that a call requires if it is refused for want of one, and over which user
/// namespace. None if nsx does not know the call.
pub(super) fn required(call: &str) -> Option<(CapabilitySet, Over)> {
    let mounts = Over::Owner(NsKind::Mnt);
    Some(match call {
        "unshare" | "clone" | "clone3" | "setns" => (CapabilitySet::SYS_ADMIN, Over::Own),
        "mount" | "umount2" | "pivot_root" | "open_tree" | "move_mount" | "fsopen" | "fsmount"
        | "fsconfig" | "fspick" | "mount_setattr" => (CapabilitySet::SYS_ADMIN, mounts),
        "chroot" => (CapabilitySet::SYS_CHROOT, Over::Own),
        "sethostname" | "setdomainname" => (CapabilitySet::SYS_ADMIN, Over::Owner(NsKind::Uts)),
        "setuid" | "setreuid" | "setresuid" | "setfsuid" => (CapabilitySet::SETUID, Over::Own),
        "setgid" | "setregid" | "setresgid" | "setfsgid" | "setgroups" => {
            (CapabilitySet::SETGID, Over::Own)
        }
        "chown" | "fchown" | "lchown" | "fchownat" => (CapabilitySet::CHOWN, Over::Own),
        "clock_settime" | "settimeofday" | "adjtimex" | "clock_adjtime" => {
            (CapabilitySet::SYS_TIME, Over::Host)
        }
        "mknod" | "mknodat" => (CapabilitySet::MKNOD, Over::Host),
        "bind" => (CapabilitySet::NET_BIND_SERVICE, Over::Owner(NsKind::Net)),
        "socket" => (CapabilitySet::NET_RAW, Over::Owner(NsKind::Net)),
        "init_module" | "finit_module" | "delete_module" => (CapabilitySet::SYS_MODULE, Over::Host),
        "reboot" | "kexec_load" | "kexec_file_load" => (CapabilitySet::SYS_BOOT, Over::Host),
        "swapon" | "swapoff" | "quotactl" => (CapabilitySet::SYS_ADMIN, Over::Host),
        "bpf" => (CapabilitySet::BPF, Over::Host),
        "open_by_handle_at" => (CapabilitySet::DAC_READ_SEARCH, Over::Host),
        "ioperm" | "iopl" => (CapabilitySet::SYS_RAWIO, Over::Host),
        "syslog" => (CapabilitySet::SYSLOG, Over::Host),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscalls::Sysno;

    #[test]
    fn calls_are_those_of_the_kernel() {
        let known = Sysno::iter().filter(|call| required(call.name()).is_some());
        // All but the few that only some architectures have.
        assert!(known.count() >= 40);
        assert_eq!(required("read"), None);
    }
}
