//! A program like the target's own: what `docker exec` would run, in all that the target differs
//! in.

use super::{
    Options, cgroups, findings::Findings, joined::Joined, options::Common, profile::Profile,
    users::Directory,
};
use crate::{
    out,
    program::{self, RequestError},
};
use nsx_core::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    plan::{
        Caller, Confinement, PlanError,
        enter::{Groups, Place, Program, Request, TargetProcess},
    },
};
use nsx_target::{Configuration, ConfigurationError, Engine};
use rustix::fd::OwnedFd;
use std::path::Path;

/// The request. `container` is who keeps the container, and its configuration, as far as there are
/// these.
pub(super) fn request(
    options: &Options,
    target: &TargetProcess<'_>,
    Joined { kinds, files }: Joined,
    container: (
        Option<Engine>,
        Option<Result<Configuration, ConfigurationError>>,
    ),
    caller: &Caller,
    findings: &mut Findings,
) -> Result<Request, RequestError> {
    let failed = |error| RequestError::Enter(options.entered(), error);
    let Common {
        wd,
        rights,
        no_cgroup,
        environment,
        ..
    } = &options.common;
    let (mut profile, unread) = Profile::read(target, kinds, container, caller).map_err(failed)?;
    match (&profile.config, unread) {
        (Some(config), _) => findings.checked("its configuration", &out::shown(config.as_os_str())),
        (None, Some(error)) => {
            let reason = out::chain(&error);
            findings.told(
                "its configuration",
                &format!("{reason}; the program is as the target's process is now"),
            );
        }
        (None, None) => findings.checked(
            "its configuration",
            "no engine's: the program is as the process is now",
        ),
    }

    let root = kinds
        .contains(NsKind::Mnt)
        .then(|| target.root())
        .transpose()
        .map_err(failed)?;
    let directory = Directory::of(root.as_ref());
    let chosen = rights.who(&directory)?;
    // Whoever keeps the caller's rights keeps the user that has them; a user namespace has a root
    // of its own.
    let (mut uid, mut gid) = (profile.uid, profile.gid);
    let mut groups = profile.groups.clone();
    if rights.privileged {
        let root = |ids| {
            target
                .id_map(ids)
                .map(|map| map.to_outside(0).map(|_| 0))
                .map_err(failed)
        };
        (uid, gid) = if kinds.contains(NsKind::User) {
            (root(IdKind::User)?, root(IdKind::Group)?)
        } else {
            (None, None)
        };
        groups.clear();
    }
    (uid, gid) = (chosen.uid.or(uid), chosen.gid.or(gid));
    groups = chosen.groups.unwrap_or(groups);
    for (ids, id) in [(IdKind::User, uid), (IdKind::Group, gid)] {
        if let Some(id) = id.filter(|_| kinds.contains(NsKind::User))
            && target.id_map(ids).map_err(failed)?.to_outside(id).is_none()
        {
            return Err(RequestError::Usage(format!(
                "{ids} id {id} is not mapped in the target's user namespace"
            )));
        }
    }
    let whom = uid.or_else(|| (!kinds.contains(NsKind::User)).then_some(caller.uid));
    // A change from user 0 to another takes them, and so does the exec of who is not user 0.
    let loses_capabilities =
        uid.filter(|uid| *uid != 0 && (kinds.contains(NsKind::User) || *uid != caller.uid));
    let home = || {
        whom.and_then(|uid| directory.user(uid))
            .map(|user| user.home)
            .unwrap_or_default()
    };
    // The variables of a process are its user's word. As another user the program would load what
    // LD_PRELOAD names. User 0 of the target's user namespace can take any group of it.
    let group = gid.or_else(|| (!kinds.contains(NsKind::User)).then_some(caller.gid));
    let is_another = whom != profile.uid || group != profile.gid && profile.uid != Some(0);
    if profile.config.is_none() && is_another && !profile.environment.is_empty() {
        findings.skipped(
            "its environment",
            "is left out: the program has another user or group than the process",
        );
        profile.environment.clear();
    }
    let variables = root.is_some().then_some((profile.environment, &home as _));
    let programs = match options.program.is_empty() {
        true if root.is_some() => directory.shells(whom.unwrap_or_default()),
        _ => Vec::new(),
    };
    let programs = match programs.is_empty() {
        true => program::programs(options.program.clone())?,
        false => programs
            .into_iter()
            .map(|shell| program::programs(vec![shell]))
            .collect::<Result<Vec<_>, _>>()?
            .concat(),
    };
    let cgroups = if *no_cgroup {
        Vec::new()
    } else {
        cgroups::open(target, caller, findings)?
    };
    Ok(Request {
        exactly: true,
        kinds,
        files,
        directory: stands(
            target,
            wd.as_deref(),
            profile.directory,
            root.is_some(),
            findings,
        )
        .map_err(failed)?,
        uid,
        gid,
        groups: match rights.setgid {
            Some(_) => rights.groups(groups),
            None => settle_groups(groups, gid, target, kinds, findings),
        },
        cgroups,
        confinement: rights.settle(profile.confinement, caller, loses_capabilities, findings),
        environment: environment.settle(variables)?,
        program: Program::First(programs),
        root: root.map(|root: OwnedFd| Place::Opened(root, None)),
        ..Request::default()
    })
}

/// Returns the directory in which the program starts.
fn stands(
    target: &TargetProcess<'_>,
    asked: Option<&Path>,
    configured: Option<std::path::PathBuf>,
    inside: bool,
    findings: &mut Findings,
) -> Result<Option<Place>, PlanError> {
    if let Some(asked) = asked {
        return Ok(Some(Place::Inside(asked.to_owned())));
    }
    if !inside {
        return Ok(None);
    }
    if let Some(configured) = configured {
        return Ok(Some(Place::InsideOrRoot(configured)));
    }
    let directory = target.directory()?;
    if rustix::fs::fstat(&directory).is_ok_and(|it| it.st_nlink == 0) {
        findings.told(
            "its working directory",
            "is removed; the program starts in /",
        );
        return Ok(Some(Place::InsideOrRoot("/".into())));
    }
    Ok(Some(Place::Opened(directory, None)))
}

/// The supplementary groups, which a user namespace may not let anybody set.
fn settle_groups(
    groups: Vec<u32>,
    gid: Option<u32>,
    target: &TargetProcess<'_>,
    kinds: NsSet,
    findings: &mut Findings,
) -> Groups {
    let denied = kinds.contains(NsKind::User) && !target.may_set_groups().unwrap_or(true);
    match (gid, denied) {
        (None, _) => Groups::Keep,
        (Some(_), true) => {
            if !groups.is_empty() {
                findings.skipped(
                    "its supplementary groups",
                    "are left alone: its user namespace denies setgroups",
                );
            }
            Groups::Drop { required: false }
        }
        (Some(_), false) if groups.is_empty() => Groups::Drop { required: false },
        (Some(_), false) => Groups::Are(groups),
    }
}

impl super::options::Rights {
    /// Returns what is left of the target's confinement.
    fn settle(
        &self,
        mut confinement: Confinement,
        caller: &Caller,
        loses_capabilities: Option<u32>,
        findings: &mut Findings,
    ) -> Confinement {
        if self.privileged {
            let with = match loses_capabilities {
                Some(uid) => format!("as user {uid}, who has no capabilities,"),
                None => "with your capabilities".to_owned(),
            };
            let runs =
                format!("runs unconfined, {with} and without the target's filters and label");
            findings.told("the program", &runs);
        }
        if self.privileged || self.host_caps {
            confinement.bounding = None;
            confinement.capabilities = None;
            confinement.no_new_privs = false;
        }
        if self.privileged || self.no_label {
            confinement.label = None;
        }
        if self.privileged || self.no_seccomp {
            confinement.seccomp = false;
        }
        if self.no_limits {
            confinement.limits.clear();
            confinement.oom_score = None;
        }
        if confinement.seccomp && !caller.is_privileged() {
            findings.told(
                "its seccomp filters",
                "are not on the program: only root may read them",
            );
            confinement.seccomp = false;
        }
        confinement
    }
}
