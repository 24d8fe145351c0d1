//! `unshare` as util-linux has it.
//!
//! Its options come to the same request as those of `nsx unshare`, with fewer defaults: nsx mounts,
//! sets up and forks only what is requested.

mod options;
mod request;
mod wording;

use super::{Complaint, Personality, status_of};
use crate::exit::ExitStatus;
use nsx_core::{plan, proc::ProcRoot, run};
use options::Options;
use rustix::{
    fd::{AsFd, AsRawFd},
    process::{Resource, getrlimit},
};
use std::ffi::CStr;

const HELP: &str = include_str!("help.txt");

/// Runs the program.
pub(super) fn run(arguments: &[&CStr]) -> Result<ExitStatus, Complaint> {
    options::read(arguments)?.answer(Personality::Unshare, HELP, |options| unshare(*options))
}

fn unshare(options: Options<'_>) -> Result<ExitStatus, Complaint> {
    // Not every step needs a procfs: without /proc a program can still be run.
    let proc = ProcRoot::system().ok();
    let is_last_descriptor = proc.as_ref().is_some_and(is_last_descriptor);
    let caller = request::caller();
    let request = request::request(options, &caller, proc.as_ref())?;
    let plan =
        plan::unshare::plan(request, &caller).map_err(|error| wording::plan_error(&error))?;
    // Closed, the procfs leaves its descriptor to what nsx opens by a path below /proc.
    let proc = proc.filter(|_| !is_last_descriptor);
    let outcome = run::in_place(&plan, proc.as_ref(), &mut |_| {});
    status_of(outcome, wording::failure)
}

/// Returns whether the caller's limit allows no descriptor above that of the procfs.
fn is_last_descriptor(proc: &ProcRoot) -> bool {
    let next = proc.as_fd().as_raw_fd() + 1;
    let limit = getrlimit(Resource::Nofile).current;
    limit.is_some_and(|limit| u64::try_from(next).is_ok_and(|next| next >= limit))
}
