//! The actions of `nsx net`.

use super::{graph::Graph, map::Map, sockets::Sockets};

/// An action, with all that it depends on.
pub(super) enum Action {
    /// List the columns that a list of devices, or of sockets, may have.
    Columns { of_sockets: bool },
    /// List devices with their other ends.
    Map(Map),
    /// Draw network namespaces with the connections between them.
    Graph(Graph),
    /// List sockets with the processes at both ends.
    Sockets(Sockets),
}
