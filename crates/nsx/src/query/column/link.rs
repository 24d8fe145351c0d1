//! The columns of a list of network devices.

use super::{Column, FILE, NOTHING, Spec, spec};
use crate::table::Align::{Left, Right};

/// A column of a list of network devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkColumn {
    Name,
    Ns,
    Link,
    Index,
    Kind,
    State,
    Mtu,
    Mac,
    Addresses,
    Master,
    Peer,
    PeerNs,
    PeerIndex,
    Network,
    Remote,
}

impl Column for LinkColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &[
        Self::Name,
        Self::Link,
        Self::Kind,
        Self::State,
        Self::Mtu,
        Self::Master,
        Self::Peer,
        Self::Addresses,
    ];
    const LISTED_BY: &'static str = "--columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

const NUMBER: &str = "a call for each namespace that it refers to";

/// All columns, in the order of [`LinkColumn`].
#[rustfmt::skip]
const SPECS: [Spec<LinkColumn>; 15] = [
    spec(LinkColumn::Name, "NAME", Left, FILE, "the container, unit, process or file that the \
    network namespace belongs to"),
    spec(LinkColumn::Ns, "NS", Right, NOTHING, "inode number of the network namespace"),
    spec(LinkColumn::Link, "LINK", Left, NOTHING, "name of the device"),
    spec(LinkColumn::Index, "INDEX", Right, NOTHING, "its index"),
    spec(LinkColumn::Kind, "KIND", Left, NOTHING, "its driver, such as veth; nothing for hardware"),
    spec(LinkColumn::State, "STATE", Left, NOTHING, "its operational state, or up or down if the \
    driver does not know"),
    spec(LinkColumn::Mtu, "MTU", Right, NOTHING, "the largest packet in bytes"),
    spec(LinkColumn::Mac, "MAC", Left, NOTHING, "its hardware address"),
    spec(LinkColumn::Addresses, "ADDRESSES", Left, NOTHING, "its addresses"),
    spec(LinkColumn::Master, "MASTER", Left, NOTHING, "the bridge or other master that it is a \
    port of"),
    spec(LinkColumn::Peer, "PEER", Left, NUMBER, "the other end of a veth pair, or the parent; in \
    another network namespace after its NAME and a slash"),
    spec(LinkColumn::PeerNs, "PEERNS", Right, NUMBER, "inode number of the network namespace of \
    that device"),
    spec(LinkColumn::PeerIndex, "PEERINDEX", Right, NOTHING, "index of that device"),
    spec(LinkColumn::Network, "NETWORK", Right, NOTHING, "number of a VLAN, VXLAN or Geneve network"),
    spec(LinkColumn::Remote, "REMOTE", Left, NOTHING, "address of the other end of a tunnel"),
];
