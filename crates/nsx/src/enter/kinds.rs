//! The options that name kinds of namespace, as `nsenter(1)` has them.

use clap::{Args, builder::ValueHint};
use nsx_core::ns::{NsKind, NsSet};
use std::path::{Path, PathBuf};

/// A flag for each kind, with the file that holds the namespace if it is not the target's.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct KindFlags {
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
    /// User and group ids, capabilities: nsenter's --user
    #[arg(short = 'U', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    userns: Option<Option<PathBuf>>,
    /// The root of the cgroup tree
    #[arg(short = 'C', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    cgroup: Option<Option<PathBuf>>,
    /// Offsets of the monotonic and boot-time clocks
    #[arg(short = 'T', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    time: Option<Option<PathBuf>>,
    /// All in which the target differs from the caller; the default
    #[arg(short, long)]
    all: bool,
}

impl KindFlags {
    fn each(&self) -> [(NsKind, &Option<Option<PathBuf>>); 8] {
        [
            (NsKind::Cgroup, &self.cgroup),
            (NsKind::Ipc, &self.ipc),
            (NsKind::Mnt, &self.mount),
            (NsKind::Net, &self.net),
            (NsKind::Pid, &self.pid),
            (NsKind::Time, &self.time),
            (NsKind::User, &self.userns),
            (NsKind::Uts, &self.uts),
        ]
    }

    /// Returns the kinds that are named; none if all are meant.
    pub(super) fn named(&self) -> Option<NsSet> {
        let given = self
            .each()
            .into_iter()
            .filter_map(|(kind, flag)| flag.is_some().then_some(kind))
            .collect();
        Some(given).filter(|given: &NsSet| !given.is_empty() && !self.all)
    }

    /// Returns the kinds that are named without a file.
    pub(super) fn without_file(&self) -> NsSet {
        self.each()
            .into_iter()
            .filter(|(_, flag)| matches!(flag, Some(None)))
            .map(|(kind, _)| kind)
            .collect()
    }

    /// Returns the file that is named for a kind.
    pub(super) fn file(&self, kind: NsKind) -> Option<&Path> {
        self.files()
            .find_map(|(other, path)| (other == kind).then_some(path))
    }

    /// Returns the files that are named, each with its kind.
    pub(super) fn files(&self) -> impl Iterator<Item = (NsKind, &Path)> {
        self.each()
            .into_iter()
            .filter_map(|(kind, flag)| Some((kind, flag.as_ref()?.as_deref()?)))
    }
}
