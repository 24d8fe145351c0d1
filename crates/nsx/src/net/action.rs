//! The actions of `nsx net`.

use super::map::Map;

/// An action, with all that it depends on.
pub(super) enum Action {
    /// List the columns that a list of devices may have.
    Columns,
    /// List devices with their other ends.
    Map(Map),
}
