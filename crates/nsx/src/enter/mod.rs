//! `nsx enter`: a program in a container, or in the namespaces of a process.
//!
//! Two ways. With no kind of namespace named the program runs as the container's engine would have it run, see `alike`;
//! with kinds named only those are joined and the caller's own files and rights stay. What is done in which order is in
//! `nsx_core::plan::enter`.

mod alike;
mod cgroups;
mod config;
mod environment;
mod findings;
mod kinds;
mod options;
mod profile;
mod users;
mod view;

pub use options::Options;

use crate::{
    exit::ExitStatus,
    out,
    program::{self, RequestError},
};
use findings::Findings;
use nsx_core::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    plan::{
        self, Caller, PlanError,
        enter::{Groups, Place, Program, Request, Target},
    },
    proc::ProcRoot,
};
use options::Common;
use users::Directory;

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    let (explain, verbose) = (options.common.explain, options.common.verbose);
    let mut findings = Findings::default();
    let planned = program::caller().and_then(|(caller, proc)| {
        let request = request(&options, &caller, &proc, &mut findings)?;
        let failed = |error| RequestError::Enter(out::shown(options.target()), error);
        let plan = plan::enter::plan(request, &caller, &proc).map_err(failed)?;
        Ok((plan, caller, proc))
    });
    match planned {
        Err(error) => error.into(),
        Ok((plan, ..)) if explain => program::explain(&plan, findings.lines()),
        Ok((plan, caller, proc)) => {
            findings.say(verbose);
            program::carry_out(&plan, &caller, &proc, verbose, None)
        }
    }
}

fn request(
    options: &Options,
    caller: &Caller,
    proc: &ProcRoot,
    findings: &mut Findings,
) -> Result<Request, RequestError> {
    let process = nsx_target::resolve(options.target())?;
    let target = Target { process: &process, proc };
    let failed = |error| RequestError::Enter(out::shown(options.target()), error);
    findings.checked(&format!("process {}", process.pid()), "is alive, and held by a pidfd from now on");

    let named = options.common.kinds.named();
    let wanted = options.common.view.kinds(named, caller);
    let kinds = target.differing(wanted).map_err(failed)?;
    if kinds.is_empty() && named.is_none() {
        return Err(failed(PlanError::NothingToEnter));
    }
    let shared = wanted.difference(kinds);
    let of_both = if shared.is_empty() { String::new() } else { format!("; the {shared} is yours too") };
    let its_own = if kinds.is_empty() { "none is its own".to_owned() } else { format!("its own: {kinds}") };
    findings.checked("its namespaces", &(its_own + &of_both));

    let mut request = match named.is_some() || options.common.view.keeps_files() {
        true => kinds_alone(options, &target, kinds),
        false => alike::request(options, &target, kinds, None, caller, findings),
    }?;
    request.files = options.common.kinds.files()?;
    options.common.view.apply(&mut request, named, &target).map_err(failed)?;
    request.target = Some(process);
    Ok(request)
}

/// A request for namespaces of these kinds and nothing else.
fn kinds_alone(options: &Options, target: &Target<'_>, kinds: NsSet) -> Result<Request, RequestError> {
    let failed = |error| RequestError::Enter(out::shown(options.target()), error);
    let Common { wd, rights, environment, .. } = &options.common;
    let root = kinds.contains(NsKind::Mnt).then(|| target.root()).transpose().map_err(failed)?;
    let (mut uid, mut gid, mut groups) = (None, None, Groups::Keep);
    if kinds.contains(NsKind::User) {
        // There the caller's own id may have no name: the program is its root, as far as that exists.
        let root = |ids| target.id_map(ids).map(|map| map.to_outside(0).map(|_| 0)).map_err(failed);
        (uid, gid) = (root(IdKind::User)?, root(IdKind::Group)?);
        groups = if gid.is_some() { Groups::Drop } else { Groups::Keep };
    }
    let chosen = rights.who(&Directory::of(root.as_ref()))?;
    let mut request = Request {
        kinds,
        uid: chosen.uid.or(uid),
        gid: chosen.gid.or(gid),
        groups: chosen
            .groups
            .map_or(groups, |groups| if groups.is_empty() { Groups::Drop } else { Groups::Are(groups) }),
        environment: environment.settle(None)?,
        program: Program::First(program::programs(options.program.clone())?),
        ..Request::default()
    };
    if let Some(root) = root {
        request.root = Some(Place::Opened(root, None));
        request.directory = Some(Place::Opened(target.directory().map_err(failed)?, None));
    }
    if let Some(directory) = wd {
        request.directory = Some(Place::Inside(directory.clone()));
    }
    Ok(request)
}
