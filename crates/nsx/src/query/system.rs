//! The system that a query looks at.

use nsx_core::proc::ProcRoot;
use nsx_target::Host;

/// A system: its processes, and the engines that know their containers.
pub(crate) struct System {
    /// The procfs that shows the processes.
    pub(crate) proc: ProcRoot,
    /// The host that the processes run on; `None` if they are not this host's.
    pub(crate) host: Option<Host>,
}
