//! Steps about what the program sees: mounts, root directory, host name, loopback device.

use super::Request;
use crate::{
    ns::NsKind,
    plan::{
        ABOVE_ROOT, Actor, Contents, Mount, Plan, PlanError, PlannedStep, Propagation, Step, Upper,
    },
};
use std::{
    ffi::{CStr, CString},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The most bytes of a host or domain name, see `sethostname(2)`.
const NAME_MAX: usize = 64;

pub(super) fn push_mounts_and_names(plan: &mut Plan, request: &Request) -> Result<(), PlanError> {
    let private = matches!(
        request.propagation,
        Propagation::Private | Propagation::Slave
    );
    // What is held before all mounts are cut off is not cut off itself.
    if request.binds_stay_shared {
        push_sources(plan, request);
    }
    if request.kinds.contains(NsKind::Mnt) && request.propagation != Propagation::Unchanged {
        let everywhere = Step::Propagate {
            at: "/".into(),
            propagation: request.propagation,
        };
        plan.push(Actor::Inside, everywhere);
    }
    if request.loopback {
        plan.push(Actor::Inside, Step::LoopbackUp);
    }
    for link in &request.network.links {
        plan.push(Actor::Inside, Step::SetUpLink(link.clone()));
    }
    if let Some(name) = &request.hostname {
        check_length("host name", name)?;
        plan.push(Actor::Inside, Step::SetHostname(name.clone()));
    }
    if let Some(name) = &request.domain_name {
        check_length("domain name", name)?;
        plan.push(Actor::Inside, Step::SetDomainName(name.clone()));
    }
    push_chroot(plan, request);
    if request.root.is_some() && !private {
        return Err(PlanError::RootPropagation);
    }
    if let Some(root) = &request.root {
        plan.push(Actor::Inside, Step::BindRoot(root.clone()));
    }
    let root = root(request);
    push_mounts(plan, request, root.as_ref(), private)?;
    // A new mount would be seen outside if mounts are shared, so the mount point is cut off first.
    // util-linux does so for slaves too, which pass nothing on.
    let cut_off = |plan: &mut Plan, at: &Path| {
        let like_slaves = request.mounts_may_leak && request.propagation == Propagation::Slave;
        if (!private || like_slaves) && request.chroot.is_none() {
            let step = Step::Propagate {
                at: at.to_owned(),
                propagation: Propagation::Private,
            };
            plan.0.push(PlannedStep::new(
                Actor::Inside,
                step,
                request.mounts_may_leak,
            ));
        }
    };
    if request.mount_sys {
        cut_off(plan, Path::new("/sys"));
        plan.push_optional(Actor::Inside, Step::MountSys { root: root.clone() });
    }
    if request.mount_queues {
        plan.push_optional(Actor::Inside, Step::MountQueues { root: root.clone() });
    }
    if !request.mount_cgroups.is_empty() {
        let hierarchies = request.mount_cgroups.clone();
        plan.push_optional(
            Actor::Inside,
            Step::MountCgroups {
                root: root.clone(),
                hierarchies,
            },
        );
    }
    if let Some(at) = &request.mount_proc {
        cut_off(plan, at);
        plan.push(
            Actor::Inside,
            Step::MountProc {
                root: root.clone(),
                at: at.clone(),
            },
        );
    }
    if let Some(root) = root {
        plan.push(Actor::Inside, Step::PivotRoot(root));
    }
    if let Some(at) = &request.mount_binfmt {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        if let Some(interpreter) = request
            .interpreter
            .clone()
            .filter(|_| !registers_outside(request))
        {
            plan.push(
                Actor::Inside,
                Step::RegisterBinfmt {
                    at: at.clone(),
                    interpreter,
                },
            );
        }
    }
    if let Some(directory) = &request.directory {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
    Ok(())
}

/// Returns the new root directory: the one that is named, or else what is mounted on `/`, which
/// becomes the root like any other.
fn root(request: &Request) -> Option<PathBuf> {
    let covered = request
        .mounts
        .iter()
        .any(|mount| mount.at == Path::new("/"));
    request
        .root
        .clone()
        .or_else(|| covered.then(|| ABOVE_ROOT.into()))
}

fn check_length(what: &'static str, name: &CStr) -> Result<(), PlanError> {
    let bytes = name.to_bytes().len();
    if bytes > NAME_MAX {
        Err(PlanError::NameTooLong(what, bytes))
    } else {
        Ok(())
    }
}

fn push_sources(plan: &mut Plan, request: &Request) {
    for source in request.mounts.iter().flat_map(Mount::sources) {
        plan.push(Actor::Inside, Step::OpenSource(source));
    }
}

/// Opens the layers of overlays whose changes are kept or listed, in nsx, which stays.
pub(super) fn push_held_overlays(plan: &mut Plan, request: &Request) {
    for mount in &request.mounts {
        if let Contents::Overlay { upper, .. } = &mount.contents
            && *upper != Upper::Lost
        {
            let hold = Step::HoldOverlay {
                mount: mount.clone(),
                layers: OnceLock::new(),
            };
            plan.push(Actor::Nsx, hold);
        }
    }
}

fn push_mounts(
    plan: &mut Plan,
    request: &Request,
    root: Option<&PathBuf>,
    private: bool,
) -> Result<(), PlanError> {
    if !request.mounts.is_empty() && !private {
        return Err(PlanError::MountPropagation);
    }
    if !request.binds_stay_shared {
        push_sources(plan, request);
    }
    for mount in &request.mounts {
        let makes_place = request.makes_mount_points;
        plan.push(
            Actor::Inside,
            Step::Mount {
                root: root.cloned(),
                mount: mount.clone(),
                makes_place,
            },
        );
    }
    Ok(())
}

fn push_chroot(plan: &mut Plan, request: &Request) {
    if let (Some(at), Some(interpreter), true) = (
        &request.mount_binfmt,
        request.interpreter.clone(),
        registers_outside(request),
    ) {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        plan.push(
            Actor::Inside,
            Step::RegisterBinfmt {
                at: at.clone(),
                interpreter,
            },
        );
    }
    if let Some(root) = &request.chroot {
        plan.push(Actor::Inside, Step::Chroot(root.clone()));
    }
    if let Some(directory) = &request.mount_from {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
}

/// Returns whether the interpreter is opened when it is registered, in the old root: it has the
/// flag `F` among its fields, which `:` or any other separator divides.
fn registers_outside(request: &Request) -> bool {
    let fields = |text: &CString| {
        let text = text.as_bytes();
        let separator = text.first()?;
        text.split(|byte| byte == separator)
            .nth(7)
            .map(|flags| flags.contains(&b'F'))
    };
    let new_root = request.chroot.is_some() || request.root.is_some();
    new_root
        && request
            .interpreter
            .as_ref()
            .and_then(fields)
            .unwrap_or(false)
}
