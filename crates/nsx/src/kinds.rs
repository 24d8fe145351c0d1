//! The options that name kinds of namespace, shared by `unshare` and `enter`. The option for user
//! namespaces has another name in each.

use clap::{Args, builder::ValueHint};
use nsx_core::ns::NsKind;
use std::path::PathBuf;

/// A flag for each kind, with a file of the namespace.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Namespaces")]
pub(crate) struct KindFlags {
    /// Mount points
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    mount: Option<Option<PathBuf>>,
    /// Host name and NIS domain name
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    uts: Option<Option<PathBuf>>,
    /// System V IPC and POSIX message queues
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    ipc: Option<Option<PathBuf>>,
    /// Network devices, addresses, ports
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    net: Option<Option<PathBuf>>,
    /// Process ids
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    pid: Option<Option<PathBuf>>,
    /// The root of the cgroup tree
    #[arg(short = 'C', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    cgroup: Option<Option<PathBuf>>,
    /// Offsets of the monotonic and boot-time clocks
    #[arg(short = 'T', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    time: Option<Option<PathBuf>>,
}

impl KindFlags {
    /// Returns the flag of each kind: none if the kind is not named.
    pub(crate) fn each(&self) -> [(NsKind, Option<&Option<PathBuf>>); 7] {
        [
            (NsKind::Cgroup, self.cgroup.as_ref()),
            (NsKind::Ipc, self.ipc.as_ref()),
            (NsKind::Mnt, self.mount.as_ref()),
            (NsKind::Net, self.net.as_ref()),
            (NsKind::Pid, self.pid.as_ref()),
            (NsKind::Time, self.time.as_ref()),
            (NsKind::Uts, self.uts.as_ref()),
        ]
    }
}
