//! The target's cgroups, opened while the caller's mounts can be seen.

use super::findings::Findings;
use crate::{out, program::RequestError};
use nsx_core::{
    cgroup::{self, Membership, Mounts},
    plan::{
        Caller,
        enter::{CgroupFile, TargetProcess},
    },
};

/// Opens those that the caller is not in. Who may not join one stays outside of it, unless that is
/// root, who would be surprised.
pub(super) fn open(
    target: &TargetProcess<'_>,
    caller: &Caller,
    findings: &mut Findings,
) -> Result<Vec<CgroupFile>, RequestError> {
    let failed =
        |error| RequestError::Cgroup("the cgroups of the target".to_owned(), Box::new(error));
    let differing = Membership::differing(target.proc, target.process.pid()).map_err(failed)?;
    if differing.is_empty() {
        findings.checked("its cgroup", "is the one you are in");
        return Ok(Vec::new());
    }
    let mounts = Mounts::read(target.proc).map_err(failed)?;
    let mut opened = Vec::new();
    for place in differing {
        let shown = out::shown(place.path.as_os_str());
        let Some(path) = place.directory(&mounts) else {
            findings.skipped(
                "its cgroup",
                &format!("{shown} is left alone: no mount of yours shows it"),
            );
            continue;
        };
        let file = place.file(&path);
        match cgroup::open_file(&file) {
            Ok(_) if place.is_frozen(&path) => {
                return Err(RequestError::Frozen(out::shown(path.as_os_str())));
            }
            Ok(open) => {
                let directory = place
                    .is_v2()
                    .then(|| cgroup::open_directory(&path).ok())
                    .flatten();
                opened.push(CgroupFile {
                    path: file,
                    file: open,
                    directory,
                });
            }
            Err(errno) if caller.is_privileged() => {
                return Err(RequestError::Cgroup(
                    out::shown(path.as_os_str()),
                    Box::new(errno),
                ));
            }
            Err(errno) => {
                let reason = out::reason(&errno);
                findings.skipped(
                    "its cgroup",
                    &format!("{} is left alone: {reason}", out::shown(path.as_os_str())),
                );
            }
        }
    }
    if !opened.is_empty() {
        let directories: Vec<_> = opened
            .iter()
            .filter_map(|cgroup: &CgroupFile| cgroup.path.parent())
            .collect();
        findings.checked(
            "its cgroup",
            &format!("{} is not frozen", cgroup::together(&directories)),
        );
    }
    Ok(opened)
}
