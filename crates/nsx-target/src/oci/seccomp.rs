//! The properties of `linux.seccomp`: a filter of system calls.

use super::text::{Text, or_default};
use serde::Deserialize;

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
