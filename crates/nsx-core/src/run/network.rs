//! Links between network namespaces: how they are found, set up and removed.

use crate::plan;
use nsx_net::{InterfaceName, IpNet, Netlink, NetlinkError};
use rustix::io::Errno;

/// Returns the index of the link of this name, or 0 if there is none.
pub(super) fn index_of(name: &InterfaceName) -> Result<u32, Errno> {
    attempt(|netlink| Ok(netlink.link(name.as_str())?.map_or(0, |link| link.index)))
}

/// Removes a link, both its ends.
pub(super) fn remove(link: &plan::Link) -> Result<(), Errno> {
    let Some(name) = link.outside() else {
        return Ok(());
    };
    attempt(|netlink| match netlink.link(name.as_str())? {
        Some(link) => netlink.remove(link.index),
        None => Ok(()),
    })
}

/// Removes a bridge, unless links of others are ports of it.
pub(super) fn remove_bridge(name: &InterfaceName) -> Result<(), Errno> {
    attempt(|netlink| {
        let links = netlink.links()?;
        let Some(bridge) = links.iter().find(|link| link.name == name.as_str()) else {
            return Ok(());
        };
        if links
            .iter()
            .any(|link| link.controller == Some(bridge.index))
        {
            return Ok(());
        }
        netlink.remove(bridge.index)
    })
}

/// Gives a link that is in this process's network namespace its addresses and routes, and brings it
/// up.
pub(super) fn set_up(link: &plan::Link) -> Result<(), Errno> {
    attempt(|netlink| {
        let index = index(netlink, &link.name)?;
        for address in &link.addresses {
            netlink.add_address(index, *address)?;
        }
        netlink.bring_up(index)?;
        for router in &link.gateways {
            netlink.add_gateway(index, *router)?;
        }
        Ok(())
    })
}

/// Does something with a socket to rtnetlink. The kernel's words about a refusal are left out, as
/// an errno is all that another process hears of.
pub(super) fn attempt<T>(
    act: impl FnOnce(&mut Netlink) -> Result<T, NetlinkError>,
) -> Result<T, Errno> {
    Netlink::open()
        .and_then(|mut netlink| act(&mut netlink))
        .map_err(|error| error.errno().unwrap_or(Errno::BADMSG))
}

pub(super) fn add_addresses(
    netlink: &mut Netlink,
    name: &InterfaceName,
    addresses: &[IpNet],
) -> Result<(), NetlinkError> {
    if addresses.is_empty() {
        return Ok(());
    }
    let index = index(netlink, name)?;
    addresses
        .iter()
        .try_for_each(|address| netlink.add_address(index, *address))
}

pub(super) fn index(netlink: &mut Netlink, name: &InterfaceName) -> Result<u32, NetlinkError> {
    let link = netlink.link(name.as_str())?;
    link.map(|link| link.index).ok_or(NetlinkError::Refused {
        errno: Errno::NODEV,
        words: None,
    })
}
