//! The configuration of an OCI bundle, `config.json`, see the runtime specification.
//!
//! The structures have the properties that nsx uses and pass over all others. A property that is
//! missing or null has its default value, as in runc. Texts are bytes: the kernel takes names,
//! paths and variables that are not UTF-8.

mod process;
mod seccomp;
mod text;

pub use process::{Process, Rlimit, UMASK, User};
pub use seccomp::{Argument, Seccomp, Syscall};
pub use text::Text;

use serde::{Deserialize, de::Error};
use std::collections::BTreeMap;
use text::or_default;

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

#[cfg(test)]
mod tests;
