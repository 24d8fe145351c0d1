//! Routes.

use crate::{
    Netlink, NetlinkError,
    bytes::{Attributes, Body, number},
    device::address,
};
use ipnet::IpNet;
use libc::{
    AF_INET, AF_INET6, NLM_F_CREATE, NLM_F_EXCL, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, RTA_DST,
    RTA_GATEWAY, RTA_OIF, RTM_GETROUTE, RTM_NEWROUTE, RTN_UNICAST, RTPROT_STATIC,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The length of `struct rtmsg`.
const HEADER: usize = 12;

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
        self.reader.dump(RTM_GETROUTE, &Body(vec![0; HEADER]), read)
    }

    /// Adds a default route through a router that a link reaches.
    ///
    /// # Errors
    /// [`Errno::NETUNREACH`](rustix::io::Errno::NETUNREACH) if the router is in the network of no
    /// address of the link.
    pub fn add_gateway(&mut self, link: u32, router: IpAddr) -> Result<(), NetlinkError> {
        self.act(
            RTM_NEWROUTE,
            NLM_F_CREATE | NLM_F_EXCL,
            &gateway(link, router),
        )
    }
}

/// A `struct rtmsg` and the attributes of a default route.
fn gateway(link: u32, router: IpAddr) -> Body {
    let family = if router.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut header = vec![family as u8, 0, 0, 0];
    header.extend([RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST]);
    header.resize(HEADER, 0);
    Body(header)
        .with(RTA_GATEWAY, &octets(router))
        .with_number(RTA_OIF, link)
}

/// Reads the body of an `RTM_NEWROUTE` message; `None` for a route of another table or family.
fn read(body: &[u8]) -> Option<Route> {
    if *body.get(4)? != RT_TABLE_MAIN {
        return None;
    }
    let everywhere: IpAddr = match i32::from(*body.first()?) {
        AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let (mut destination, mut gateway, mut link) = (everywhere, None, None);
    for (kind, value) in Attributes(body.get(HEADER..)?) {
        match kind {
            RTA_DST => destination = address(value)?,
            RTA_GATEWAY => gateway = address(value),
            RTA_OIF => link = number(value, 0),
            _ => {}
        }
    }
    Some(Route {
        destination: IpNet::new(destination, *body.get(1)?).ok()?,
        gateway,
        link,
    })
}

/// Returns an address in network byte order.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
