//! The request that the options describe, with the defaults of `nsx unshare` filled in.

use super::{
    changes,
    join::Joined,
    like::Like,
    maps::Maps,
    name,
    oci::{self, Bundle},
    options::Options,
};
use crate::{error::Error, program};
use nsx_core::{
    environment::Environment,
    ns::NsKind,
    plan::{Caller, GroupsDenied, unshare::Request},
    proc::ProcRoot,
};
use nsx_target::enter::Findings;
use std::path::Path;

/// Returns the request that the options describe. Adds to `notes` what the user should know of it.
pub(super) fn request(
    mut options: Options,
    caller: &Caller,
    proc: &ProcRoot,
    notes: &mut Vec<String>,
    findings: &mut Findings,
) -> Result<Request, Error> {
    match options.from_oci.take() {
        Some(file) => from_bundle(&file, options, caller, notes),
        None => from_options(options, caller, proc, notes, findings),
    }
}

fn from_options(
    options: Options,
    caller: &Caller,
    proc: &ProcRoot,
    notes: &mut Vec<String>,
    findings: &mut Findings,
) -> Result<Request, Error> {
    let mut request = Request {
        groups_denied: GroupsDenied::Fail,
        confinement: options.rights.confinement(),
        environment: options.environment.settle(Environment::of_caller())?,
        ..Request::default()
    };
    let joined = options.joins.apply(&mut request, caller, findings)?;
    // An unmapped user is nobody, which is of no use with namespaces of all kinds.
    let map_root = options.kinds.all
        && options.like.is_none()
        && !options.ids.maps_anything()
        && !joined.kinds.contains(NsKind::User);
    let mut like = Like::read(&options, joined.kinds, caller, findings)?;
    options.kinds.apply(&mut request, caller, joined.kinds)?;
    like.apply(&mut request);
    options.clocks.apply(&mut request);
    options.mounts.apply(&mut request)?;
    if options.changes {
        changes::apply(&mut request)?;
    }
    let maps = Maps {
        caller,
        proc,
        notes,
    };
    options.ids.apply(&mut request, map_root, maps)?;
    let links = std::mem::take(&mut like.links);
    if !options.ids.maps_anything() {
        like.apply_maps(&mut request);
    }
    options.setup.apply(&mut request)?;
    let name = options.name.as_ref();
    let record = name.map(name::record).transpose()?;
    let facts = (caller, proc);
    let stays = options
        .network
        .apply(&mut request, links, name, facts, notes)?;
    if options.process.init {
        request.kinds.insert(NsKind::Pid);
    }
    check(&request, &joined)?;
    joined.check(&request)?;
    options.process.apply(&mut request, caller)?;
    if stays {
        options.process.stay(&mut request)?;
    }
    request.fork |= options.changes;
    if !request.fork && request.pins.iter().any(|pin| pin.kind == NsKind::Pid) {
        return usage(
            "with --no-fork nobody is in the new PID namespace, and an empty one cannot be kept in \
            a file; leave it out",
        );
    }
    options.setup.add_views(&mut request, proc)?;
    options.setup.set_directories(&mut request)?;
    match name.zip(record) {
        Some((name, record)) => name::apply(name, record, &mut request),
        None => request.programs = program::programs(options.program)?,
    }
    Ok(request)
}

fn check(request: &Request, joined: &Joined) -> Result<(), Error> {
    if request.kinds.is_empty() && joined.kinds.is_empty() {
        return usage(
            "no namespace is named, so there is nothing to unshare; name some, as in `nsx unshare \
            --net --pid`, or all with -a",
        );
    }
    if request.setgroups.is_some() && !request.kinds.contains(NsKind::User) {
        return usage("--setgroups is about a new user namespace; add --user");
    }
    if request
        .mount_proc
        .as_ref()
        .is_some_and(|at| !at.is_absolute())
    {
        return usage("--mount-proc needs an absolute path");
    }
    Ok(())
}

/// Returns the request of a bundle, with the options that may stand beside it.
fn from_bundle(
    file: &Path,
    options: Options,
    caller: &Caller,
    notes: &mut Vec<String>,
) -> Result<Request, Error> {
    let bundle = oci::read(file, options.program, caller)?;
    if !bundle.left_out.is_empty() {
        notes.push(format!("not carried out: {}", bundle.left_out.join(", ")));
    }
    if bundle.joins(NsKind::Mnt) && !options.mounts.is_empty() {
        return usage(
            "the bundle joins a mount namespace, and mounts made there would be seen by its \
            processes",
        );
    }
    if bundle.joins(NsKind::Uts) && options.setup.hostname.is_some() {
        return usage(
            "the bundle joins a UTS namespace, and --hostname would change the host name of its \
            processes",
        );
    }
    let Bundle {
        mut request,
        last_mounts,
        ..
    } = bundle;
    options.setup.set_hostname(&mut request)?;
    options.mounts.apply(&mut request)?;
    request.mounts.extend(last_mounts);
    if options.process.init && !request.kinds.contains(NsKind::Pid) {
        return usage("--init needs a new PID namespace, and the bundle has none");
    }
    options.process.apply(&mut request, caller)?;
    Ok(request)
}

fn usage<T>(text: &str) -> Result<T, Error> {
    Err(Error::Usage(text.to_owned()))
}
