//! Routes.

use crate::{Netlink, NetlinkError};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route of the main table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The network that the route leads to; with a prefix of no bits, everywhere.
    pub destination: IpNet,
    /// The next router, if there is one.
    pub gateway: Option<IpAddr>,
    /// The index of the link that leads there.
    pub link: Option<u32>,
}

impl Netlink {
    /// Lists the routes of the main table.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let list = self.dump(RouteNetlinkMessage::GetRoute(RouteMessage::default()))?;
        Ok(list.iter().filter_map(read).collect())
    }

    /// Adds a default route through a router that a link reaches.
    ///
    /// # Errors
    /// [`Errno::NETUNREACH`](rustix::io::Errno::NETUNREACH) if the router is in the network of no
    /// address of the link.
    pub fn add_gateway(&mut self, link: u32, router: IpAddr) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        let (family, address) = match router {
            IpAddr::V4(router) => (AddressFamily::Inet, RouteAddress::Inet(router)),
            IpAddr::V6(router) => (AddressFamily::Inet6, RouteAddress::Inet6(router)),
        };
        message.header.address_family = family;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message
            .attributes
            .extend([RouteAttribute::Gateway(address), RouteAttribute::Oif(link)]);
        self.act(
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }
}

fn read(message: &RouteNetlinkMessage) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let header = &message.header;
    if header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let everywhere: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let (mut destination, mut gateway, mut link) = (everywhere, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(found) => destination = address(found)?,
            RouteAttribute::Gateway(found) => gateway = address(found),
            RouteAttribute::Oif(index) => link = Some(*index),
            _ => {}
        }
    }
    Some(Route {
        destination: IpNet::new(destination, header.destination_prefix_length).ok()?,
        gateway,
        link,
    })
}

fn address(found: &RouteAddress) -> Option<IpAddr> {
    match found {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
