//! The actions of `nsx ls`.

use super::{
    graph::Graph, namespaces::Namespaces, processes::Processes, selection::Source, target::Target,
    watch::Watch,
};
use crate::query::system::Procfs;
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
