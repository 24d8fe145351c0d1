//! Id maps that the kernel or newuidmap(1) does not write: the privilege that is missing, and why a
//! file does not give it.

use super::{Facts, Refusal};
use crate::{
    idmap::{IdKind, IdMap},
    plan::{Helper, release},
};
use rustix::{io::Errno, thread::CapabilitySet};

impl Facts<'_> {
    pub(super) fn map_refused(&self, ids: IdKind, map: &IdMap) -> Option<Refusal> {
        let maps_root =
            ids == IdKind::User && map.extents().iter().any(|extent| extent.outside() == 0);
        let is_asked_for = release(rustix::system::uname().release().to_bytes()) >= (5, 12);
        if maps_root && is_asked_for && !self.caller.can(CapabilitySet::SETFCAP) {
            return Refusal::new(
                "the map has user 0 of this user namespace in it, which requires CAP_SETFCAP \
                (Linux 5.12), and you lack that",
                "run it with CAP_SETFCAP, in a container with --cap-add SETFCAP; or map others, as \
                with \
                 --map-users 0:100000:65536 --map-groups 0:100000:65536",
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
                "install it, on Debian with the package uidmap, or have PATH name its directory",
            ),
            // What else it says it says itself.
            Errno::PERM if self.has_status(b"NoNewPrivs:\t1") => Refusal::new(
                format!(
                    "no_new_privs is set on this process, so {helper} does not get the privilege \
                    that it has by its file"
                ),
                "run it where that is not set: setpriv, systemd (NoNewPrivileges=) and container \
                engines set it",
            ),
            Errno::PERM => unprivileged(found?),
            _ => None,
        }
    }
}

/// The reason why a file in the place of newuidmap gives no privilege.
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
            format!(
                "as root: chmod u+s {shown}, or setcap {name}+ep {shown}; or install the package \
                uidmap again"
            ),
        ),
        Helper {
            is_nosuid: true, ..
        } => Refusal::new(
            format!(
                "{shown} lies on a mount with the option nosuid, so it does not get the privilege \
                of its file"
            ),
            "have PATH name one that lies elsewhere first, or have the administrator mount that \
            without nosuid",
        ),
        Helper {
            is_in_bounding_set: false,
            ..
        } => Refusal::new(
            format!(
                "{} is not in the bounding set of this process, so {shown} does not get it",
                name.to_uppercase()
            ),
            "run it where it is: setpriv, capsh, systemd and container engines take it out",
        ),
        _ => None,
    }
}
