//! `nsx unshare`: a program in new namespaces.
//!
//! [`Options`] is what was typed; [`request`] fills in the friendly defaults. How a request becomes
//! a plan is in `nsx_core::plan::unshare`.

mod changes;
mod clocks;
mod ids;
mod join;
mod kinds;
mod like;
mod limit;
mod maps;
mod mounts;
mod name;
mod network;
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
    enter::notes,
    error::Error,
    execution::{self, Report},
    exit::ExitStatus,
    links::hosts,
    out, program,
    status::StatusFd,
};
use limit::Cgroup;
use nsx_core::{own_cgroup::Limits, plan};
use nsx_target::enter::Findings;

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let status = options.process.status_fd.map(StatusFd::take).transpose()?;
    let outcome = unshare(options, status.as_ref());
    if let (Err(error), Some(status)) = (&outcome, &status) {
        status.failed(error);
    }
    outcome
}

fn unshare(options: Options, status: Option<&StatusFd>) -> Result<ExitStatus, Error> {
    let (explain, verbose, changes) = (options.explain, options.verbose, options.changes);
    // Before anything is looked up: sealing starts nsx over.
    if options.joins.joins_mounts() && !explain {
        nsx_core::run::seal_early();
    }
    let set = options.name.clone();
    let set = set.map(|name| (name, options.program.clone()));
    let (caller, proc) = program::caller()?;
    let (mut notes, mut findings) = (Vec::new(), Findings::default());
    let limits = options.limits.limits();
    let mut request = request::request(options, &caller, &proc, &mut notes, &mut findings)?;
    request.fork |= limits != Limits::default();
    // A plan that is only printed makes nothing.
    let limits = if explain { Limits::default() } else { limits };
    let set_name = set.as_ref().map(|(name, _)| name);
    let cgroup = Cgroup::make(limits, set_name, &mut request, &proc)?;
    let record = request.keep.clone();
    let plan = plan::unshare::plan(request, &caller)?;
    for note in notes {
        out::note(&note);
    }
    if explain {
        return execution::explain(&plan, notes::lines(&findings));
    }
    notes::print(&findings, verbose);
    if let (Some((name, program)), Some(record)) = (set, record) {
        let named = |error| Error::failed("bring the names of sets up to date", error);
        hosts::prepare(&record).map_err(named)?;
        let kept = execution::keep(&plan, &caller, &proc, verbose);
        hosts::update(&record.path, &record.lines.join("\n")).map_err(named)?;
        kept?;
        cgroup.keep();
        return if program.is_empty() {
            Ok(ExitStatus::SUCCESS)
        } else {
            Err(name::enter(&name, &program))
        };
    }
    let report = Report {
        verbose,
        status,
        not_found: None,
    };
    let ended = execution::carry_out(&plan, &caller, &proc, &report)?;
    drop(cgroup);
    if changes {
        changes::print(&plan)?;
    }
    Ok(ended)
}
