//! The sources of what is shown, and the parts of them that are selected.

use crate::query::{column::NsColumn, filter::Filter, system::Procfs};
use nsx_core::ns::NsSet;
use std::{ffi::OsString, path::PathBuf};

/// The source of what is shown.
pub(super) enum Source {
    /// The processes that a procfs shows.
    Live(Procfs),
    /// A census in a file.
    Saved(PathBuf),
}

/// The namespaces to show.
pub(super) struct Selection {
    pub(super) kinds: NsSet,
    /// The process that is in them, if only those of one process are shown.
    pub(super) process: Option<OsString>,
    /// The condition that they fulfil.
    pub(super) filter: Option<Filter<NsColumn>>,
    /// `true` if they are searched in every thread, descriptor, socket and mount namespace.
    pub(super) deep: bool,
}

/// The PID namespaces whose processes are shown.
pub(super) enum Scope {
    /// All below the caller's.
    Nested,
    /// All.
    All,
    /// That of this process, and all below it.
    Below(OsString),
}
