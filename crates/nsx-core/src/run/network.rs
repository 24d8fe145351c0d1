//! Links between network namespaces: how they are found, set up and removed.

use crate::{ns::Namespace, plan};
use nsx_net::{InterfaceName, IpNet, Netlink, NetlinkError};
use rustix::{
    fd::AsFd,
    fs::CWD,
    io::Errno,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

/// Returns the index of the link of this name, or 0 if there is none.
pub(super) fn index_of(name: &InterfaceName) -> Result<u32, Errno> {
    attempt(|netlink| Ok(netlink.link(name.as_str())?.map_or(0, |link| link.index)))
}

/// Removes a link, both its ends.
pub(super) fn remove(link: &plan::Link) -> Result<(), Errno> {
    link.outside().map_or(Ok(()), remove_link)
}

/// Removes the link of a name. A link that is gone is not a failure.
///
/// # Errors
/// The kernel's errno.
pub fn remove_link(name: &InterfaceName) -> Result<(), Errno> {
    attempt(|netlink| match netlink.link(name.as_str())? {
        Some(link) => netlink.remove(link.index),
        None => Ok(()),
    })
}

/// Removes a bridge, unless links of others are ports of it.
///
/// # Errors
/// The kernel's errno.
pub fn remove_bridge(name: &InterfaceName) -> Result<(), Errno> {
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

/// Opens a socket to rtnetlink in another network namespace, where this thread is for a moment.
///
/// # Errors
/// The kernel's errno; `EPERM` if the caller may not join that network namespace or its own.
pub fn open_in(namespace: &Namespace) -> Result<Netlink, Errno> {
    let here = own()?;
    let join = |namespace: &Namespace| {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
    };
    join(namespace)?;
    let opened = Netlink::open();
    join(&here)?;
    opened.map_err(|error| errno_of(&error))
}

/// Opens this thread's network namespace.
fn own() -> Result<Namespace, Errno> {
    Namespace::open(CWD, c"/proc/thread-self/ns/net")
}

/// Returns the index of the link of this name in another network namespace, or 0 if there is none.
pub(super) fn index_in(namespace: &Namespace, name: &InterfaceName) -> Result<u32, Errno> {
    let found = open_in(namespace)?.link(name.as_str());
    let found = found.map_err(|error| errno_of(&error))?;
    Ok(found.map_or(0, |link| link.index))
}

/// Removes the link of a name from another network namespace. Returns whether there was one.
///
/// # Errors
/// The kernel's errno.
pub fn remove_in(namespace: &Namespace, name: &InterfaceName) -> Result<bool, Errno> {
    let mut netlink = open_in(namespace)?;
    let removed = match netlink.link(name.as_str()) {
        Ok(None) => return Ok(false),
        Ok(Some(link)) => netlink.remove(link.index),
        Err(error) => Err(error),
    };
    removed.map(|()| true).map_err(|error| errno_of(&error))
}

/// Moves a link from the network namespace `inside` to this process's own, and brings the link up
/// if it was up before. A link that is gone is not a failure.
pub fn fetch(
    inside: &Namespace,
    name: &InterfaceName,
    as_name: &InterfaceName,
    was_up: bool,
) -> Result<(), Errno> {
    let here = own()?;
    let mut netlink = open_in(inside)?;
    let moved = netlink.link(name.as_str()).and_then(|link| match link {
        Some(link) => netlink.move_to(link.index, as_name, here.as_fd()),
        None => Ok(()),
    });
    moved.map_err(|error| errno_of(&error))?;
    if was_up {
        attempt(|netlink| match netlink.link(as_name.as_str())? {
            Some(link) => netlink.bring_up(link.index),
            None => Ok(()),
        })?;
    }
    Ok(())
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
        .map_err(|error| errno_of(&error))
}

pub(super) fn errno_of(error: &NetlinkError) -> Errno {
    error.errno().unwrap_or(Errno::BADMSG)
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
