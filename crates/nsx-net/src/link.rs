//! Network interfaces, called links by rtnetlink.

use crate::{Device, InterfaceName, Netlink, NetlinkError, bytes::Body};
use libc::{
    IFF_UP, IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINK, IFLA_LINKINFO,
    IFLA_MASTER, IFLA_MTU, IFLA_NET_NS_FD, NLM_F_CREATE, NLM_F_EXCL, RTM_DELLINK, RTM_GETLINK,
    RTM_NEWLINK, RTM_SETLINK,
};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

/// Numbers of linux/if_link.h and linux/veth.h that libc lacks.
const VETH_INFO_PEER: u16 = 1;
const MACVLAN_MODE: u16 = 1;
const MACVLAN_BRIDGE: u32 = 4;
const IPVLAN_MODE: u16 = 1;
const IPVLAN_L2: u16 = 0;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its index, which no other interface of its network namespace has.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its driver as rtnetlink names it, `veth` or `bridge`; nothing for a device of the hardware
    /// and for `lo`.
    pub kind: Option<String>,
    /// The bridge, or another master, that it is a port of.
    pub controller: Option<u32>,
    /// `true` if it is up.
    pub is_up: bool,
}

/// The other end of a new veth pair.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    /// Its name.
    pub name: &'a InterfaceName,
    /// The network namespace that it is made in.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address; a random address if none is given.
    pub mac: Option<[u8; 6]>,
}

/// A new veth pair.
#[derive(Clone, Debug)]
pub struct NewVeth<'a> {
    /// The name of the end here.
    pub name: &'a InterfaceName,
    /// The network namespace that the end here is made in, if it is not the socket's.
    pub namespace: Option<BorrowedFd<'a>>,
    /// The bridge that the end here becomes a port of.
    pub bridge: Option<u32>,
    /// The largest packet of both ends in bytes; the kernel's choice if none is given.
    pub mtu: Option<u32>,
    /// The other end.
    pub peer: Peer<'a>,
}

/// A new link on top of an interface, in another network namespace.
#[derive(Clone, Debug)]
pub struct NewUpper<'a> {
    /// The kind of the link.
    pub kind: UpperKind,
    /// The parent, an interface of the socket's network namespace.
    pub parent: u32,
    /// Its name.
    pub name: &'a InterfaceName,
    /// The network namespace that it is made in.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address; a random address if none is given, or the parent's for ipvlan.
    pub mac: Option<[u8; 6]>,
    /// The largest packet in bytes; the parent's if none is given.
    pub mtu: Option<u32>,
}

/// The kinds of links on top of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpperKind {
    /// A link with a hardware address of its own, in bridge mode.
    Macvlan,
    /// A link with the parent's hardware address, in mode L2.
    Ipvlan,
}

impl Netlink {
    /// Lists the links of the network namespace.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let devices = self.reader.devices()?;
        Ok(devices.into_iter().map(Link::from).collect())
    }

    /// Returns the link of this name, or nothing if there is none.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let asked = header(0, 0).with_text(IFLA_IFNAME, name);
        let device = self.get(RTM_GETLINK, &asked, Device::read)?;
        Ok(device.map(Link::from))
    }

    /// Makes a bridge, which is up.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if the name is taken.
    pub fn add_bridge(&mut self, name: &InterfaceName) -> Result<(), NetlinkError> {
        let info = Body::default().with_text(IFLA_INFO_KIND, "bridge");
        self.create(&named(0, IFF_UP, name).with(IFLA_LINKINFO, &info.0))
    }

    /// Makes a veth pair. The end here is up; the other end is its namespace's affair.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if one of the names is taken in its namespace.
    pub fn add_veth(&mut self, pair: &NewVeth<'_>) -> Result<(), NetlinkError> {
        let peer = named(0, 0, pair.peer.name)
            .with_number(IFLA_NET_NS_FD, descriptor(pair.peer.namespace))
            .with_optional(IFLA_MTU, pair.mtu);
        let peer = with_mac(peer, pair.peer.mac);
        let data = Body::default().with(VETH_INFO_PEER, &peer.0);
        let link = named(0, IFF_UP, pair.name)
            .with_optional(IFLA_MTU, pair.mtu)
            .with_optional(IFLA_NET_NS_FD, pair.namespace.map(descriptor))
            .with_optional(IFLA_MASTER, pair.bridge)
            .with(IFLA_LINKINFO, &info("veth", &data).0);
        self.create(&link)
    }

    /// Makes a link on top of an interface.
    ///
    /// # Errors
    /// [`Errno::OPNOTSUPP`] if the kernel lacks the driver, [`Errno::INVAL`] or [`Errno::BUSY`] if
    /// the parent cannot carry the link.
    pub fn add_upper(&mut self, new: &NewUpper<'_>) -> Result<(), NetlinkError> {
        self.create(&upper(new))
    }

    /// Moves a link to another network namespace, with another name there. The kernel brings it
    /// down and takes its addresses away.
    ///
    /// # Errors
    /// [`Errno::INVAL`] if the link cannot be moved, [`Errno::EXIST`] if the name is taken there.
    pub fn move_to(
        &mut self,
        index: u32,
        name: &InterfaceName,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let link = named(index, 0, name).with_number(IFLA_NET_NS_FD, descriptor(namespace));
        self.act(RTM_SETLINK, 0, &link)
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn bring_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        self.act(RTM_SETLINK, 0, &header(index, IFF_UP))
    }

    /// Removes a link, and the other end of a veth pair. A link that is gone is not a failure.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn remove(&mut self, index: u32) -> Result<(), NetlinkError> {
        match self.act(RTM_DELLINK, 0, &header(index, 0)) {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
            outcome => outcome,
        }
    }

    fn create(&mut self, link: &Body) -> Result<(), NetlinkError> {
        self.act(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link)
    }
}

/// Returns a `struct ifinfomsg` that sets flags of a link. The index is 0 for a new link, and for a
/// link that is found by its name.
fn header(index: u32, flags: i32) -> Body {
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend([flags.to_ne_bytes(), flags.to_ne_bytes()].concat());
    Body(bytes)
}

fn named(index: u32, flags: i32, name: &InterfaceName) -> Body {
    header(index, flags).with_text(IFLA_IFNAME, name.as_str())
}

fn upper(new: &NewUpper<'_>) -> Body {
    let link = named(0, 0, new.name)
        .with_number(IFLA_NET_NS_FD, descriptor(new.namespace))
        .with_number(IFLA_LINK, new.parent)
        .with_optional(IFLA_MTU, new.mtu);
    let data = Body::default();
    let info = match new.kind {
        UpperKind::Macvlan => info("macvlan", &data.with_number(MACVLAN_MODE, MACVLAN_BRIDGE)),
        UpperKind::Ipvlan => info("ipvlan", &data.with(IPVLAN_MODE, &IPVLAN_L2.to_ne_bytes())),
    };
    with_mac(link, new.mac).with(IFLA_LINKINFO, &info.0)
}

/// Returns the kind of a link, and what only links of that kind have.
fn info(kind: &str, data: &Body) -> Body {
    Body::default()
        .with_text(IFLA_INFO_KIND, kind)
        .with(IFLA_INFO_DATA, &data.0)
}

fn with_mac(link: Body, mac: Option<[u8; 6]>) -> Body {
    match mac {
        Some(mac) => link.with(IFLA_ADDRESS, &mac),
        None => link,
    }
}

fn descriptor(namespace: BorrowedFd<'_>) -> u32 {
    namespace.as_raw_fd().cast_unsigned()
}

impl From<Device> for Link {
    fn from(device: Device) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            index: device.index,
            name: text(&device.name),
            kind: device.kind.as_deref().map(text),
            controller: device.master,
            is_up: device.is_up,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Attributes;
    use std::fs::File;

    #[test]
    fn an_ipvlan_is_requested_as_the_kernel_reads_it() {
        use rustix::fd::AsFd;
        let namespace = File::open("/proc/self/ns/net").unwrap();
        let name = "eth0".parse().unwrap();
        let message = upper(&NewUpper {
            kind: UpperKind::Ipvlan,
            parent: 7,
            name: &name,
            namespace: namespace.as_fd(),
            mac: None,
            mtu: Some(1400),
        });
        let find = |bytes, number| {
            let found = Attributes(bytes).find(|(kind, _)| *kind == number);
            found.map(|(_, value)| value)
        };
        // struct ifinfomsg has 16 bytes. The numbers are those of linux/if_link.h.
        let (ifname, link, mtu, info, namespace_fd) = (3, 5, 4, 18, 28);
        let (info_kind, info_data, mode, l2) = (1, 2, 1, 0_u16);
        let all = &message.0[16..];
        assert_eq!(find(all, ifname), Some(&b"eth0\0"[..]));
        assert_eq!(find(all, link), Some(&7_u32.to_ne_bytes()[..]));
        assert_eq!(find(all, mtu), Some(&1400_u32.to_ne_bytes()[..]));
        let fd = namespace.as_raw_fd().to_ne_bytes();
        assert_eq!(find(all, namespace_fd), Some(&fd[..]));
        let info = find(all, info).unwrap();
        assert_eq!(find(info, info_kind), Some(&b"ipvlan\0"[..]));
        let data = find(info, info_data).unwrap();
        assert_eq!(find(data, mode), Some(&l2.to_ne_bytes()[..]));
    }
}
