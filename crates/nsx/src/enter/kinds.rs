//! The options that name kinds of namespace, as `nsenter(1)` has them.

use crate::{out, program::RequestError};
use clap::{Args, builder::ValueHint};
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{NamespaceFile, NamespaceFileError},
};
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

    /// The kinds that were named; none where all are meant.
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

    /// Returns whether a file is named.
    pub(super) fn has_files(&self) -> bool {
        self.each()
            .into_iter()
            .any(|(_, flag)| matches!(flag, Some(Some(_))))
    }

    /// Returns the file that is named for a kind.
    pub(super) fn file(&self, kind: NsKind) -> Option<&Path> {
        self.each()
            .into_iter()
            .find_map(|(other, flag)| flag.as_ref()?.as_deref().filter(|_| other == kind))
    }

    /// The namespaces that come from files.
    pub(super) fn files(&self) -> Result<Vec<NamespaceFile>, RequestError> {
        let files = self
            .each()
            .into_iter()
            .filter_map(|(kind, flag)| Some((kind, flag.as_ref()?.as_ref()?)));
        files.map(|(kind, path)| open(kind, path)).collect()
    }
}

fn open(kind: NsKind, path: &PathBuf) -> Result<NamespaceFile, RequestError> {
    let shown = out::shown(path.as_os_str());
    NamespaceFile::open(path, kind).map_err(|error| match error {
        NamespaceFileError::Open(errno) => RequestError::Namespace(shown, errno),
        NamespaceFileError::OtherKind(found) => RequestError::Usage(format!(
            "{shown} holds a {found} namespace, not a {kind} namespace"
        )),
    })
}
