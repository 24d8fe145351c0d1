//! The facts about the caller that several refusals need.

use super::{Facts, Refusal, Remedy};
use crate::{
    delegate,
    idmap::{IdKind, IdMap},
    ns::{Namespace, NsKind},
    proc::{Mount, NsLink},
};
use rustix::{
    fd::AsFd,
    fs::{AtFlags, CWD, StatxFlags},
    io::Errno,
    thread::CapabilitySet,
};

impl Facts<'_> {
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

    /// Returns whether the caller is in a chroot: its root directory is not that of its mount
    /// namespace. None if that is a mount point, and the caller lacks the capabilities to find out.
    pub(super) fn is_chrooted(&self) -> Option<bool> {
        let has_root = |mounts: Vec<Mount>| mounts.iter().any(|mount| mount.point == b"/");
        if !self.own_mounts().is_none_or(has_root) {
            return Some(true);
        }
        let own = self.proc.open_own_ns(NsLink::Own(NsKind::Mnt)).ok()?;
        let outcome = delegate::act(|| match differs_from_root_of(&own) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Errno::XDEV),
            Err(_) => Err(Errno::IO),
        });
        match outcome {
            Ok(Ok(())) => Some(false),
            Ok(Err(Errno::XDEV)) => Some(true),
            _ => None,
        }
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
        self.proc.read_own(file).ok()
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

/// Joins a mount namespace, which leads to the root directory of that, and returns whether the root
/// directory was another before.
fn differs_from_root_of(ns: &Namespace) -> Result<bool, Errno> {
    let before = mount_of_root()?;
    rustix::thread::move_into_link_name_space(ns.as_fd(), None)?;
    Ok(before != mount_of_root()?)
}

/// Returns the mount of the root directory (5.8), and its inode number.
fn mount_of_root() -> Result<(u64, u64), Errno> {
    let mask = StatxFlags::MNT_ID | StatxFlags::INO;
    let stat = rustix::fs::statx(CWD, c"/", AtFlags::empty(), mask)?;
    Ok((stat.stx_mnt_id, stat.stx_ino))
}
