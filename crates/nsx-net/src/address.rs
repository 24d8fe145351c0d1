//! Addresses of links.

use crate::{DeviceAddress, Netlink, NetlinkError, bytes::Body, route::octets};
use ipnet::IpNet;
use libc::{
    AF_INET, AF_INET6, IFA_ADDRESS, IFA_BROADCAST, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL, NLM_F_CREATE,
    NLM_F_EXCL, RTM_NEWADDR,
};

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
        let list = self.reader.device_addresses()?;
        Ok(list.into_iter().filter_map(of_device).collect())
    }

    /// Gives a link an address. An IPv6 address is usable at once: duplicate address detection is
    /// left out, as nobody else can have it on a link that was just made.
    ///
    /// # Errors
    /// [`Errno::EXIST`](rustix::io::Errno::EXIST) if the link has the address.
    pub fn add_address(&mut self, link: u32, net: IpNet) -> Result<(), NetlinkError> {
        self.act(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &new(link, net))
    }
}

/// A `struct ifaddrmsg` and the attributes of a new address.
fn new(link: u32, net: IpNet) -> Body {
    let (family, flags) = match net {
        IpNet::V4(_) => (AF_INET, 0),
        IpNet::V6(_) => (AF_INET6, IFA_F_NODAD),
    };
    let mut header = vec![family as u8, net.prefix_len(), flags as u8, 0];
    header.extend(link.to_ne_bytes());
    let address = octets(net.addr());
    let body = Body(header)
        .with(IFA_LOCAL, &address)
        .with(IFA_ADDRESS, &address);
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            body.with(IFA_BROADCAST, &net.broadcast().octets())
        }
        IpNet::V4(_) => body,
        IpNet::V6(_) => body.with_number(IFA_FLAGS, flags),
    }
}

fn of_device(address: DeviceAddress) -> Option<Address> {
    Some(Address {
        link: address.device,
        net: IpNet::new(address.address, address.prefix).ok()?,
    })
}
