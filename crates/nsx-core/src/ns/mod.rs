//! Namespaces: their kinds, their identities, sets of kinds, and open namespaces.

mod handle;
mod id;
mod inside;
mod kind;
mod netlink;
mod nsid;
mod set;

pub use handle::{Namespace, Related};
pub use id::{NsId, ParseNsIdError};
pub use kind::{NsKind, UnknownKind};
pub use netlink::NetlinkOpener;
pub use nsid::NsidSocket;
pub use set::NsSet;
