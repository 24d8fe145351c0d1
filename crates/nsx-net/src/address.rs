//! Addresses of links.

use crate::{Netlink, NetlinkError};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
};
use std::net::IpAddr;

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// The index of the link.
    pub link: u32,
    /// The address and the length of its network's prefix in bits.
    pub net: IpNet,
}

impl Netlink {
    /// Lists the addresses of the network namespace.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let list = self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
        Ok(list.iter().filter_map(read).collect())
    }

    /// Gives a link an address. An IPv6 address is usable at once: duplicate address detection is
    /// left out, as nobody else can have it on a link that was just made.
    ///
    /// # Errors
    /// [`Errno::EXIST`](rustix::io::Errno::EXIST) if the link has the address.
    pub fn add_address(&mut self, link: u32, net: IpNet) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.index = link;
        message.header.prefix_len = net.prefix_len();
        let address = net.addr();
        message.attributes.extend([
            AddressAttribute::Local(address),
            AddressAttribute::Address(address),
        ]);
        match net {
            IpNet::V4(net) => {
                message.header.family = AddressFamily::Inet;
                if net.prefix_len() < 31 {
                    message
                        .attributes
                        .push(AddressAttribute::Broadcast(net.broadcast()));
                }
            }
            IpNet::V6(_) => {
                message.header.family = AddressFamily::Inet6;
                message.header.flags = AddressHeaderFlags::Nodad;
                message
                    .attributes
                    .push(AddressAttribute::Flags(AddressFlags::Nodad));
            }
        }
        self.act(
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }
}

fn read(message: &RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let find = |local: bool| {
        message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Local(address) if local => Some(*address),
                AddressAttribute::Address(address) if !local => Some(*address),
                _ => None,
            })
    };
    // On a point-to-point link, IFA_ADDRESS is the other end's.
    let address: IpAddr = find(true).or_else(|| find(false))?;
    Some(Address {
        link: message.header.index,
        net: IpNet::new(address, message.header.prefix_len).ok()?,
    })
}
