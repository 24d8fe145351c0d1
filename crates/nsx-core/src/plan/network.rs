//! Links of a new network namespace, as data.

use nsx_net::{InterfaceName, IpNet};
use std::{fmt, net::IpAddr};

/// A link between the caller's network namespace and a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kind of the link, with what the link is attached to outside.
    pub kind: LinkKind,
    /// Its name inside.
    pub name: InterfaceName,
    /// Its hardware address inside; a random address if none is given.
    pub mac: Option<[u8; 6]>,
    /// The largest packet in bytes; the kernel's choice if none is given.
    pub mtu: Option<u32>,
    /// Its addresses inside.
    pub addresses: Vec<IpNet>,
    /// The routers of the default routes inside, at most one of each family.
    pub gateways: Vec<IpAddr>,
}

/// The kind of a link, with what the link is attached to outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// A cable with one end inside, see `veth(4)`.
    Veth {
        /// The name of the end outside.
        outside: InterfaceName,
        /// The bridge that the end outside is a port of.
        bridge: Option<InterfaceName>,
        /// The addresses of the end outside.
        addresses: Vec<IpNet>,
    },
    /// An interface of its own hardware address on an interface outside.
    Macvlan {
        /// The interface outside.
        parent: InterfaceName,
    },
}

impl Link {
    /// Returns the name of the end that is in the caller's network namespace, if there is one.
    pub fn outside(&self) -> Option<&InterfaceName> {
        match &self.kind {
            LinkKind::Veth { outside, .. } => Some(outside),
            LinkKind::Macvlan { .. } => None,
        }
    }
}

/// As an option of `nsx` names the kind.
impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Veth { .. } => "veth",
            Self::Macvlan { .. } => "macvlan",
        })
    }
}

/// A bridge to make in the caller's network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: InterfaceName,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
}
