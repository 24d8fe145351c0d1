//! The properties of `process`: the program, its user, its capabilities and its limits.

use super::text::{Text, or_default};
use nsx_core::plan::{CapabilityState, Limit, RESOURCES};
use rustix::thread::CapabilitySet;
use serde::Deserialize;

/// The umask that runtimes set if a configuration has none.
pub const UMASK: u32 = 0o022;

/// `process`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Process {
    /// The user and the groups.
    #[serde(deserialize_with = "or_default")]
    pub user: User,
    /// The program and its arguments.
    #[serde(deserialize_with = "or_default")]
    pub args: Vec<Text>,
    /// The environment, `NAME=VALUE` each.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<Text>,
    /// The working directory.
    #[serde(deserialize_with = "or_default")]
    pub cwd: Text,
    /// The sets of capabilities; see [`Self::capabilities`].
    capabilities: Option<Capabilities>,
    /// True if no exec may give the program more privilege than it has.
    #[serde(deserialize_with = "or_default")]
    pub no_new_privileges: bool,
    /// The AppArmor profile.
    pub apparmor_profile: Option<Text>,
    /// The SELinux context.
    pub selinux_label: Option<Text>,
    /// The limits of resources.
    #[serde(deserialize_with = "or_default")]
    pub rlimits: Vec<Rlimit>,
    /// The adjustment of the out-of-memory score.
    pub oom_score_adj: Option<i32>,
}

/// `process.user`: ids as the container counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User {
    /// The user.
    #[serde(deserialize_with = "or_default")]
    pub uid: u32,
    /// The group.
    #[serde(deserialize_with = "or_default")]
    pub gid: u32,
    /// The supplementary groups.
    #[serde(deserialize_with = "or_default")]
    pub additional_gids: Vec<u32>,
    /// The umask.
    pub umask: Option<u32>,
}

/// `process.capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Capabilities {
    #[serde(deserialize_with = "or_default")]
    bounding: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    effective: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    permitted: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    inheritable: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    ambient: Vec<Text>,
}

/// An element of `process.rlimits`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rlimit {
    /// `RLIMIT_NOFILE` and its like.
    #[serde(deserialize_with = "or_default", rename = "type")]
    pub name: Text,
    #[serde(deserialize_with = "or_default")]
    soft: u64,
    #[serde(deserialize_with = "or_default")]
    hard: u64,
}

impl Process {
    /// Returns the bounding set, and what a new process starts with. A file without `capabilities`
    /// gives none.
    ///
    /// Ambient capabilities that are not permitted and inheritable too are left out. The kernel
    /// refuses them, and runc ignores that it does.
    pub fn capabilities(&self) -> (CapabilitySet, CapabilityState) {
        let none = Capabilities::default();
        let given = self.capabilities.as_ref().unwrap_or(&none);
        let (permitted, inheritable) = (set(&given.permitted), set(&given.inheritable));
        let ambient = set(&given.ambient) & permitted & inheritable;
        (
            set(&given.bounding),
            CapabilityState {
                effective: set(&given.effective),
                permitted,
                inheritable,
                ambient,
            },
        )
    }

    /// Returns the names of capabilities that nsx does not know.
    pub fn unknown_capabilities(&self) -> impl Iterator<Item = &Text> {
        let sets = self.capabilities.iter().flat_map(|given| {
            [
                &given.bounding,
                &given.effective,
                &given.permitted,
                &given.inheritable,
                &given.ambient,
            ]
        });
        sets.flatten().filter(|name| capability(name).is_none())
    }
}

impl Rlimit {
    /// Returns the limit; none if nsx does not know the resource. The largest number means unlimited.
    pub fn limit(&self) -> Option<Limit> {
        let limit = |value: u64| (value != u64::MAX).then_some(value);
        let name = self.name.to_str()?.strip_prefix("RLIMIT_")?;
        let (resource, ..) = RESOURCES.into_iter().find(|(_, known, _)| name == *known)?;
        Some(Limit {
            resource,
            soft: limit(self.soft),
            hard: limit(self.hard),
        })
    }
}

/// Leaves out capabilities that nsx does not know, which it could not set.
fn set(names: &[Text]) -> CapabilitySet {
    names.iter().filter_map(capability).collect()
}

fn capability(name: &Text) -> Option<CapabilitySet> {
    CapabilitySet::from_name(name.to_str()?.strip_prefix("CAP_")?)
}
