//! The terminal that nsx and its program share: which process group has it, see `tcsetpgrp(3)`.

use crate::{pid::Pid, sys::process::Group};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags},
};

/// The controlling terminal. All calls require that SIGTTOU is blocked.
pub(super) struct Terminal(OwnedFd);

impl Terminal {
    /// Opens it, if there is one; to be done before a mount namespace hides `/dev`.
    pub(super) fn open() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, "/dev/tty", flags, Mode::empty())
            .ok()
            .map(Self)
    }

    /// Returns whether `group` has the foreground.
    pub(super) fn is_foreground(&self, group: Group) -> bool {
        Group::in_foreground(&self.0) == Ok(group)
    }

    /// Gives `group` the foreground. A terminal that hung up has none to give.
    pub(super) fn set_foreground(&self, group: Group) {
        let _ = group.set_foreground(&self.0);
    }

    /// Takes the foreground back from the program, which has ended, or from a group of which nobody
    /// is left. Without this a shell that waits for nsx would be stopped when it next reads.
    pub(super) fn take_back(&self, program: Pid) {
        if Group::in_foreground(&self.0)
            .is_ok_and(|group| group.is_led_by(program) || group.is_gone())
        {
            self.set_foreground(Group::own());
        }
    }
}
