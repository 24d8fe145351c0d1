//! What a namespace is: its kind, its identity, sets of kinds, and an open one.

mod handle;
mod id;
mod inside;
mod kind;
mod set;

pub use handle::{Namespace, Related};
pub use id::{NsId, ParseNsIdError};
pub use kind::{NsKind, UnknownKind};
pub use set::NsSet;
