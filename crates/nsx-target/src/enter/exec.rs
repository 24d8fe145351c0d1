//! A program like the target's own, as `docker exec` would run it.

use super::{
    Enter, EnterError, Findings, Keep, accounts::ProgramAccounts, arguments_of_shells, cgroups,
    context::Context, environment::TargetEnvironment, joined::Joined, kinds::mapped_root,
    profile::Profile,
};
use nsx_core::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    plan::{
        Caller, Confinement, PlanError,
        enter::{Directory, Groups, Program, Request, TargetProcess},
    },
};
use std::path::PathBuf;

/// Returns the request for a program that has what the target's programs have.
pub(super) fn request(
    enter: Enter,
    context: Context<'_>,
    Joined { kinds, files }: Joined,
    findings: &mut Findings,
) -> Result<Request, EnterError> {
    let Context { target, caller, .. } = context;
    let keep = enter.keep;
    let mut profile = Profile::read(context, kinds, findings)?;
    let joins_mounts = kinds.contains(NsKind::Mnt);
    let root = joins_mounts.then(|| target.root()).transpose()?;
    let accounts = ProgramAccounts::new(root.as_ref());
    let chosen = accounts.chosen(&enter.run_as)?;
    let drops_groups = chosen.groups.as_ref().is_some_and(Vec::is_empty);
    let default = DefaultIds::of(&profile, keep, &target, kinds)?;
    let uid = chosen.uid.or(default.uid);
    let gid = chosen.gid.or(default.gid);
    let groups = chosen.groups.unwrap_or(default.groups);
    check_mapped(&target, kinds, uid, gid)?;

    let joins_user = kinds.contains(NsKind::User);
    let user = uid.or_else(|| (!joins_user).then_some(caller.uid));
    let group = gid.or_else(|| (!joins_user).then_some(caller.gid));
    // The variables of a process are written by its user: as another user, the program would load
    // what LD_PRELOAD names. User 0 can take any group of the target's user namespace.
    let is_another = user != profile.uid || group != profile.gid && profile.uid != Some(0);
    if !profile.is_configured && is_another && !profile.environment.is_empty() {
        findings.skipped(
            "its environment",
            "is left out: the program has another user or group than the process",
        );
        profile.environment.clear();
    }
    let programs = if enter.program.is_empty() && joins_mounts {
        arguments_of_shells(accounts.shells(user.unwrap_or_default()))?
    } else {
        enter.programs()?
    };
    let cgroups = if keep.cgroup {
        Vec::new()
    } else {
        cgroups::open(&target, caller, findings)?
    };
    let directory = match enter.directory {
        Some(directory) => Some(Directory::Inside(directory)),
        None if joins_mounts => Some(working_directory(&target, profile.directory, findings)?),
        None => None,
    };
    let groups = match drops_groups {
        true => Groups::Drop { required: true },
        false => settle_groups(groups, gid, &target, kinds, findings),
    };
    // The kernel takes the capabilities of a process that changes from user 0 to another user, and
    // at the exec those of any process that is not user 0.
    let loses_capabilities = uid.filter(|uid| *uid != 0 && (joins_user || *uid != caller.uid));
    let confinement = confine(
        profile.confinement,
        keep,
        caller,
        loses_capabilities,
        findings,
    );
    let environment = joins_mounts.then_some(TargetEnvironment {
        variables: profile.environment,
        accounts: &accounts,
        user,
    });
    let environment = enter.environment.settle(environment);
    Ok(Request {
        kinds,
        exactly: true,
        files,
        directory,
        uid,
        gid,
        groups,
        cgroups,
        confinement,
        environment,
        program: Program::First(programs),
        root: root.map(|root| Directory::Opened(root, None)),
        ..Request::default()
    })
}

/// The ids of a program for which none are chosen.
struct DefaultIds {
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Vec<u32>,
}

impl DefaultIds {
    /// Returns the ids of the profile. A program that keeps the caller's privileges keeps the
    /// caller's user too, or is root of the user namespace that is joined.
    fn of(
        profile: &Profile,
        keep: Keep,
        target: &TargetProcess<'_>,
        kinds: NsSet,
    ) -> Result<Self, PlanError> {
        let (uid, gid) = if !keep.privileges {
            (profile.uid, profile.gid)
        } else if kinds.contains(NsKind::User) {
            (
                mapped_root(target, IdKind::User)?,
                mapped_root(target, IdKind::Group)?,
            )
        } else {
            (None, None)
        };
        let groups = match keep.privileges {
            true => Vec::new(),
            false => profile.groups.clone(),
        };
        Ok(Self { uid, gid, groups })
    }
}

/// Checks that the user namespace that is joined maps the program's ids.
fn check_mapped(
    target: &TargetProcess<'_>,
    kinds: NsSet,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), EnterError> {
    if !kinds.contains(NsKind::User) {
        return Ok(());
    }
    for (ids, id) in [(IdKind::User, uid), (IdKind::Group, gid)] {
        if let Some(id) = id
            && target.id_map(ids)?.to_outside(id).is_none()
        {
            return Err(EnterError::NotMapped { ids, id });
        }
    }
    Ok(())
}

/// Returns the working directory: the configured one, or that of the target's process.
fn working_directory(
    target: &TargetProcess<'_>,
    configured: Option<PathBuf>,
    findings: &mut Findings,
) -> Result<Directory, PlanError> {
    if let Some(configured) = configured {
        return Ok(Directory::InsideOrRoot(configured));
    }
    let directory = target.directory()?;
    if rustix::fs::fstat(&directory).is_ok_and(|it| it.st_nlink == 0) {
        findings.note(
            "its working directory",
            "is removed; the program starts in /",
        );
        return Ok(Directory::InsideOrRoot("/".into()));
    }
    Ok(Directory::Opened(directory, None))
}

/// Returns the supplementary groups. A user namespace may deny setting them.
fn settle_groups(
    groups: Vec<u32>,
    gid: Option<u32>,
    target: &TargetProcess<'_>,
    kinds: NsSet,
    findings: &mut Findings,
) -> Groups {
    let is_denied = kinds.contains(NsKind::User) && !target.may_set_groups().unwrap_or(true);
    if gid.is_none() {
        return Groups::Keep;
    }
    if is_denied && !groups.is_empty() {
        findings.skipped(
            "its supplementary groups",
            "are left alone: its user namespace denies setgroups",
        );
    }
    if is_denied || groups.is_empty() {
        Groups::Drop { required: false }
    } else {
        Groups::Are(groups)
    }
}

/// Returns the target's confinement without what the program keeps from the caller.
/// `loses_capabilities` is the program's user if the kernel takes the program's capabilities.
fn confine(
    mut confinement: Confinement,
    keep: Keep,
    caller: &Caller,
    loses_capabilities: Option<u32>,
    findings: &mut Findings,
) -> Confinement {
    if keep.privileges {
        let with = match loses_capabilities {
            Some(uid) => format!("as user {uid}, who has no capabilities,"),
            None => "with your capabilities".to_owned(),
        };
        findings.note(
            "the program",
            format!("runs unconfined, {with} and without the target's filters and label"),
        );
    }
    if keep.privileges || keep.capabilities {
        confinement.bounding = None;
        confinement.capabilities = None;
        confinement.no_new_privs = false;
    }
    if keep.privileges || keep.label {
        confinement.label = None;
    }
    if keep.privileges || keep.filters {
        confinement.seccomp = false;
    }
    if keep.limits {
        confinement.limits.clear();
        confinement.oom_score = None;
    }
    if confinement.seccomp && !caller.is_privileged() {
        findings.note(
            "its seccomp filters",
            "are not on the program: only root may read them",
        );
        confinement.seccomp = false;
    }
    confinement
}
