//! Id maps that the kernel or newuidmap(1) does not write: the privilege that is missing, and the
//! reason why a file does not give it.

use super::{Facts, Refusal, Remedy};
use crate::{
    idmap::{IdKind, IdMap},
    plan::{Helper, release},
};
use rustix::{io::Errno, thread::CapabilitySet};

impl Facts<'_> {
    pub(super) fn map_refused(&self, ids: IdKind, map: &IdMap) -> Option<Refusal> {
        let maps_root =
            ids == IdKind::User && map.extents().iter().any(|extent| extent.outside() == 0);
        let is_required = release(rustix::system::uname().release().to_bytes()) >= (5, 12);
        if maps_root && is_required && !self.caller.can(CapabilitySet::SETFCAP) {
            return Refusal::new(
                "the map has user 0 of this user namespace in it, which requires CAP_SETFCAP \
                (Linux 5.12), and you lack that",
                // The bounding set cannot be read any more: in the new user namespace it is whole.
                [
                    Remedy::AddToBoundingSet(CapabilitySet::SETFCAP),
                    Remedy::MapOtherIds,
                ],
            );
        }
        self.apparmor()
    }

    pub(super) fn helper_refused(
        &self,
        ids: IdKind,
        found: Option<&Helper>,
        errno: Errno,
    ) -> Option<Refusal> {
        let helper = ids.helper();
        match errno {
            Errno::NOENT => Refusal::new(
                format!(
                    "there is no {helper} in PATH, and it takes that to map ranges without \
                    privilege"
                ),
                [Remedy::InstallIdMapHelper],
            ),
            // What else it says it says itself.
            Errno::PERM if self.has_status(b"NoNewPrivs:\t1") => Refusal::new(
                format!(
                    "no_new_privs is set on this process, so {helper} does not get the privilege \
                    that it has by its file"
                ),
                [Remedy::RunWithoutNoNewPrivs],
            ),
            Errno::PERM => unprivileged(found?),
            _ => None,
        }
    }
}

/// Returns the reason why a file that is called newuidmap gives no privilege.
fn unprivileged(helper: &Helper) -> Option<Refusal> {
    let shown = helper.file.display();
    let name = if helper.needed == CapabilitySet::SETUID {
        "cap_setuid"
    } else {
        "cap_setgid"
    };
    match helper {
        Helper {
            is_privileged: false,
            ..
        } => Refusal::new(
            format!("{shown} is neither set-user-ID root nor has the file capability {name}"),
            [Remedy::PrivilegeIdMapHelper {
                file: helper.file.clone(),
                capability: helper.needed,
            }],
        ),
        Helper {
            is_nosuid: true, ..
        } => Refusal::new(
            format!(
                "{shown} lies on a mount with the option nosuid, so it does not get the privilege \
                of its file"
            ),
            [Remedy::MoveIdMapHelper],
        ),
        Helper {
            is_in_bounding_set: false,
            ..
        } => Refusal::new(
            format!(
                "{} is not in the bounding set of this process, so {shown} does not get it",
                name.to_uppercase()
            ),
            [Remedy::KeepInBoundingSet(helper.needed)],
        ),
        _ => None,
    }
}
