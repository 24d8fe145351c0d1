//! What an OCI bundle's `config.json` gives a new process of its container, see the runtime specification.
//!
//! Only what is looked at is read, each property by itself, so that one that is odd takes no other with it. Whether the file is
//! believed, `nsx_target` decides: [`Subject::configuration`](nsx_target::Subject::configuration).

use nsx_core::plan::{CapabilityState, Limit, RESOURCES};
use nsx_target::ConfigurationError;
use rustix::thread::CapabilitySet;
use serde::{Deserialize, de::IgnoredAny};

/// The parts of the file that a new process depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) process: Process,
    linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    seccomp: Option<IgnoredAny>,
}

/// `process`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Process {
    pub(super) user: User,
    pub(super) env: Vec<String>,
    pub(super) cwd: String,
    capabilities: Option<Capabilities>,
    pub(super) no_new_privileges: bool,
    pub(super) apparmor_profile: Option<String>,
    pub(super) selinux_label: Option<String>,
    rlimits: Vec<Rlimit>,
    pub(super) oom_score_adj: Option<i32>,
}

/// `process.user`: ids as the container counts them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) additional_gids: Vec<u32>,
    pub(super) umask: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
    effective: Vec<String>,
    permitted: Vec<String>,
    inheritable: Vec<String>,
    ambient: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Rlimit {
    #[serde(rename = "type")]
    name: String,
    soft: u64,
    hard: u64,
}

/// Why a configuration says nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    /// It cannot be read, or is not believed.
    #[error(transparent)]
    Unread(#[from] ConfigurationError),
    /// It is no such configuration.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is a user's, and the program does not join the user namespace in which it holds.
    #[error("it is a user's own, and the target's user namespace is not joined")]
    NotJoined,
}

impl Config {
    /// Reads the text of the file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        Ok(serde_json::from_slice(text)?)
    }

    /// Whether a filter of system calls is asked for.
    pub(super) fn has_filter(&self) -> bool {
        self.linux.seccomp.is_some()
    }
}

impl Process {
    /// The bounding set, and what a new process sets off with. A file that says nothing of it gives nothing.
    pub(super) fn capabilities(&self) -> (CapabilitySet, CapabilityState) {
        let none = Capabilities::default();
        let given = self.capabilities.as_ref().unwrap_or(&none);
        let (permitted, inheritable) = (set(&given.permitted), set(&given.inheritable));
        // runc writes ambient ones that are not inheritable, which the kernel does not make ambient, and runc passes over.
        let ambient = set(&given.ambient) & permitted & inheritable;
        let state = CapabilityState { effective: set(&given.effective) & permitted, permitted, inheritable, ambient };
        (set(&given.bounding), state)
    }

    /// The limits that are named.
    pub(super) fn limits(&self) -> Vec<Limit> {
        let limit = |value: u64| (value != u64::MAX).then_some(value);
        let known =
            |name: &str| RESOURCES.into_iter().find(|(_, known, _)| name.strip_prefix("RLIMIT_") == Some(known));
        self.rlimits
            .iter()
            .filter_map(|Rlimit { name, soft, hard }| {
                let (resource, ..) = known(name)?;
                Some(Limit { resource, soft: limit(*soft), hard: limit(*hard) })
            })
            .collect()
    }
}

/// Capabilities that this nsx does not know are none that it could set.
fn set(names: &[String]) -> CapabilitySet {
    names.iter().filter_map(|name| CapabilitySet::from_name(name.strip_prefix("CAP_")?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_engines_write_is_read() {
        // The parts of a file that Docker 20.10 wrote.
        let config: Config = serde_json::from_value(json!({
            "ociVersion": "1.0.2-dev",
            "process": {
                "terminal": true,
                "user": {"uid": 33, "gid": 44, "additionalGids": [4, 5]},
                "args": ["sh"], "env": ["PATH=/bin", "A=b c"], "cwd": "/srv",
                "capabilities": {
                    "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FLY"], "effective": ["CAP_KILL"],
                    "permitted": ["CAP_CHOWN", "CAP_KILL"]
                },
                "apparmorProfile": "docker-default", "oomScoreAdj": -500,
                "rlimits": [
                    {"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024},
                    {"type": "RLIMIT_CORE", "hard": u64::MAX, "soft": 0},
                    {"type": "RLIMIT_FUTURE", "hard": 1, "soft": 1},
                ],
            },
            "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}},
        }))
        .unwrap();
        let process = &config.process;
        assert_eq!(
            (process.user.uid, process.user.gid, process.user.additional_gids.as_slice()),
            (33, 44, &[4, 5][..])
        );
        assert_eq!((process.cwd.as_str(), process.env.as_slice()), ("/srv", &["PATH=/bin".into(), "A=b c".into()][..]));
        let (bounding, state) = process.capabilities();
        assert_eq!(bounding, CapabilitySet::CHOWN | CapabilitySet::KILL);
        assert_eq!((state.effective, state.permitted), (CapabilitySet::KILL, bounding));
        assert_eq!((state.inheritable, state.ambient), (CapabilitySet::empty(), CapabilitySet::empty()));
        let limits: Vec<_> = process.limits().iter().map(Limit::to_string).collect();
        assert_eq!(limits, ["NOFILE 1024:1048576", "CORE 0:unlimited"]);
        assert!(config.has_filter() && !process.no_new_privileges);
        assert_eq!((process.apparmor_profile.as_deref(), process.oom_score_adj), (Some("docker-default"), Some(-500)));
    }

    #[test]
    fn only_what_is_permitted_and_inheritable_is_ambient() {
        let config: Config = serde_json::from_value(json!({
            "process": {"user": {}, "capabilities": {
                "permitted": ["CAP_KILL", "CAP_CHOWN"], "inheritable": ["CAP_KILL", "CAP_NET_RAW"],
                "effective": ["CAP_CHOWN", "CAP_NET_RAW"], "ambient": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
            }},
            "linux": {},
        }))
        .unwrap();
        let (_, state) = config.process.capabilities();
        assert_eq!((state.ambient, state.effective), (CapabilitySet::KILL, CapabilitySet::CHOWN));
    }

    #[test]
    fn a_file_that_gives_nothing_gives_no_capability() {
        let config: Config = serde_json::from_str(r#"{"process": {"user": {}}, "linux": {"seccomp": null}}"#).unwrap();
        assert_eq!(
            config.process.capabilities(),
            (CapabilitySet::empty(), CapabilityState::of(CapabilitySet::empty(), false))
        );
        assert!(!config.has_filter());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = serde_json::from_slice::<Config>(&bytes);
        }
    }
}
