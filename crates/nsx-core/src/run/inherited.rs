//! The signal settings that a process inherited from its caller.

use crate::{
    plan::Signals,
    sys::signal::{DefaultEffect, Disposition, Mask, Signal, default_effect},
};
use rustix::io::Errno;

/// The signal settings of the caller, which the program must get.
pub(super) struct Inherited {
    mask: Mask,
    child_ended: Disposition,
}

impl Inherited {
    /// Holds signals back, and has the status of children kept, which an ignored SIGCHLD would
    /// throw away.
    pub(super) fn take(rule: Signals) -> Result<Self, Errno> {
        let mask = match rule {
            Signals::PassOn => Mask::block_all()?,
            Signals::PassOnEnding | Signals::HoldBackEnding => Mask::block(&ENDING)?,
        };
        Ok(Self {
            mask,
            child_ended: Disposition::default_for(libc::SIGCHLD)?,
        })
    }

    /// Returns the signals that end a process that has set nothing for them, but for those that the caller
    /// holds back.
    pub(super) fn ending(&self) -> Vec<Signal> {
        // The C library keeps those between for itself.
        let all = (1..32).chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        all.filter(|signal| self.may_end(*signal)).collect()
    }

    /// Returns whether a signal would end the program if it had set nothing for it.
    pub(super) fn ends(&self, signal: Signal) -> bool {
        self.may_end(signal) && !Disposition::ignores(signal)
    }

    fn may_end(&self, signal: Signal) -> bool {
        default_effect(signal) == DefaultEffect::End && !self.mask.holds_back(signal)
    }

    /// Sets what the caller had set.
    pub(super) fn restore(&self) -> Result<(), Errno> {
        if !self.child_ended.is_default() {
            self.child_ended.restore(libc::SIGCHLD)?;
        }
        self.mask.restore()
    }
}

/// The signals that nsx holds back when other signals act on nsx itself; by the last, nsx learns of
/// the program's end.
pub(super) const ENDING: [Signal; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD];
