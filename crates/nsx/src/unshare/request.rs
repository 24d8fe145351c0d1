//! The request that the options describe, with the defaults of `nsx unshare` filled in.

use super::{
    oci::{self, Bundle},
    options::Options,
    setup::{BINFMT, Propagation},
};
use crate::{
    out,
    program::{self, RequestError},
    text::escape,
};
use nsx_core::{
    ns::NsKind,
    plan::{self, Caller, GroupsDenied, unshare::Request},
    proc::ProcRoot,
};
use std::path::Path;

/// Returns the request that the options describe, with the defaults of `nsx unshare` filled in.
pub(super) fn request(
    options: Options,
    caller: &Caller,
    proc: &ProcRoot,
) -> Result<Request, RequestError> {
    if let Some(file) = options.from_oci.clone() {
        return bundle(&file, options, caller);
    }
    let Options {
        kinds,
        ids,
        setup,
        mounts,
        process,
        rights,
        environment,
        clocks,
        program,
        ..
    } = options;
    // Nobody wants to be nobody.
    let map_root = kinds.all && !ids.maps_anything();
    let (mut kinds, pins) = kinds.settle(caller)?;
    let clocks = clocks.offsets();
    let mounts = mounts.mounts();
    let ids = ids.settle(map_root, caller, proc)?;
    let (mount_queues, mount_cgroups) = setup.kernel_views(kinds, &mounts, proc)?;
    let mount_binfmt = setup
        .mount_binfmt
        .or(setup.load_interp.as_ref().map(|_| None));
    if ids.users.is_some() || ids.groups.is_some() || ids.owner.is_some() || mount_binfmt.is_some()
    {
        kinds.insert(NsKind::User);
    }
    if setup.hostname.is_some() || setup.domainname.is_some() {
        kinds.insert(NsKind::Uts);
    }
    if !clocks.is_empty() {
        kinds.insert(NsKind::Time);
    }
    if process.init {
        kinds.insert(NsKind::Pid);
    }
    if setup.root.is_some() || setup.mount_proc.is_some() || !mounts.is_empty() {
        kinds.insert(NsKind::Mnt);
    }
    if kinds.is_empty() {
        return usage(
            "no namespace is named, so there is nothing to unshare; name some, as in `nsx unshare \
            --net --pid`, or all \
             with -a",
        );
    }
    if ids.setgroups.is_some() && !kinds.contains(NsKind::User) {
        return usage("--setgroups is about a new user namespace; add --user");
    }
    if setup
        .mount_proc
        .as_ref()
        .is_some_and(|at| !at.is_absolute())
    {
        return usage("--mount-proc needs an absolute path");
    }

    let fork = process.forks(kinds.contains(NsKind::Pid), kinds, caller)?;
    if !fork && pins.iter().any(|pin| pin.kind == NsKind::Pid) {
        return usage(
            "with --no-fork nobody is in the new PID namespace, and an empty one cannot be kept in \
            a file; leave it out",
        );
    }
    let own_proc = kinds.contains(NsKind::Pid) && fork && !setup.no_mount_proc;
    let mount_proc = setup.mount_proc.or(own_proc.then(|| "/proc".into()));
    let mount_sys = kinds.contains(NsKind::Net) && !setup.no_mount_sys;
    let views = mount_sys || mount_queues || !mount_cgroups.is_empty();
    if mount_proc.is_some() || views || mount_binfmt.is_some() {
        kinds.insert(NsKind::Mnt);
    }
    // The root directory that is there already stays, unless a mount covers it. To name it is to
    // start there.
    let stays = setup
        .root
        .as_ref()
        .is_some_and(|root| root.canonicalize().is_ok_and(|root| root == Path::new("/")));
    let root = setup.root.filter(|_| !stays);
    // A mount may hide the directory that the caller stands in: the program stands in what its path
    // means inside.
    let hides_directory = !mounts.is_empty() && root.is_none();
    let directory = match setup.wd {
        wd if stays => Some(Path::new("/").join(wd.unwrap_or_default())),
        wd if !hides_directory => wd,
        Some(wd) => Some(program::directory()?.join(wd)),
        None => Some(program::directory()?),
    };
    Ok(Request {
        kinds,
        users: ids.users,
        groups: ids.groups,
        owner: ids.owner,
        setgroups: ids.setgroups,
        clocks,
        pins,
        propagation: match setup.propagation {
            Propagation::Private => plan::Propagation::Private,
            Propagation::Shared => plan::Propagation::Shared,
            Propagation::Slave => plan::Propagation::Slave,
            Propagation::Unchanged => plan::Propagation::Unchanged,
        },
        fork,
        init: process.init,
        kill_child: process.kill_child(),
        loopback: kinds.contains(NsKind::Net) && !setup.no_lo,
        mounts,
        mount_sys,
        mount_queues,
        mount_cgroups,
        mount_proc,
        mount_binfmt: mount_binfmt.map(|at| at.unwrap_or_else(|| BINFMT.into())),
        interpreter: setup
            .load_interp
            .map(|text| program::c_string(text, "the interpreter"))
            .transpose()?,
        hostname: setup
            .hostname
            .map(|name| program::c_string(name, "the host name"))
            .transpose()?,
        domain_name: setup
            .domainname
            .map(|name| program::c_string(name, "the domain name"))
            .transpose()?,
        root,
        directory,
        uid: ids.uid,
        gid: ids.gid,
        groups_denied: GroupsDenied::Fail,
        confinement: rights.confinement(),
        environment: environment.settle(std::env::vars_os())?,
        programs: program::programs(program)?,
        ..Request::default()
    })
}

/// Returns the request that an OCI bundle and the options beside it describe.
fn bundle(file: &Path, options: Options, caller: &Caller) -> Result<Request, RequestError> {
    let Options {
        setup,
        mounts,
        process,
        program,
        ..
    } = options;
    let bundle = oci::read(file, program, caller)?;
    if !bundle.left_out.is_empty() {
        out::note(&escape(
            format!("not carried out: {}", bundle.left_out.join(", ")).as_bytes(),
        ));
    }
    let mounts = mounts.mounts();
    if bundle.joins(NsKind::Mnt) && !mounts.is_empty() {
        return usage(
            "the bundle joins a mount namespace, and mounts made there would be seen by its \
            processes",
        );
    }
    if bundle.joins(NsKind::Uts) && setup.hostname.is_some() {
        return usage(
            "the bundle joins a UTS namespace, and --hostname would change the host name of its \
            processes",
        );
    }
    let enters_pid = bundle.has(NsKind::Pid);
    let Bundle {
        mut request,
        last_mounts,
        ..
    } = bundle;
    if let Some(name) = setup.hostname {
        request.kinds.insert(NsKind::Uts);
        request.hostname = Some(program::c_string(name, "the host name")?);
    }
    if !mounts.is_empty() {
        request.kinds.insert(NsKind::Mnt);
    }
    request.mounts.extend(mounts);
    request.mounts.extend(last_mounts);
    if process.init && !request.kinds.contains(NsKind::Pid) {
        return usage("--init needs a new PID namespace, and the bundle has none");
    }
    request.fork = process.forks(enters_pid, request.kinds, caller)?;
    request.init = process.init;
    request.kill_child = process.kill_child();
    Ok(request)
}

pub(super) fn usage<T>(text: &str) -> Result<T, RequestError> {
    Err(RequestError::Usage(text.to_owned()))
}
