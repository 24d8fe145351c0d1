//! The system that a query looks at.

use nsx_core::proc::ProcRoot;
use nsx_target::Host;

/// The processes that are looked at, and their containers.
pub(crate) struct Sight {
    /// The processes.
    pub(crate) proc: ProcRoot,
    /// Their containers; none where the processes are not this host's.
    pub(crate) host: Option<Host>,
}
