//! The actions of `nsx ls`: what each is about, and which part of it is selected.

use super::{
    graph::Graph, namespaces::Namespaces, processes::Processes, target::Target, watch::Watch,
};
use crate::query::{column::Column, filter::Filter, system::Procfs};
use nsx_core::ns::NsSet;
use std::{ffi::OsString, path::PathBuf};

/// An action, with all that it depends on.
pub(super) enum Action {
    /// List the columns that a list of namespaces, or of processes, may have.
    Columns { of_processes: bool },
    /// List namespaces, one by one or as a tree.
    Namespaces(Source, Namespaces),
    /// List containers, units, processes and files that have namespaces of their own.
    Groups(Source),
    /// Show the namespaces of a process, or the holders of a namespace.
    Target(Source, Target),
    /// Show what would have to happen for a namespace, or those of a process, to die.
    Why(Source, OsString),
    /// List processes.
    Processes(Source, Processes),
    /// Show PID namespaces with their processes as a tree.
    PidTree(Procfs, Processes),
    /// Draw user namespaces with the namespaces that they own.
    Graph(Source, Graph),
    /// Follow namespaces as they come and go.
    Watch(Watch),
    /// Save a census to a file.
    Save(Procfs, PathBuf),
    /// Compare what was saved before with what is there after. `details` requests each namespace.
    Diff {
        before: PathBuf,
        after: Source,
        details: bool,
    },
}

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
    pub(super) filter: Option<Filter<Column>>,
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
