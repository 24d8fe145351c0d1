//! `nsenter` as util-linux has it.
//!
//! Its options come to the same request as those of `nsx enter`, with fewer defaults: nsx enters
//! only what is named, and the program otherwise is and sees what the caller does. Files are opened
//! in util-linux's order, so that the same failure is reported first.

mod options;
mod request;
mod source;
mod wording;

pub use request::environment;

use super::{Complaint, Personality, status_of};
use crate::exit::ExitStatus;
use nsx_core::{plan, run};
use options::Options;
use source::Source;
use std::ffi::CStr;

const HELP: &str = include_str!("help.txt");

/// Runs the program.
pub(super) fn run(arguments: &[&CStr]) -> Result<ExitStatus, Complaint> {
    options::read(arguments)?.answer(Personality::Nsenter, HELP, |options| nsenter(*options))
}

fn nsenter(mut options: Options<'_>) -> Result<ExitStatus, Complaint> {
    let caller = request::caller();
    let mut source = options.target.take();
    let mut request = request::request(options, &mut source, &caller)?;
    // Files read by a number belong to the pinned process only if /proc counts as the caller does.
    let was_read = source
        .as_ref()
        .is_some_and(|source| source.is_pinned() && source.was_read());
    let (process, proc) = source.map(Source::into_parts).unwrap_or_default();
    request.target = process;
    let plan = plan::enter::plan(request, &caller, proc.as_ref().filter(|_| was_read))
        .map_err(|error| wording::plan_error(&error))?;
    // Kernels that cannot enter by a pidfd enter by a number.
    let proc = proc.filter(|proc| was_read || proc.is_callers());
    let outcome = run::in_place(&plan, proc.as_ref(), &mut |_| {});
    status_of(outcome, wording::failure)
}
