//! What the commands that show namespaces share: the columns of a row, how each is found, and the
//! filter over them.

pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod entry_cells;
pub mod filter;
pub(crate) mod finder;
pub(crate) mod forest;
pub(crate) mod inside_users;
pub(crate) mod maps;
pub(crate) mod process;
pub(crate) mod system;
