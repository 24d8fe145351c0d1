//! `nsx unshare`: a program in new namespaces.
//!
//! [`Options`] is what was typed; [`request`] fills in the friendly defaults. How a request becomes
//! a plan is in `nsx_core::plan::unshare`.

mod clocks;
mod ids;
mod kinds;
mod mounts;
pub(crate) mod oci;
mod options;
mod process;
mod request;
mod rights;
mod setup;

pub(crate) use clocks::offsets as clock_offsets;
pub use oci::requested as bundle_request;
pub use options::Options;

use crate::{
    exit::ExitStatus,
    out,
    program::{self, Report, RequestError},
    status::StatusFd,
};
use nsx_core::plan;

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    let (explain, verbose) = (options.explain, options.verbose);
    let status = match options
        .process
        .status_fd
        .map(|number| (number, StatusFd::take(number)))
    {
        None => None,
        Some((_, Ok(status))) => Some(status),
        Some((number, Err(errno))) => {
            return out::report(&RequestError::StatusFd(number, errno), ExitStatus::NOT_RUN);
        }
    };
    let planned = program::caller().and_then(|(caller, proc)| {
        let request = request::request(options, &caller, &proc)?;
        Ok((plan::unshare::plan(request, &caller)?, caller, proc))
    });
    match planned {
        Err(error) => {
            status.inspect(|status| status.refused(&out::chain(&error)));
            out::report(&error, ExitStatus::NOT_RUN)
        }
        Ok((plan, ..)) if explain => program::explain(&plan, std::iter::empty()),
        Ok((plan, caller, proc)) => {
            let report = Report {
                verbose,
                status: status.as_ref(),
                not_found: None,
            };
            program::carry_out(&plan, &caller, &proc, &report)
        }
    }
}
