//! The target's cgroups, opened while the caller's mounts can be seen.

use super::{EnterError, Findings};
use nsx_core::{
    cgroup::{self, Membership, Mounts},
    message,
    plan::{
        Caller,
        enter::{CgroupFile, TargetProcess},
    },
};
use std::path::Path;

/// Opens the cgroups that the caller is not in. An ordinary user who may not join a cgroup stays
/// outside of it. For root that is an error, as root expects to join every cgroup.
pub(super) fn open(
    target: &TargetProcess<'_>,
    caller: &Caller,
    findings: &mut Findings,
) -> Result<Vec<CgroupFile>, EnterError> {
    let memberships =
        Membership::differing(target.proc, target.process.pid()).map_err(EnterError::Cgroups)?;
    if memberships.is_empty() {
        findings.checked("its cgroup", "is the one you are in");
        return Ok(Vec::new());
    }
    let mounts = Mounts::read(target.proc).map_err(EnterError::Cgroups)?;
    let mut opened = Vec::new();
    for membership in memberships {
        let Some(directory) = membership.directory(&mounts) else {
            leave_alone(&membership.path, "no mount of yours shows it", findings);
            continue;
        };
        let path = membership.file(&directory);
        match cgroup::open_file(&path) {
            Ok(_) if membership.is_frozen(&directory) => return Err(EnterError::Frozen(directory)),
            Ok(file) => opened.push(CgroupFile {
                path,
                file: file.into(),
                directory: membership
                    .is_v2()
                    .then(|| cgroup::open_directory(&directory).ok())
                    .flatten()
                    .map(Into::into),
            }),
            Err(source) if caller.is_privileged() => {
                return Err(EnterError::Cgroup {
                    path: directory,
                    source,
                });
            }
            Err(errno) => leave_alone(&directory, &message::reason(&errno), findings),
        }
    }
    let directories: Vec<_> = opened
        .iter()
        .filter_map(|cgroup: &CgroupFile| cgroup.path.parent())
        .collect();
    if !directories.is_empty() {
        findings.checked(
            "its cgroup",
            format!("{} is not frozen", cgroup::together(&directories)),
        );
    }
    Ok(opened)
}

fn leave_alone(cgroup: &Path, reason: &str, findings: &mut Findings) {
    findings.skipped(
        "its cgroup",
        format!("{} is left alone: {reason}", cgroup.display()),
    );
}
