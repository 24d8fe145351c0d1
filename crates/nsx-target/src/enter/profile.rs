//! The attributes that a new process of the target gets: from the container's configuration or, if
//! no record exists, from the target's own process.
//!
//! The process is the second choice, because it may have changed its user, dropped privileges or
//! overwritten its environment since it started.

use super::{Findings, context::Context, label::ModuleLabel, limits};
use crate::{
    configuration::{Configuration, ConfigurationError},
    oci::{self, Rlimit, UMASK},
};
use nsx_core::{
    idmap::IdKind,
    message,
    ns::{NsKind, NsSet},
    plan::{CapabilityState, Confinement, Limit, PlanError, enter::TargetProcess},
    proc::{Credentials, ProcError},
};
use rustix::thread::CapabilitySet;
use serde::de::IgnoredAny;
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A configuration, of whose seccomp filter only the existence counts: the filter itself is the
/// target's already.
type Config = oci::Config<IgnoredAny>;

/// An error that keeps a configuration from being used.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    /// The file cannot be read, or is not believed.
    #[error(transparent)]
    Unread(#[from] ConfigurationError),
    /// The file is not an OCI configuration.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is a user's, and the program does not join the user namespace in which it holds.
    #[error("it is a user's own, and the target's user namespace is not joined")]
    NotJoined,
}

/// The most that is read of an environment.
const MOST_ENVIRONMENT: usize = 1 << 20;
/// The most that the kernel takes of one variable.
const MOST_VARIABLE: usize = 128 << 10;

/// The attributes that a new process gets.
pub(super) struct Profile {
    /// The user id, as the target's user namespace numbers it; none if it is not mapped there.
    pub(super) uid: Option<u32>,
    /// The group id, likewise.
    pub(super) gid: Option<u32>,
    pub(super) groups: Vec<u32>,
    pub(super) environment: Vec<CString>,
    /// The working directory; none for that of the target's process.
    pub(super) directory: Option<PathBuf>,
    pub(super) confinement: Confinement,
    /// `true` if the profile is from a configuration.
    pub(super) is_configured: bool,
}

impl Profile {
    /// Reads the profile. A configuration that cannot be used is left out, and a finding tells why.
    pub(super) fn read(
        context: Context<'_>,
        kinds: NsSet,
        findings: &mut Findings,
    ) -> Result<Self, PlanError> {
        let Context {
            subject,
            target,
            host,
            caller,
        } = context;
        let about = "its configuration";
        let configuration = subject.configuration(host);
        let facts = Facts::read(&target)?;
        let mut profile = Self::of_process(&target, kinds, &facts)?;
        match configuration.map(|configuration| parse(configuration, kinds)) {
            None => findings.checked(about, "no engine's: the program is as the process is now"),
            Some(Err(error)) => findings.note(
                about,
                format!(
                    "{}; the program is as the target's process is now",
                    message::chain(&error)
                ),
            ),
            Some(Ok((config, path, is_users))) => {
                let engine = subject.container.as_ref().map(|it| it.engine);
                if let Some(engine) = engine.filter(|_| !is_users)
                    && let Some(starter) = limits::of_starter(&target, engine)
                {
                    limits::start_from(&mut profile.confinement.limits, &starter);
                }
                profile.configure(&config, facts.own_label.as_ref(), is_users);
                profile.is_configured = true;
                findings.checked(about, path.display().to_string());
            }
        }
        if !profile.is_configured && kinds.contains(NsKind::Mnt) {
            profile.environment = environment(&target)?;
        }
        limits::reduce(&mut profile.confinement.limits, &facts.own_limits, caller);
        Ok(profile)
    }

    /// Returns the attributes that the target's process has.
    fn of_process(
        target: &TargetProcess<'_>,
        kinds: NsSet,
        facts: &Facts,
    ) -> Result<Self, PlanError> {
        let credentials = &facts.credentials;
        let id = |ids, of_caller: u32| match kinds.contains(NsKind::User) {
            true => Ok(target.id_map(ids)?.to_inside(of_caller)),
            false => Ok::<_, PlanError>(Some(of_caller)),
        };
        let uid = id(IdKind::User, credentials.uid())?;
        let gid = id(IdKind::Group, credentials.gid())?;
        let groups = credentials.groups.iter();
        let groups = groups
            .map(|group| id(IdKind::Group, *group))
            .collect::<Result<Vec<_>, _>>()?;
        let is_bounded = CapabilitySet::all()
            .iter_names()
            .any(|(_, capability)| !credentials.bounding.contains(capability));
        let label = facts
            .label
            .clone()
            .filter(|label| facts.own_label.as_ref().is_some_and(|own| own != label));
        Ok(Self {
            uid,
            gid,
            groups: groups.into_iter().flatten().collect(),
            environment: Vec::new(),
            directory: None,
            confinement: Confinement {
                bounding: is_bounded.then_some(credentials.bounding),
                capabilities: Some(CapabilityState {
                    effective: credentials.effective,
                    permitted: credentials.permitted,
                    inheritable: credentials.inheritable,
                    ambient: credentials.ambient,
                }),
                no_new_privs: credentials.no_new_privs,
                seccomp: credentials.filtered,
                filter: None,
                label: label.and_then(ModuleLabel::label),
                limits: facts.limits.clone(),
                oom_score: facts.oom_score,
                umask: credentials.umask,
                limits_inside: false,
            },
            is_configured: false,
        })
    }

    /// Replaces the attributes of the target's process by those of a configuration. A configuration
    /// that a user wrote (`is_users`) does not remove a label or a filter, and sets limits with the
    /// user's rights.
    fn configure(&mut self, config: &Config, own_label: Option<&ModuleLabel>, is_users: bool) {
        let nothing = oci::Process::default();
        let process = config.process.as_ref().unwrap_or(&nothing);
        (self.uid, self.gid) = (Some(process.user.uid), Some(process.user.gid));
        self.groups.clone_from(&process.user.additional_gids);
        self.environment = process
            .env
            .iter()
            .filter_map(|variable| CString::new(variable.as_bytes()).ok())
            .collect();
        self.directory = Some(Path::new(&*process.cwd))
            .filter(|directory| directory.is_absolute())
            .map(PathBuf::from);
        let confinement = &mut self.confinement;
        let (bounding, state) = process.capabilities();
        (confinement.bounding, confinement.capabilities) = (Some(bounding), Some(state));
        confinement.no_new_privs = process.no_new_privileges;
        // A filter that the container's program installed itself is not in the configuration.
        confinement.seccomp &= config.linux.seccomp.is_some() || is_users;
        confinement.limits_inside = is_users;
        for limit in process.rlimits.iter().filter_map(Rlimit::limit) {
            match confinement
                .limits
                .iter_mut()
                .find(|known| known.resource == limit.resource)
            {
                Some(known) => *known = limit,
                None => confinement.limits.push(limit),
            }
        }
        let text = |label: Option<&OsStr>| label.and_then(OsStr::to_str).map(str::to_owned);
        let configured = match own_label {
            Some(ModuleLabel::AppArmor(_)) => {
                text(process.apparmor_profile.as_deref()).map(ModuleLabel::AppArmor)
            }
            Some(ModuleLabel::SeLinux(_)) => {
                text(process.selinux_label.as_deref()).map(ModuleLabel::SeLinux)
            }
            None => None,
        };
        if let Some(label) = configured.filter(|_| !is_users) {
            confinement.label = Some(label)
                .filter(|label| own_label != Some(label))
                .and_then(|it| it.label());
        }
        confinement.umask = Some(process.user.umask.unwrap_or(UMASK));
        if let Some(score) = process.oom_score_adj {
            confinement.oom_score = Some(score);
        }
    }
}

/// Reads the text of a configuration. Returns its path too, and whether a user wrote it.
fn parse(
    configuration: Result<Configuration, ConfigurationError>,
    kinds: NsSet,
) -> Result<(Config, PathBuf, bool), ConfigError> {
    let Configuration {
        path,
        text,
        is_users,
    } = configuration?;
    let config = Config::parse(&text)?;
    if is_users && !kinds.contains(NsKind::User) {
        return Err(ConfigError::NotJoined);
    }
    Ok((config, path, is_users))
}

/// Facts about the target's process, and about the caller to compare them with.
struct Facts {
    credentials: Credentials,
    limits: Vec<Limit>,
    own_limits: Vec<Limit>,
    label: Option<ModuleLabel>,
    own_label: Option<ModuleLabel>,
    /// The target's score, if it differs from the caller's.
    oom_score: Option<i32>,
}

impl Facts {
    fn read(target: &TargetProcess<'_>) -> Result<Self, PlanError> {
        let (pid, proc) = (target.process.pid(), target.proc);
        let credentials = proc.credentials(pid).map_err(target.failure("status"))?;
        let limits = proc
            .read_with(pid, "limits", Limit::parse_all)
            .map_err(target.failure("limits"))?;
        let own = |file: &str| proc.read_own(file).ok();
        let own_limits = own("limits").map_or_else(Vec::new, |text| Limit::parse_all(&text));
        let own_label = own("attr/current").and_then(|text| ModuleLabel::parse(&text));
        // If no security module labels the caller, none labels the target.
        let label = own_label.as_ref().and_then(|_| {
            let text = proc.read_up_to(4096, pid, "attr/current").ok()?;
            ModuleLabel::parse(&text)
        });
        let own_score = own("oom_score_adj").and_then(|text| score(&text));
        let oom_score = proc.read_with(pid, "oom_score_adj", score).ok().flatten();
        let oom_score = oom_score.filter(|score| own_score.is_some_and(|own| own != *score));
        Ok(Self {
            credentials,
            limits,
            own_limits,
            label,
            own_label,
            oom_score,
        })
    }
}

fn score(text: &[u8]) -> Option<i32> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Returns the variables of the target's process, which may have written anything there.
fn environment(target: &TargetProcess<'_>) -> Result<Vec<CString>, PlanError> {
    let pid = target.process.pid();
    let text = match target.proc.read_up_to(MOST_ENVIRONMENT, pid, "environ") {
        Err(ProcError::Denied) => Vec::new(),
        read => read.map_err(target.failure("environ"))?,
    };
    let is_variable = |word: &&[u8]| {
        word.len() < MOST_VARIABLE && word.iter().position(|byte| *byte == b'=') > Some(0)
    };
    Ok(text
        .split(|byte| *byte == 0)
        .filter(is_variable)
        .filter_map(|word| CString::new(word).ok())
        .collect())
}
