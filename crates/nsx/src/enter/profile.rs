//! The attributes that a new process of the target gets: from the configuration of its container
//! or, if there is none, from what the target's own process has.
//!
//! The target's process is the second choice because it may have become another user since, dropped
//! its privileges, or overwritten its environment.

use crate::unshare::oci::UMASK;
use nsx_core::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    plan::{Caller, CapabilityState, Confinement, Label, Limit, PlanError, enter::TargetProcess},
    proc::{Credentials, ProcError},
};
use nsx_target::{
    Configuration, ConfigurationError, Engine,
    oci::{self, Rlimit},
};
use rustix::{process::Resource, thread::CapabilitySet};
use serde::de::IgnoredAny;
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A configuration whose filter of system calls is the target's own already.
type Config = oci::Config<IgnoredAny>;

/// An error that keeps a configuration from being used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
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

/// The most that is read of an environment, and the most that the kernel takes of one variable.
const MOST_ENVIRONMENT: usize = 1 << 20;
const MOST_VARIABLE: usize = 128 << 10;

/// The attributes that a new process gets.
pub(super) struct Profile {
    /// User and group id as the target counts them; none where it does not.
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) groups: Vec<u32>,
    pub(super) environment: Vec<CString>,
    /// The directory that the process starts in; none for the target's own.
    pub(super) directory: Option<PathBuf>,
    pub(super) confinement: Confinement,
    /// The path of the configuration that the profile is from, if it is from a configuration.
    pub(super) config: Option<PathBuf>,
}

impl Profile {
    /// Reads it. A configuration that says nothing is passed over, and handed back with the reason.
    pub(super) fn read(
        target: &TargetProcess<'_>,
        kinds: NsSet,
        (engine, configuration): (
            Option<Engine>,
            Option<Result<Configuration, ConfigurationError>>,
        ),
        caller: &Caller,
    ) -> Result<(Self, Option<ConfigError>), PlanError> {
        let Facts {
            credentials,
            limits,
            own_limits,
            label,
            own_label,
            oom_score,
        } = Facts::read(target)?;
        let ids = |ids, of_caller: u32| match kinds.contains(NsKind::User) {
            true => Ok(target.id_map(ids)?.to_inside(of_caller)),
            false => Ok::<_, PlanError>(Some(of_caller)),
        };
        let Credentials {
            uid,
            gid,
            ref groups,
            bounding,
            effective,
            permitted,
            inheritable,
            ambient,
            ..
        } = credentials;
        let (uid, gid) = (ids(IdKind::User, uid)?, ids(IdKind::Group, gid)?);
        let groups = groups.iter().map(|group| ids(IdKind::Group, *group));
        let groups = groups
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut profile = Self {
            uid,
            gid,
            groups,
            environment: Vec::new(),
            directory: None,
            confinement: Confinement {
                bounding: Some(bounding).filter(|set| {
                    CapabilitySet::all()
                        .iter_names()
                        .any(|(_, one)| !set.contains(one))
                }),
                capabilities: Some(CapabilityState {
                    effective,
                    permitted,
                    inheritable,
                    ambient,
                }),
                no_new_privs: credentials.no_new_privs,
                seccomp: credentials.filtered,
                filter: None,
                label: label
                    .filter(|label| own_label.as_ref().is_some_and(|own| own != label))
                    .and_then(|it| it.label()),
                limits,
                oom_score,
                umask: credentials.umask,
                limits_inside: false,
            },
            config: None,
        };
        let read = configuration.map(|configuration| {
            let Configuration {
                path,
                text,
                is_users,
            } = configuration?;
            match Config::parse(&text) {
                Ok(_) if is_users && !kinds.contains(NsKind::User) => Err(ConfigError::NotJoined),
                config => Ok((config?, path, is_users)),
            }
        });
        let unread = match read {
            None => None,
            Some(Err(error)) => Some(error),
            Some(Ok((config, path, is_users))) => {
                if let Some(starter) = engine
                    .filter(|_| !is_users)
                    .and_then(|engine| limits_of_starter(target, engine))
                {
                    start_from(&mut profile.confinement.limits, &starter);
                }
                profile.configure(&config, own_label.as_ref(), is_users);
                profile.config = Some(path);
                None
            }
        };
        if profile.config.is_none() && kinds.contains(NsKind::Mnt) {
            profile.environment = environment(target)?;
        }
        reduce(&mut profile.confinement.limits, &own_limits, caller);
        Ok((profile, unread))
    }

    /// Takes the values of a configuration in place of those that the target's process has by now.
    /// `is_users`: it is a user's word, which does not loosen what the kernel holds the target by,
    /// and sets limits with the user's rights.
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
        // A filter that the program of the container has put on itself is none of its
        // configuration.
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

/// The facts read of the target's process, and of the caller's to compare it with.
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
        let mut buffer = Vec::new();
        let credentials = proc
            .credentials(pid, &mut buffer)
            .map_err(target.failure("status"))?;
        proc.read(pid, "limits", &mut buffer)
            .map_err(target.failure("limits"))?;
        let limits = Limit::parse_all(&buffer);
        let own = |file: &str, buffer: &mut Vec<u8>| proc.read_own(file, buffer).is_ok();
        let own_limits = if own("limits", &mut buffer) {
            Limit::parse_all(&buffer)
        } else {
            Vec::new()
        };
        let own_label = own("attr/current", &mut buffer)
            .then(|| ModuleLabel::parse(&buffer))
            .flatten();
        // Where no module answers for the caller, none does for the target.
        let label = own_label
            .as_ref()
            .and_then(|_| {
                proc.read_up_to(4096, pid, "attr/current", &mut buffer)
                    .is_ok()
                    .then(|| ModuleLabel::parse(&buffer))
            })
            .flatten();
        let own_score = own("oom_score_adj", &mut buffer)
            .then(|| score(&buffer))
            .flatten();
        let oom_score = proc
            .read(pid, "oom_score_adj", &mut buffer)
            .is_ok()
            .then(|| score(&buffer))
            .flatten();
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

/// The limits that a program gets of which the configuration says nothing: those of the process
/// that the engine has start all programs of a container, as far as it has one. The container's own
/// process may have lowered its limits since.
fn limits_of_starter(target: &TargetProcess<'_>, engine: Engine) -> Option<Vec<Limit>> {
    if !matches!(
        engine,
        Engine::Docker | Engine::Containerd | Engine::Nerdctl | Engine::Cri
    ) {
        return None;
    }
    let (pid, proc) = (target.process.pid(), target.proc);
    let mut buffer = Vec::new();
    let parent = proc.status(pid, &mut buffer).ok()?.ppid?;
    let is_shim = proc.read_up_to(64, parent, "comm", &mut buffer).is_ok()
        && buffer.starts_with(b"containerd-shim");
    proc.read(parent, "limits", &mut buffer)
        .ok()
        .filter(|()| is_shim)?;
    let limits = Limit::parse_all(&buffer);
    // As long as it is the parent, its id is not another's.
    (proc.status(pid, &mut buffer).ok()?.ppid == Some(parent)).then_some(limits)
}

/// Takes the limits of the process that starts a container's programs in place of those that the
/// container's own process has.
///
/// That process is a program of Go's, which raises its soft limit of open files as far as it may
/// and gives the former one to what it starts. So a limit of open files tells of a change only by
/// its hard limit.
fn start_from(limits: &mut [Limit], starter: &[Limit]) {
    for limit in limits {
        let Some(start) = starter
            .iter()
            .find(|start| start.resource == limit.resource)
        else {
            continue;
        };
        if limit.resource != Resource::Nofile || limit.hard != start.hard {
            *limit = *start;
        }
    }
}

fn score(text: &[u8]) -> Option<i32> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Leaves the limits that the caller's differ from, as far as the caller may set them.
fn reduce(limits: &mut Vec<Limit>, own: &[Limit], caller: &Caller) {
    let unlimited = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    for limit in limits.iter_mut() {
        let Some(own) = own.iter().find(|own| own.resource == limit.resource) else {
            continue;
        };
        if !caller.can(CapabilitySet::SYS_RESOURCE) && unlimited(limit.hard) > unlimited(own.hard) {
            limit.hard = own.hard;
        }
        if unlimited(limit.soft) > unlimited(limit.hard) {
            limit.soft = limit.hard;
        }
    }
    limits.retain(|limit| !own.contains(limit));
}

/// The variables of the target's process, which may have written anything there.
fn environment(target: &TargetProcess<'_>) -> Result<Vec<CString>, PlanError> {
    let mut text = Vec::new();
    match target
        .proc
        .read_up_to(MOST_ENVIRONMENT, target.process.pid(), "environ", &mut text)
    {
        Ok(()) | Err(ProcError::Denied) => {}
        Err(error) => return Err(target.failure("environ")(error)),
    }
    let is_variable = |word: &&[u8]| {
        word.len() < MOST_VARIABLE && word.iter().position(|byte| *byte == b'=') > Some(0)
    };
    Ok(text
        .split(|byte| *byte == 0)
        .filter(is_variable)
        .filter_map(|word| CString::new(word).ok())
        .collect())
}

/// The content of `/proc/PID/attr/current`: whose label it is can be told from its form.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ModuleLabel {
    AppArmor(String),
    SeLinux(String),
}

impl ModuleLabel {
    /// `docker-default (enforce)` and `unconfined` are AppArmor's,
    /// `system_u:system_r:container_t:s0` is SELinux's.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?.trim_end_matches(['\n', '\0']);
        match text.rsplit_once(" (") {
            Some((profile, mode)) if mode.ends_with(')') => {
                Some(Self::AppArmor(profile.to_owned()))
            }
            _ if text == "unconfined" => Some(Self::AppArmor(text.to_owned())),
            _ if text.split(':').count() >= 3 => Some(Self::SeLinux(text.to_owned())),
            _ => None,
        }
    }

    /// Returns the label to request; none if the target is not confined.
    fn label(self) -> Option<Label> {
        match self {
            Self::AppArmor(profile) if profile == "unconfined" || profile.is_empty() => None,
            Self::AppArmor(profile) => CString::new(profile).ok().map(Label::AppArmor),
            Self::SeLinux(context) => CString::new(context).ok().map(Label::SeLinux),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_the_first_process_lowered_is_the_starters() {
        let limits = |text: &[u8]| Limit::parse_all(text);
        let starter =
            limits(b"Max open files 9000 9000 files\nMax core file size unlimited unlimited bytes");
        for (own, expected) in [
            (
                &b"Max open files 1024 9000 files"[..],
                &b"Max open files 1024 9000 files"[..],
            ),
            (
                b"Max open files 300 300 files",
                b"Max open files 9000 9000 files",
            ),
            (
                b"Max core file size 0 unlimited bytes",
                b"Max core file size unlimited unlimited bytes",
            ),
            (b"Max cpu time 1 2 seconds", b"Max cpu time 1 2 seconds"),
        ] {
            let mut own = limits(own);
            start_from(&mut own, &starter);
            assert_eq!(own, limits(expected));
        }
    }

    #[test]
    fn a_label_is_known_by_its_form() {
        let apparmor = |profile: &str| Some(ModuleLabel::AppArmor(profile.into()));
        assert_eq!(
            ModuleLabel::parse(b"docker-default (enforce)\n"),
            apparmor("docker-default")
        );
        assert_eq!(
            ModuleLabel::parse(b"a b (c) (complain)\n"),
            apparmor("a b (c)")
        );
        assert_eq!(ModuleLabel::parse(b"unconfined\n"), apparmor("unconfined"));
        assert_eq!(apparmor("unconfined").unwrap().label(), None);
        let context = "system_u:system_r:container_t:s0:c1,c2";
        assert_eq!(
            ModuleLabel::parse(b"system_u:system_r:container_t:s0:c1,c2\0"),
            Some(ModuleLabel::SeLinux(context.into()))
        );
        for text in [&b""[..], b"_", b"\xff"] {
            assert_eq!(ModuleLabel::parse(text), None);
        }
    }

    #[test]
    fn who_may_not_raise_a_limit_goes_as_far_as_his_own() {
        let limit = |soft, hard| Limit {
            resource: Resource::Nofile,
            soft,
            hard,
        };
        let mut caller = Caller {
            uid: 1,
            gid: 1,
            capabilities: CapabilitySet::empty(),
            kinds: NsSet::ALL,
            exec_enters_time: true,
        };
        let own = [limit(Some(10), Some(20))];
        let reduced = |caller: &Caller, wanted| {
            let mut limits = vec![wanted];
            reduce(&mut limits, &own, caller);
            limits
        };
        assert_eq!(
            reduced(&caller, limit(Some(50), None)),
            [limit(Some(20), Some(20))]
        );
        assert_eq!(
            reduced(&caller, limit(Some(5), Some(6))),
            [limit(Some(5), Some(6))]
        );
        assert_eq!(reduced(&caller, limit(Some(10), Some(30))), []);
        caller.capabilities = CapabilitySet::SYS_RESOURCE;
        assert_eq!(
            reduced(&caller, limit(Some(50), None)),
            [limit(Some(50), None)]
        );
    }
}
