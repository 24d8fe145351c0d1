//! The facts about the caller that several refusals need.

use super::{Facts, Refusal, Remedy};
use crate::{
    idmap::{IdKind, IdMap},
    proc::Mount,
};
use rustix::thread::CapabilitySet;

impl Facts<'_> {
    pub(super) fn seccomp(&self) -> Option<Refusal> {
        if !self.has_status(b"Seccomp:\t2") {
            return None;
        }
        Refusal::new(
            "a seccomp filter is on this process, as container engines set it",
            [Remedy::ChangeSeccompProfile],
        )
    }

    pub(super) fn apparmor(&self) -> Option<Refusal> {
        if self
            .proc
            .sysctl_number("kernel.apparmor_restrict_unprivileged_userns")
            != Ok(1)
        {
            return None;
        }
        Refusal::new(
            "AppArmor takes the capabilities away from user namespaces of programs without a \
            profile (kernel.apparmor_restrict_unprivileged_userns is 1)",
            [Remedy::InstallAppArmorProfile],
        )
    }

    /// Returns whether the caller's root directory is not a mount point, as in a chroot. A chroot
    /// to a mount point cannot be seen here.
    pub(super) fn is_chrooted(&self) -> bool {
        self.own_mounts()
            .is_some_and(|mounts| !mounts.iter().any(|mount| mount.point == b"/"))
    }

    /// Returns the way in which the caller gains capabilities.
    pub(super) fn gain(&self, needed: CapabilitySet) -> Remedy {
        let own = self.proc.own_credentials();
        let bounding = own.map_or(CapabilitySet::all(), |own| own.bounding);
        gain(self.caller.uid, needed, bounding)
    }

    /// Returns the way in which the program gains the rights of a user namespace.
    pub(super) fn more_rights(&self) -> Remedy {
        if self.joins {
            Remedy::JoinUserNamespace
        } else {
            Remedy::CreateUserNamespace
        }
    }

    pub(super) fn own_mounts(&self) -> Option<Vec<Mount>> {
        Mount::parse_all(&self.own_file("mountinfo")?).ok()
    }

    pub(super) fn own_map(&self, ids: IdKind) -> Option<IdMap> {
        IdMap::parse(&self.own_file(ids.file())?).ok()
    }

    /// Returns whether this line is in the caller's status.
    pub(super) fn has_status(&self, line: &[u8]) -> bool {
        self.own_file("status").is_some_and(|status| {
            status
                .split(|byte| *byte == b'\n')
                .any(|other| other == line)
        })
    }

    pub(super) fn own_file(&self, file: &str) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        self.proc.read_own(file, &mut text).ok()?;
        Some(text)
    }
}

/// Returns the way in which a user gains capabilities. Root is not told to become root: it was
/// started without the capability.
pub(super) fn gain(uid: u32, needed: CapabilitySet, bounding: CapabilitySet) -> Remedy {
    let lacking = needed - bounding;
    match uid {
        0 if lacking.is_empty() => Remedy::RunWith(needed),
        0 => Remedy::AddToBoundingSet(lacking),
        _ => Remedy::BecomeRoot,
    }
}
