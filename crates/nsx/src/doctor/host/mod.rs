//! The abilities of the caller on this host, and the obstacles.

mod cgroups;
mod engines;
mod ids;
mod kernel;
mod limits;
mod namespaces;
mod security;

pub(super) use engines::SOCKETS;

use super::report::{Area, Report};
use crate::{error::Error, program};
use nsx_core::{plan::Caller, proc::ProcRoot};

/// The facts that all areas share.
struct Facts {
    proc: ProcRoot,
    caller: Caller,
}

/// Examines the host.
pub(super) fn examine() -> Result<Report, Error> {
    let (caller, proc) = program::caller()?;
    let facts = Facts { proc, caller };
    Ok(Report::new(vec![
        Area::new("namespaces", namespaces::findings(&facts)),
        Area::new("limits", limits::findings(&facts)),
        Area::new("ids", ids::findings(&facts)),
        Area::new("security", security::findings(&facts)),
        Area::new("cgroups", cgroups::findings(&facts)),
        Area::new("kernel", kernel::findings(&facts)),
        Area::new("engines", engines::findings()),
    ]))
}
