//! The actions of `nsx mounts`.

use super::{tree::Tree, watch::Watch};
use std::ffi::OsString;

/// An action, with all that it depends on.
pub(super) enum Action {
    /// List the columns that a list of mounts may have.
    Columns,
    /// List the mounts of a target, or of the caller.
    Tree(Tree),
    /// Compare the mounts of two targets.
    Compare(OsString, OsString),
    /// Follow the mounts of a target, or of the caller.
    Watch(Watch),
    /// Show what keeps the mount at a path busy, as the target sees the path, or the caller.
    Why(OsString, Option<OsString>),
}
