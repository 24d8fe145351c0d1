//! What a plan must know of the process that calls, as a value: tests make up callers.

use crate::{
    ns::NsSet,
    proc::{ProcError, ProcRoot},
};
use rustix::thread::CapabilitySet;

/// Facts about the calling process.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Effective user id, in the caller's own user namespace.
    pub uid: u32,
    /// Effective group id, likewise.
    pub gid: u32,
    /// Effective capabilities, which hold over the caller's own user namespace.
    pub capabilities: CapabilitySet,
    /// The kinds of namespace that the running kernel has.
    pub kinds: NsSet,
}

impl Caller {
    /// Reads them.
    ///
    /// # Errors
    /// [`ProcError`] where `proc` is not readable.
    pub fn read(proc: &ProcRoot) -> Result<Self, ProcError> {
        Ok(Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            capabilities: rustix::thread::capabilities(None)?.effective,
            kinds: proc.kinds()?,
        })
    }

    /// Whether the caller may create any namespace without a user namespace of its own.
    pub fn is_privileged(&self) -> bool {
        self.can(CapabilitySet::SYS_ADMIN)
    }

    /// Whether the caller has this capability.
    pub fn can(&self, capability: CapabilitySet) -> bool {
        self.capabilities.contains(capability)
    }
}
