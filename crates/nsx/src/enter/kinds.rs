//! The options that name kinds of namespace, as `nsenter(1)` has them.

use crate::kinds::KindFlags;
use clap::{Args, builder::ValueHint};
use nsx_core::ns::{NsKind, NsSet};
use std::path::{Path, PathBuf};

/// A flag for each kind, with the file that holds the namespace if it is not the target's.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct KindOptions {
    #[command(flatten)]
    flags: KindFlags,
    /// User and group ids, capabilities: nsenter's --user
    #[arg(short = 'U', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    userns: Option<Option<PathBuf>>,
    /// All in which the target differs from the caller; the default
    #[arg(short, long)]
    all: bool,
}

impl KindOptions {
    /// Returns the kinds that are named, with their files.
    fn each(&self) -> impl Iterator<Item = (NsKind, Option<&Path>)> {
        let user = (NsKind::User, self.userns.as_ref());
        let flags = self.flags.each().into_iter().chain([user]);
        flags.filter_map(|(kind, flag)| Some((kind, flag?.as_deref())))
    }

    /// Returns the kinds that are named; none if all are meant.
    pub(super) fn named(&self) -> Option<NsSet> {
        let given = self.each().map(|(kind, _)| kind).collect();
        Some(given).filter(|given: &NsSet| !given.is_empty() && !self.all)
    }

    /// Returns the kinds that are named without a file.
    pub(super) fn without_file(&self) -> NsSet {
        let without = self.each().filter(|(_, file)| file.is_none());
        without.map(|(kind, _)| kind).collect()
    }

    /// Returns the file that is named for a kind.
    pub(super) fn file(&self, kind: NsKind) -> Option<&Path> {
        self.files()
            .find_map(|(other, path)| (other == kind).then_some(path))
    }

    /// Returns the files that are named, each with its kind.
    pub(super) fn files(&self) -> impl Iterator<Item = (NsKind, &Path)> {
        self.each().filter_map(|(kind, file)| Some((kind, file?)))
    }
}
