//! A program of the caller's in namespaces of a process that are named by their kinds.

use super::{Enter, EnterError, accounts::ProgramAccounts, joined::Joined};
use nsx_core::{
    idmap::IdKind,
    ns::NsKind,
    plan::{
        NamespaceFile, PlanError,
        enter::{Directory, Groups, Program, Request, TargetProcess},
    },
};

/// Returns a request for these namespaces and nothing else.
pub(super) fn request(
    enter: Enter,
    target: &TargetProcess<'_>,
    Joined { kinds, files }: Joined,
) -> Result<Request, EnterError> {
    let joins_mounts = kinds.contains(NsKind::Mnt);
    let root = joins_mounts.then(|| target.root()).transpose()?;
    let has_user_file = files
        .iter()
        .map(NamespaceFile::kind)
        .any(|kind| kind == NsKind::User);
    let (mut uid, mut gid, mut groups) = (None, None, Groups::Keep);
    if kinds.contains(NsKind::User) && !has_user_file {
        // In there the caller's own id may have no name.
        (uid, gid) = (
            mapped_root(target, IdKind::User)?,
            mapped_root(target, IdKind::Group)?,
        );
    }
    if has_user_file || gid.is_some() {
        groups = Groups::Drop { required: false };
    }
    let chosen = ProgramAccounts::new(root.as_ref()).chosen(&enter.run_as)?;
    let directory = match &enter.directory {
        Some(directory) => Some(Directory::Inside(directory.clone())),
        None if joins_mounts => Some(Directory::Opened(target.directory()?, None)),
        None => None,
    };
    Ok(Request {
        kinds,
        exactly: true,
        files,
        uid: chosen.uid.or(uid),
        gid: chosen.gid.or(gid),
        root_if_mapped: has_user_file,
        groups: chosen.groups_or(groups),
        environment: enter.environment.settle(None),
        program: Program::First(enter.programs()?),
        root: root.map(|root| Directory::Opened(root, None)),
        directory,
        ..Request::default()
    })
}

/// Returns user or group 0 of the target's user namespace, if it is mapped.
pub(super) fn mapped_root(
    target: &TargetProcess<'_>,
    ids: IdKind,
) -> Result<Option<u32>, PlanError> {
    Ok(target.id_map(ids)?.to_outside(0).map(|_| 0))
}
