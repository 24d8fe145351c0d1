//! Pins that cannot be made.

use super::{Facts, Refusal, Remedy};
use crate::{ns::NsKind, plan::Pin, run};
use rustix::{io::Errno, thread::CapabilitySet};

impl Facts<'_> {
    /// Returns the cause of a failure to pin a namespace to a file.
    pub(super) fn pin_refused(&self, pin: &Pin, errno: Errno) -> Option<Refusal> {
        match errno {
            Errno::EXIST => Refusal::new(
                "it holds a namespace already",
                [Remedy::EnterOrRemovePin(pin.at.clone())],
            ),
            Errno::LOOP => Refusal::without_remedy("it is a symbolic link, which is not followed"),
            Errno::NOENT if run::is_missing(None, pin.directory()) => Refusal::new(
                format!("there is no directory {}", pin.directory().display()),
                [Remedy::MakePinDirectory],
            ),
            Errno::NOTDIR if pin.at.is_dir() => Refusal::new(
                "it is a directory, and a namespace is kept in a file",
                [Remedy::NamePinIn(pin.kind, pin.at.clone())],
            ),
            Errno::NOTDIR => {
                Refusal::without_remedy(format!("{} is not a directory", pin.directory().display()))
            }
            Errno::INVAL if pin.kind == NsKind::Mnt && run::keeps_no_mount_namespace(pin) => {
                Refusal::new(
                    "a mount namespace is kept only where mounts are private, and a directory is \
                    not made so if something is mounted in it, or if it is that of ip-netns(8)",
                    [Remedy::NamePinApart],
                )
            }
            Errno::AGAIN => Refusal::new(
                format!(
                    "another process holds the lock on {}",
                    pin.directory().display()
                ),
                [Remedy::FindLockHolder(pin.directory().to_owned())],
            ),
            Errno::PERM if !self.caller.is_privileged() => Refusal::new(
                "a pin is a mount in your own mount namespace, which requires CAP_SYS_ADMIN there",
                [
                    Remedy::RunInOwnMountNamespace,
                    self.gain(CapabilitySet::SYS_ADMIN),
                ],
            ),
            _ => None,
        }
    }
}
