//! Steps about what the program sees: mounts, root directory, host name, loopback device.

use super::Request;
use crate::{
    ns::NsKind,
    plan::{Actor, Mount, Plan, PlanError, Propagation, Step, Task},
};
use std::{ffi::CString, path::Path};

/// The most bytes of a host name, see `sethostname(2)`.
const HOST_NAME_MAX: usize = 64;

pub(super) fn push_mounts_and_names(plan: &mut Plan, request: &Request) -> Result<(), PlanError> {
    let private = matches!(request.propagation, Propagation::Private | Propagation::Slave);
    if request.kinds.contains(NsKind::Mnt) && request.propagation != Propagation::Unchanged {
        let everywhere = Step::Propagate { at: "/".into(), propagation: request.propagation };
        plan.push(Actor::Inside, everywhere);
    }
    if request.loopback {
        plan.push(Actor::Inside, Step::LoopbackUp);
    }
    if let Some(name) = &request.hostname {
        let bytes = name.as_bytes().len();
        if bytes > HOST_NAME_MAX {
            return Err(PlanError::HostnameTooLong(bytes));
        }
        plan.push(Actor::Inside, Step::SetHostname(name.clone()));
    }
    if let Some(name) = &request.domain_name {
        plan.push(Actor::Inside, Step::SetDomainName(name.clone()));
    }
    push_chroot(plan, request);
    if let Some(root) = &request.root {
        if !private {
            return Err(PlanError::RootPropagation);
        }
        plan.push(Actor::Inside, Step::BindRoot(root.clone()));
    }
    push_mounts(plan, request, private)?;
    // What is mounted where mounts are shared would be seen outside: the place is cut off first. util-linux does so for slaves
    // too, which pass nothing on.
    let cut_off = |plan: &mut Plan, at: &Path| {
        let like_slaves = request.mounts_may_leak && request.propagation == Propagation::Slave;
        if (!private || like_slaves) && request.chroot.is_none() {
            let step = Step::Propagate { at: at.to_owned(), propagation: Propagation::Private };
            plan.0.push(Task { actor: Actor::Inside, step, optional: request.mounts_may_leak });
        }
    };
    if request.mount_sys {
        cut_off(plan, Path::new("/sys"));
        plan.push_optional(Actor::Inside, Step::MountSys { root: request.root.clone() });
    }
    if let Some(at) = &request.mount_proc {
        cut_off(plan, at);
        plan.push(Actor::Inside, Step::MountProc { root: request.root.clone(), at: at.clone() });
    }
    if let Some(root) = &request.root {
        plan.push(Actor::Inside, Step::PivotRoot(root.clone()));
    }
    if let Some(at) = &request.mount_binfmt {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        if let Some(interpreter) = request.interpreter.clone().filter(|_| !registers_outside(request)) {
            plan.push(Actor::Inside, Step::RegisterBinfmt { at: at.clone(), interpreter });
        }
    }
    if let Some(directory) = &request.directory {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
    Ok(())
}

fn push_mounts(plan: &mut Plan, request: &Request, private: bool) -> Result<(), PlanError> {
    if !request.mounts.is_empty() && !private {
        return Err(PlanError::MountPropagation);
    }
    if request.root.is_none() && request.mounts.iter().any(|mount| mount.at == Path::new("/")) {
        return Err(PlanError::MountOnRoot);
    }
    for source in request.mounts.iter().flat_map(Mount::sources) {
        plan.push(Actor::Inside, Step::OpenSource(source));
    }
    for mount in &request.mounts {
        plan.push(Actor::Inside, Step::Mount { root: request.root.clone(), mount: mount.clone() });
    }
    Ok(())
}

fn push_chroot(plan: &mut Plan, request: &Request) {
    if let (Some(at), Some(interpreter), true) =
        (&request.mount_binfmt, request.interpreter.clone(), registers_outside(request))
    {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        plan.push(Actor::Inside, Step::RegisterBinfmt { at: at.clone(), interpreter });
    }
    if let Some(root) = &request.chroot {
        plan.push(Actor::Inside, Step::Chroot(root.clone()));
    }
    if let Some(directory) = &request.mount_from {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
}

/// Whether the interpreter is one that is opened when it is registered, in the old root: the `F` of `:`-separated fields,
/// whatever the separator is.
fn registers_outside(request: &Request) -> bool {
    let fields = |text: &CString| {
        let text = text.as_bytes();
        let separator = text.first()?;
        text.split(|byte| byte == separator).nth(7).map(|flags| flags.contains(&b'F'))
    };
    let new_root = request.chroot.is_some() || request.root.is_some();
    new_root && request.interpreter.as_ref().and_then(fields).unwrap_or(false)
}
