//! Connections of a network namespace, as data.

use super::{NamespaceFile, Step};
use nsx_net::{InterfaceName, IpNet, UpperKind};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// The connections of a network namespace with the caller's, and what has to be made with them.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Bridges to make in the caller's network namespace.
    pub bridges: Vec<Bridge>,
    /// Links from the caller's network namespace.
    pub links: Vec<Link>,
    /// Translation of addresses for those links.
    pub table: Option<Table>,
    /// A program that connects the network namespace.
    pub uplink: Option<Uplink>,
}

impl Network {
    /// Returns whether something is taken away when the program ends.
    pub fn ends_with_program(&self) -> bool {
        self.table.is_some()
            || self.uplink.is_some()
            || self.links.iter().any(|link| link.ends_with_program)
            || self.bridges.iter().any(|bridge| bridge.ends_with_ports)
    }

    /// Returns the steps that make all of it, in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        let bridges = self.bridges.iter().cloned().map(Step::MakeBridge);
        let links = self.links.iter().cloned().map(Step::MakeLink);
        let table = self.table.clone().map(Step::MakeTable);
        let uplink = self.uplink.clone().map(Step::StartUplink);
        bridges.chain(links).chain(table).chain(uplink)
    }
}

/// A link between the caller's network namespace and another.
#[derive(Clone, Debug)]
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
    /// `true` if nsx takes the link away when the program has ended, and does not leave that to the
    /// end of the namespace.
    pub ends_with_program: bool,
}

/// The kind of a link, with what the link is attached to outside.
#[derive(Clone, Debug)]
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
    /// A cable to a network namespace that is not the caller's either.
    Cable {
        /// The name of the end there.
        outside: InterfaceName,
        /// The other network namespace.
        to: NamespaceFile,
        /// The addresses of the end there.
        addresses: Vec<IpNet>,
    },
    /// An interface on top of one outside.
    Upper {
        /// The driver.
        kind: UpperKind,
        /// The interface outside.
        parent: InterfaceName,
    },
    /// An interface of the caller's network namespace, which is there again at the end.
    Moved {
        /// Its name outside.
        from: InterfaceName,
        /// `true` if it is up outside.
        is_up: bool,
    },
}

impl Link {
    /// Returns the name of the end that is in the caller's network namespace, if there is one.
    pub fn outside(&self) -> Option<&InterfaceName> {
        match &self.kind {
            LinkKind::Veth { outside, .. } => Some(outside),
            LinkKind::Cable { .. } | LinkKind::Upper { .. } | LinkKind::Moved { .. } => None,
        }
    }
}

/// As an option of `nsx` names the kind.
impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Veth { .. } | Self::Cable { .. } => "veth",
            Self::Upper {
                kind: UpperKind::Macvlan,
                ..
            } => "macvlan",
            Self::Upper {
                kind: UpperKind::Ipvlan,
                ..
            } => "ipvlan",
            Self::Moved { .. } => "move",
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
    /// `true` if the bridge goes with the last of its ports. It is then made again if it is gone
    /// when a port is made.
    pub ends_with_ports: bool,
}

/// A table of nftables in the caller's network namespace, of the family inet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The program `nft`.
    pub program: PathBuf,
    /// The name of the table.
    pub name: String,
    /// The commands that make it, as JSON; see `libnftables-json(5)`. They replace a table of the
    /// name.
    pub commands: String,
    /// The ports of the caller's network namespace that lead inside.
    pub published: Vec<Publish>,
    /// `true` if connections from inside have the host's address.
    pub masquerades: bool,
    /// An interface from which connections to this host's loopback addresses lead inside, see
    /// `route_localnet` in the kernel's ip-sysctl.
    pub routes_loopback: Option<InterfaceName>,
}

/// A port outside that leads to a port inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The address outside; every address if none is given.
    pub address: Option<IpAddr>,
    /// The port outside.
    pub outside: u16,
    /// The port inside.
    pub inside: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The Transmission Control Protocol.
    Tcp,
    /// The User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// As an option of `nsx` names it.
impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        write!(f, "{}:{}", self.outside, self.inside)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

/// A program that connects the new network namespace to the caller's network without privilege.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// The program's file.
    pub program: PathBuf,
    /// The kind of the program.
    pub kind: UplinkKind,
    /// `true` if the new network namespace belongs to a new user namespace.
    pub joins_user: bool,
    /// The name of the interface inside.
    pub name: InterfaceName,
    /// The largest packet in bytes; the program's choice if none is given.
    pub mtu: Option<u32>,
    /// The ports outside that lead inside.
    pub published: Vec<Publish>,
    /// The address inside that answers for the host's resolver.
    pub resolver: Ipv4Addr,
    /// A socket for requests to slirp4netns, needed if ports are published. The directory that it
    /// is in is made, and removed at the end.
    pub socket: Option<PathBuf>,
}

/// The programs that can be an [`Uplink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkKind {
    /// `pasta(1)`, which gives the inside the host's own addresses.
    Pasta,
    /// `slirp4netns(1)`.
    Slirp4netns,
}

impl UplinkKind {
    /// The name of the program.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pasta => "pasta",
            Self::Slirp4netns => "slirp4netns",
        }
    }
}
