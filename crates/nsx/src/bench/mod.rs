//! `nsx bench`: the cost of namespaces on this host.
//!
//! [`stage`] is the user namespace in which everything happens, and the process whose end ends all
//! others. An [`actor`] is a process that carries out one [`task`], such as to create namespaces, and
//! tells how long that took. [`measure`] runs actors beside a number of namespaces that are alive,
//! and [`report`] has the results.

mod actor;
mod clock;
mod measure;
mod memory;
mod messages;
mod options;
mod packets;
mod report;
mod stage;
mod task;

pub use options::Options;

use crate::{error::Error, exit::ExitStatus};

/// Runs the measurements that the options request.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (measurement, format, output) = options.measurement()?;
    output.print(measurement.take()?.answer(format)?)
}
