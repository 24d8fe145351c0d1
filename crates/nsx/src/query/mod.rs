//! The parts that `ls`, `net`, `mounts`, `pidmap` and `idmap` share: the system that is looked at, the
//! columns of lists, the cells of rows, filters, trees, the owners and names of namespaces, and
//! readers of processes, users and id mappings.

pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod condition;
pub(crate) mod descriptions;
pub(crate) mod entry_cells;
pub mod filter;
pub(crate) mod finder;
pub(crate) mod forest;
pub(crate) mod grouping;
pub(crate) mod inside_users;
pub(crate) mod left_out;
pub(crate) mod listing;
pub(crate) mod maps;
pub(crate) mod names;
pub(crate) mod owners;
pub(crate) mod process;
pub(crate) mod system;
