//! The configuration of an OCI bundle, `config.json`, see the runtime specification.
//!
//! The structures have the properties that nsx uses and pass over all others. A property that is
//! missing or null has its default value, as in runc. Texts are bytes: the kernel takes names,
//! paths and variables that are not UTF-8.

use nsx_core::plan::{CapabilityState, Limit, RESOURCES};
use rustix::thread::CapabilitySet;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    ops::Deref,
    os::unix::ffi::OsStringExt,
};

/// The umask that runtimes set if a configuration has none.
pub const UMASK: u32 = 0o022;

/// The configuration. `F` reads `linux.seccomp`, which is long: [`Seccomp`], or
/// `serde::de::IgnoredAny` to learn only that there is a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, bound(deserialize = "F: Default + Deserialize<'de>"))]
pub struct Config<F> {
    /// The NIS domain name.
    #[serde(deserialize_with = "or_default")]
    pub domainname: Text,
    /// The host name.
    #[serde(deserialize_with = "or_default")]
    pub hostname: Text,
    /// The properties of Linux alone.
    #[serde(deserialize_with = "or_default")]
    pub linux: Linux<F>,
    /// The mounts, in the order in which they are made.
    #[serde(deserialize_with = "or_default")]
    pub mounts: Vec<Mount>,
    /// The program and its process.
    pub process: Option<Process>,
    /// The root directory.
    pub root: Option<Root>,
}

/// `root`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Root {
    /// The directory, from that of the bundle.
    #[serde(deserialize_with = "or_default")]
    pub path: Text,
    /// True if the program must not write there.
    #[serde(deserialize_with = "or_default")]
    pub readonly: bool,
}

/// An element of `mounts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mount {
    /// The mount point, as the container has it.
    #[serde(deserialize_with = "or_default")]
    pub destination: Text,
    /// The type of the file system.
    #[serde(deserialize_with = "or_default", rename = "type")]
    pub kind: Text,
    /// A device, a path from that of the bundle, or a word.
    #[serde(deserialize_with = "or_default")]
    pub source: Text,
    /// The options of `mount(8)`, those of the specification and those of the file system.
    #[serde(deserialize_with = "or_default")]
    pub options: Vec<Text>,
    /// The users of an id-mapped mount.
    #[serde(deserialize_with = "or_default")]
    pub uid_mappings: Vec<IdMapping>,
    /// The groups of an id-mapped mount.
    #[serde(deserialize_with = "or_default")]
    pub gid_mappings: Vec<IdMapping>,
}

/// A range of an id mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IdMapping {
    /// The first id inside.
    #[serde(deserialize_with = "or_default", rename = "containerID")]
    pub inside: u32,
    /// The first id outside.
    #[serde(deserialize_with = "or_default", rename = "hostID")]
    pub outside: u32,
    /// The number of ids.
    #[serde(deserialize_with = "or_default", rename = "size")]
    pub count: u32,
}

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

/// `linux`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound(deserialize = "F: Default + Deserialize<'de>")
)]
pub struct Linux<F> {
    /// The namespaces.
    #[serde(deserialize_with = "or_default")]
    pub namespaces: Vec<Namespace>,
    /// The users of a new user namespace.
    #[serde(deserialize_with = "or_default")]
    pub uid_mappings: Vec<IdMapping>,
    /// The groups of a new user namespace.
    #[serde(deserialize_with = "or_default")]
    pub gid_mappings: Vec<IdMapping>,
    /// The offsets of a new time namespace, by the name of the clock.
    #[serde(deserialize_with = "or_default")]
    pub time_offsets: BTreeMap<Text, TimeOffset>,
    /// The propagation of the root mount.
    #[serde(deserialize_with = "or_default")]
    pub rootfs_propagation: Text,
    /// The paths that the program must not read.
    #[serde(deserialize_with = "or_default")]
    pub masked_paths: Vec<Text>,
    /// The paths that the program must not write to.
    #[serde(deserialize_with = "or_default")]
    pub readonly_paths: Vec<Text>,
    /// The filter of system calls.
    pub seccomp: Option<F>,
}

/// An element of `linux.namespaces`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    /// The kind, as the specification calls it.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The file of a namespace to join; a new one is created without it.
    #[serde(default, deserialize_with = "or_default")]
    pub path: Text,
}

/// A value of `linux.timeOffsets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TimeOffset {
    /// The seconds.
    #[serde(deserialize_with = "or_default", rename = "secs")]
    pub seconds: i64,
    /// The nanoseconds beside them.
    #[serde(deserialize_with = "or_default", rename = "nanosecs")]
    pub nanoseconds: u32,
}

/// `linux.seccomp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Seccomp {
    /// The action for a call that no rule matches.
    #[serde(deserialize_with = "or_default")]
    pub default_action: Text,
    /// The errno of that action.
    pub default_errno_ret: Option<u32>,
    /// The architectures beside the machine's own whose calls are filtered.
    #[serde(deserialize_with = "or_default")]
    pub architectures: Vec<Text>,
    /// The flags of `seccomp(2)`.
    #[serde(deserialize_with = "or_default")]
    pub flags: Vec<Text>,
    /// The socket of a supervisor.
    #[serde(deserialize_with = "or_default")]
    pub listener_path: Text,
    /// The rules.
    #[serde(deserialize_with = "or_default")]
    pub syscalls: Vec<Syscall>,
}

/// A rule of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Syscall {
    /// The system calls.
    #[serde(deserialize_with = "or_default")]
    pub names: Vec<Text>,
    /// The action for them.
    #[serde(deserialize_with = "or_default")]
    pub action: Text,
    /// The errno of that action.
    pub errno_ret: Option<u32>,
    /// The conditions, all of which must hold.
    #[serde(deserialize_with = "or_default")]
    pub args: Vec<Argument>,
}

/// A condition on an argument of a system call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Argument {
    /// The index of the argument.
    #[serde(deserialize_with = "or_default")]
    pub index: u32,
    /// The value that it is compared with.
    #[serde(deserialize_with = "or_default")]
    pub value: u64,
    /// The second value of a masked comparison.
    #[serde(deserialize_with = "or_default")]
    pub value_two: u64,
    /// The comparison.
    #[serde(deserialize_with = "or_default")]
    pub op: Text,
}

impl<F> Config<F> {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// It is not JSON, or a property that nsx uses has another type than the specification gives
    /// it.
    pub fn parse<'a>(text: &'a [u8]) -> Result<Self, serde_json::Error>
    where
        F: Default + Deserialize<'a>,
    {
        // serde takes a list for a structure whose properties have no names.
        match text.trim_ascii_start().starts_with(b"[") {
            true => Err(Error::custom("it is a list, not an object")),
            false => serde_json::from_slice(text),
        }
    }
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
    /// Returns the limit; none if nsx does not know the resource. The largest number is no limit.
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

/// A JSON string as bytes, which need not be UTF-8.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(OsString);

impl Deref for Text {
    type Target = OsStr;

    fn deref(&self) -> &OsStr {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string_lossy().fmt(f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                self.visit_bytes(text.as_bytes())
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(OsString::from_vec(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::{Value, json};
    use std::os::unix::ffi::OsStrExt;

    fn read(json: &Value) -> Config<Seccomp> {
        Config::parse(json.to_string().as_bytes()).unwrap()
    }

    fn process(json: Value) -> Process {
        read(&json!({ "process": json })).process.unwrap()
    }

    #[test]
    fn the_file_of_an_engine_is_read() {
        // The parts of a file that Docker 20.10 wrote.
        let config = read(&json!({
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
        }));
        let process = config.process.unwrap();
        let User {
            uid,
            gid,
            additional_gids,
            umask,
        } = &process.user;
        assert_eq!(
            (uid, gid, additional_gids.as_slice(), umask),
            (&33, &44, &[4, 5][..], &None)
        );
        assert_eq!(
            (process.cwd, process.env),
            ("/srv".into(), vec!["PATH=/bin".into(), "A=b c".into()])
        );
        let limits: Vec<_> = process
            .rlimits
            .iter()
            .filter_map(Rlimit::limit)
            .map(|it| it.to_string())
            .collect();
        assert_eq!(limits, ["NOFILE 1024:1048576", "CORE 0:unlimited"]);
        assert_eq!(
            config.linux.seccomp.unwrap().default_action,
            "SCMP_ACT_ERRNO".into()
        );
        assert_eq!(
            (process.apparmor_profile, process.oom_score_adj),
            (Some("docker-default".into()), Some(-500))
        );
    }

    #[test]
    fn each_set_of_capabilities_is_its_own() {
        let process = process(json!({"capabilities": {
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FLY"], "effective": ["CAP_KILL"],
            "permitted": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["kill", "CHOWN"],
        }}));
        let (bounding, state) = process.capabilities();
        assert_eq!(bounding, CapabilitySet::CHOWN | CapabilitySet::KILL);
        assert_eq!(
            (state.effective, state.permitted),
            (CapabilitySet::KILL, bounding)
        );
        assert_eq!(
            (state.inheritable, state.ambient),
            (CapabilitySet::empty(), CapabilitySet::empty())
        );
        let unknown: Vec<_> = process
            .unknown_capabilities()
            .map(Text::to_string)
            .collect();
        assert_eq!(unknown, ["CAP_FLY", "kill", "CHOWN"]);
    }

    #[test]
    fn only_permitted_and_inheritable_capabilities_are_ambient() {
        let process = process(json!({"capabilities": {
            "permitted": ["CAP_KILL", "CAP_CHOWN"], "inheritable": ["CAP_KILL", "CAP_NET_RAW"],
            "ambient": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
        }}));
        assert_eq!(process.capabilities().1.ambient, CapabilitySet::KILL);
    }

    #[test]
    fn a_file_that_gives_nothing_gives_no_capability() {
        let empty = CapabilitySet::empty();
        for given in [
            json!({}),
            json!({"capabilities": null}),
            json!({"capabilities": {"bounding": null}}),
        ] {
            assert_eq!(
                process(given).capabilities(),
                (empty, CapabilityState::of(empty, false))
            );
        }
    }

    #[test]
    fn null_is_like_nothing() {
        // Go programs write null for an empty list.
        let nothing = json!({
            "hostname": null, "mounts": null, "process": {"user": null, "args": null, "env": null, "cwd": null,
            "rlimits": null}, "linux": {"namespaces": null, "seccomp": null, "timeOffsets": null}, "root": {"path": null},
        });
        let empty = Config {
            process: Some(Process::default()),
            root: Some(Root::default()),
            ..Config::default()
        };
        assert_eq!(read(&nothing), empty);
        assert_eq!(
            read(&json!({"linux": null, "process": null, "root": null})),
            Config::default()
        );
    }

    #[test]
    fn texts_are_bytes() {
        let text =
            b"{\"hostname\": \"a\xffb\", \"process\": {\"args\": [\"\xc3\x28\", \"\\u00e9\\n\"]}}";
        let config = Config::<IgnoredAny>::parse(text).unwrap();
        assert_eq!(config.hostname.as_bytes(), b"a\xffb");
        let args: Vec<_> = config
            .process
            .iter()
            .flat_map(|process| &process.args)
            .map(|it| it.as_bytes())
            .collect();
        assert_eq!(args, [&b"\xc3\x28"[..], "é\n".as_bytes()]);
    }

    #[test]
    fn another_type_is_refused_where_it_is_read() {
        for (json, what) in [
            (json!({"process": {"user": {"uid": -1}}}), "u32"),
            (json!({"process": {"args": "sh"}}), "sequence"),
            (json!({"mounts": [{"destination": ["/"]}]}), "a string"),
            (json!({"linux": {"namespaces": [{"path": "/x"}]}}), "type"),
            (json!([]), "not an object"),
        ] {
            let error = Config::<Seccomp>::parse(json.to_string().as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(what), "{error}");
        }
        read(&json!({"windows": 1, "process": {"user": {"username": 7}}, "future": {"args": "x"}}));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Config::<Seccomp>::parse(&bytes);
            let _ = Config::<IgnoredAny>::parse(&bytes);
        }

        #[test]
        fn a_text_is_read_as_it_was_written(text: String) {
            let config = read(&json!({ "hostname": text }));
            prop_assert_eq!(config.hostname.as_bytes(), text.as_bytes());
        }
    }
}
