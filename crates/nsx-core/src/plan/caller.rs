//! The facts about the calling process that a plan depends on, as a value: tests make up callers.

use crate::{
    ns::NsSet,
    proc::{ProcError, ProcRoot, decimal},
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
    /// `true` if an exec takes a process into the time namespace that the process has created, as
    /// since Linux 6.3. Before 6.3, only a fork does, and the program of a process that does not
    /// fork stays outside (time_namespaces(7)).
    pub exec_enters_time: bool,
}

impl Caller {
    /// Reads them.
    ///
    /// # Errors
    /// [`ProcError`] if `proc` is not readable.
    pub fn read(proc: &ProcRoot) -> Result<Self, ProcError> {
        Ok(Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            capabilities: rustix::thread::capabilities(None)?.effective,
            kinds: proc.kinds()?,
            exec_enters_time: release(rustix::system::uname().release().to_bytes()) >= (6, 3),
        })
    }

    /// Returns whether the caller may create any namespace without a user namespace of its own.
    pub fn is_privileged(&self) -> bool {
        self.can(CapabilitySet::SYS_ADMIN)
    }

    /// Returns whether the caller has this capability.
    pub fn can(&self, capability: CapabilitySet) -> bool {
        self.capabilities.contains(capability)
    }
}

/// Returns the first two numbers of a kernel release, as in `6.1.0-50-cloud-amd64`; what is not a
/// number counts as 0.
pub(crate) fn release(text: &[u8]) -> (u64, u64) {
    let mut numbers = text
        .split(|byte| !byte.is_ascii_digit())
        .map(|word| decimal(word).unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn a_release_begins_with_two_numbers() {
        assert_eq!(release(b"6.1.0-50-cloud-amd64"), (6, 1));
        assert_eq!(release(b"6.12.117+deb12-cloud-amd64"), (6, 12));
        assert_eq!(release(b"5.4.0-rc1+"), (5, 4));
        assert_eq!(release(b"7.0-rc1"), (7, 0));
        assert_eq!(release(b"10-x"), (10, 0));
        assert_eq!(release(b""), (0, 0));
    }
}
